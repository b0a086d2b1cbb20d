"""Doubts provoked for real: a program that hogs the cores, more requests than can be served, a harness that starves."""

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


def ordered(contender: str, processes: int = 1, **workload: Any) -> BenchConfig:
    """One cell each of cache-aside and a contender's file, 1.2 s long."""
    common = {"records": 2_000, "active_records": 200, "ttl_s": 0.6, "read_share": 1.0, "rtt_ms": 0.0} | workload
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("read-heavy",), experiments=()),
        workload=WorkloadFile(common=common),
        contenders=("cache-aside",),
        own_contenders=(str(CONTENDERS / contender),),
        processes=processes,
    )


def blocked_order(_home: Path) -> BenchConfig:
    """Each process blocks for 3/8 of the time, and of its 32 threads most are free."""
    return ordered("blocking.py", processes=2, rate_per_s=50.0)


def crowded_order(_home: Path) -> BenchConfig:
    """Eight threads, loads of 400 ms on every read: 20 a second can be served, 300 are due."""
    return ordered("always_loads.py", rate_per_s=300.0, users_per_process=8, load_cpu_ms=0.0, load_wait_ms=400.0)


def no_bound(cell: CellPlan) -> bool:
    return cell.contender in ("cache-aside", "blocking", "always-loads")


BENCHES = (
    SharedBench(name="blocked", processes=TWO_PROCESSES, order=blocked_order, keep=no_bound),
    SharedBench(name="crowded", processes=ONE_PROCESS, order=crowded_order, keep=no_bound),
)
RunShared = Callable[[SharedBench], Run]


def doubted(analysis: Analysis, contender: str) -> Mapping[str, str]:
    """The doubts that touch that contender: kind and finding."""
    return {x.kind.name: x.what for x in analysis.warnings if not x.contenders or contender in x.contenders}


@contextmanager
def hog() -> Iterator[None]:
    """One busy process a core, until the block ends."""
    with ExitStack() as ending:
        for _ in range(os.cpu_count() or 1):
            child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            ending.callback(child.wait)
            ending.callback(child.kill)
        yield


def test_a_program_that_hogs_the_cores_is_other_load(stack: Stack, tmp_path: Path) -> None:
    order = replace(ordered("blocking.py", rate_per_s=50.0), runs=tmp_path)
    with hog():
        spec, _ = prepare_run(order, stack, lambda _line: None)
        spec = replace(spec, cells=tuple(filter(no_bound, spec.cells)))
        run_bench(spec, stack, lambda _event: None)
        analysis = analyse(read_run(Path(spec.folder)))
    assert "by others" in doubted(analysis, "cache-aside")["other-load"]
    assert analysis.run.info.metadata["calibration"]["busy_share"] > 0.5
    assert any("other programs" in line for line in analysis.run.info.metadata["outlook"])


def test_more_requests_than_threads_can_serve_are_a_missed_rate_and_the_answer_is_saturated(
    run_shared: RunShared,
) -> None:
    analysis = analyse(run_shared(BENCHES[1]))
    assert {"saturated", "rate-missed"} <= doubted(analysis, "always-loads").keys()


def test_a_harness_whose_process_is_blocked_says_that_it_was_late(run_shared: RunShared) -> None:
    """A contender that computes for 15 ms without a pause while others are due: threads are free, and start late."""
    analysis = analyse(run_shared(BENCHES[0]))
    assert "with blocking" in doubted(analysis, "blocking")["generator-late"]
