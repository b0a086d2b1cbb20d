"""Refresh-ahead by a Celery worker: the worker runs as long as its cell; without the extra a remark names it."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stampede.core.errors import ConfigError
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan import contenders
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config, missing_contenders
from stampede.loadtests.coordinator.celery_process import CeleryProcess
from stampede.scenarios.plans import find_plan
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack

CELERY = "refresh-ahead-celery"
PLAN = replace(find_plan("smoke"), scenarios=("refresh-queue",), experiments=())


def test_without_the_extra_the_others_run_and_a_remark_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "find_spec", lambda _name: None)
    names = {contender_spec.name for contender_spec in check_bench_config(BenchConfig(plan=PLAN))[2]}
    assert "refresh-ahead" in names
    assert CELERY not in names
    (remark,) = missing_contenders([find_scenario("refresh-queue")])
    assert remark.what == f"{CELERY}: not installed: .venv/bin/pip install celery (the extra [celery])"
    with pytest.raises(ConfigError, match="not installed"):
        check_bench_config(BenchConfig(plan=PLAN, contenders=(CELERY,)))


@pytest.mark.skipif(importlib.util.find_spec("celery") is None, reason="the extra [celery] is not installed")
def test_the_worker_takes_tasks_after_its_start_and_leaves_no_process_after_its_stop(
    stack: Stack, tmp_path: Path
) -> None:
    config = BenchConfig(
        plan=PLAN,
        workload=WorkloadFile(common={"records": 2_000}),
        contenders=(CELERY,),
        reference=CELERY,
        runs=tmp_path / "runs",
    )
    run_config, _ = prepare_run(config, stack, lambda _line: None)
    run_config.write(tmp_path / "spec.json")
    worker = CeleryProcess(stack, tmp_path / "spec.json", tmp_path / "log")
    try:
        worker.start("refresh-queue", CELERY)
        assert worker.process is not None
        mine = [psutil.Process(worker.process.pid)]
        mine += mine[0].children(recursive=True)
        assert worker.stop() == []
        assert worker.process is None
    finally:
        worker.kill()
    assert not any(is_running(process) for process in mine)


def is_running(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
