"""Doubts provoked for real: a program that hogs the cores, more requests than can be served, a harness that starves."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from artefact.read import read_run
from loadtests.bench.bench_config import BenchOrder
from loadtests.bench.planning import prepare_run
from loadtests.bench.run_bench import run_bench
from reports.judge import Judgement, judge
from scenarios.plans import find_plan
from scenarios.workload import WorkloadFile
from stack.servers import Stack
from tests.loadtests.conftest import CONTENDERS

pytestmark = pytest.mark.slow


def run(stack: Stack, runs: Path, contender: str, **workload: Any) -> Judgement:
    """One cell each of cache-aside and a contender's file, 1.2 s long."""
    common = {"records": 2_000, "active_records": 200, "ttl_s": 0.6, "read_share": 1.0, "rtt_ms": 0.0} | workload
    own = Path(contender).stem.replace("_", "-")
    order = BenchOrder(
        plan=replace(find_plan("smoke"), scenarios=("read-heavy",), experiments=()),
        workload=WorkloadFile(common=common),
        contenders=("cache-aside",),
        own_contenders=(str(CONTENDERS / contender),),
        processes=1,
        runs=runs,
    )
    spec, _ = prepare_run(order, stack, lambda _line: None)
    spec = replace(spec, cells=tuple(cell for cell in spec.cells if cell.contender in ("cache-aside", own)))
    run_bench(spec, stack, lambda _event: None)
    return judge(read_run(Path(spec.folder)))


def doubted(judgement: Judgement, contender: str) -> Mapping[str, str]:
    """The doubts that touch that contender: kind and finding."""
    return {x.kind.name: x.what for x in judgement.doubts if not x.contenders or contender in x.contenders}


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
    with hog():
        judgement = run(stack, tmp_path, "blocking.py", rate_per_s=50.0)
    assert "by others" in doubted(judgement, "cache-aside")["other-load"]
    assert judgement.run.info.circumstances["calibration"]["busy_share"] > 0.5
    assert any("other programs" in line for line in judgement.run.info.circumstances["outlook"])


def test_more_requests_than_threads_can_serve_are_a_missed_rate_and_the_answer_is_saturated(
    stack: Stack, tmp_path: Path
) -> None:
    """Two threads, loads of 100 ms on every read: 20 a second can be served, 300 are due."""
    judgement = run(
        stack, tmp_path, "always_loads.py", rate_per_s=300.0, users_per_process=2, load_cpu_ms=0.0, load_wait_ms=100.0
    )
    assert {"saturated", "rate-missed"} <= doubted(judgement, "always-loads").keys()


def test_a_harness_whose_process_is_blocked_says_that_it_was_late(stack: Stack, tmp_path: Path) -> None:
    """A contender that computes for 15 ms without a pause while others are due: threads are free, and start late."""
    judgement = run(stack, tmp_path, "blocking.py", rate_per_s=50.0)
    assert "with blocking" in doubted(judgement, "blocking")["generator-late"]
