"""Warnings in real runs: a program that uses all cores, more requests than can be served, a blocked harness."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.run_folder.read import Run, read_run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack
from tests.loadtests.conftest import CONTENDERS
from tests.loadtests.whole_runs.shared_benches import ONE_PROCESS, TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow


def bench_config(contender: str, processes: int = 1, **workload: Any) -> BenchConfig:
    """One cell of 1.2 s each for cache-aside and a contender's file."""
    common = {"records": 2_000, "active_records": 200, "ttl_s": 0.6, "read_share": 1.0, "rtt_ms": 0.0} | workload
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("read-mostly",), experiments=()),
        workload=WorkloadFile(common=common),
        contenders=("cache-aside",),
        own_contenders=(str(CONTENDERS / contender),),
        processes=processes,
    )


def blocked_config(_home: Path) -> BenchConfig:
    """Each process is blocked for 3/8 of the time, and most of its 32 threads are free."""
    return bench_config("blocking.py", processes=2, rate_per_s=50.0)


def saturated_config(_home: Path) -> BenchConfig:
    """Eight threads and loads of 400 ms on every read: 20 requests a second can be served, 300 are due."""
    return bench_config("always_loads.py", rate_per_s=300.0, users_per_process=8, load_cpu_ms=0.0, load_wait_ms=400.0)


def is_contender(cell: CellPlan) -> bool:
    return cell.contender in ("cache-aside", "blocking", "always-loads")


BENCHES = (
    SharedBench(name="blocked", processes=TWO_PROCESSES, config=blocked_config, keep=is_contender),
    SharedBench(name="crowded", processes=ONE_PROCESS, config=saturated_config, keep=is_contender),
)
RunShared = Callable[[SharedBench], Run]


def warnings_for(analysis: Analysis, contender: str) -> Mapping[str, str]:
    """The warnings that concern that contender: the finding by kind."""
    return {x.kind.name: x.what for x in analysis.warnings if not x.contenders or contender in x.contenders}


@contextmanager
def hog() -> Iterator[None]:
    """One busy process per core until the block ends."""
    with ExitStack() as ending:
        for _ in range(os.cpu_count() or 1):
            child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            ending.callback(child.wait)
            ending.callback(child.kill)
        yield


def test_a_program_that_uses_all_cores_is_other_load(stack: Stack, tmp_path: Path) -> None:
    config = replace(bench_config("blocking.py", rate_per_s=50.0), runs=tmp_path)
    with hog():
        run_config, _ = prepare_run(config, stack, lambda _line: None)
        run_config = replace(run_config, cells=tuple(filter(is_contender, run_config.cells)))
        run_bench(run_config, stack, lambda _event: None)
        analysis = analyse(read_run(Path(run_config.folder)))
    assert "by other processes" in warnings_for(analysis, "cache-aside")["other-load"]
    assert analysis.run.info.metadata["calibration"]["busy_share"] > 0.5
    assert any("other programs" in line for line in analysis.run.info.metadata["outlook"])


def test_more_requests_than_threads_can_serve_give_the_warnings_rate_missed_and_saturated(
    run_shared: RunShared,
) -> None:
    analysis = analyse(run_shared(BENCHES[1]))
    assert {"saturated", "rate-missed"} <= warnings_for(analysis, "always-loads").keys()


def test_a_blocked_process_of_the_harness_gives_the_warning_generator_late(run_shared: RunShared) -> None:
    """The contender computes for 15 ms without a pause while requests are due: free threads start late."""
    analysis = analyse(run_shared(BENCHES[0]))
    assert "with blocking" in warnings_for(analysis, "blocking")["generator-late"]
