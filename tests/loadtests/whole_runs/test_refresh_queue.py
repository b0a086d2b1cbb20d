"""Refresh-ahead by a Celery worker: the worker runs as long as its cell; without the extra a remark names it."""

import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import redis

from stampede.core.errors import ConfigError
from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan import contenders
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config, missing_contenders
from stampede.loadtests.coordinator.celery_process import CeleryProcess
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.scenarios.plans import find_plan
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.workload import OwnSql, WorkloadFile
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


QUERIES = (
    OwnSql(name="users", entity="user", load="SELECT 1 AS x WHERE %(id)s = 1", ids="SELECT 1 AS id"),
    OwnSql(
        name="days",
        entity="day",
        load="SELECT %(tenant)s::text AS tenant, %(day)s::date::text AS day",
        ids="SELECT '00000000-0000-4000-8000-000000000007'::uuid AS tenant, date '2026-11-30' AS day",
    ),
)


@pytest.mark.skipif(importlib.util.find_spec("celery") is None, reason="the extra [celery] is not installed")
def test_a_task_refreshes_the_record_of_its_query_whatever_the_type_of_its_id(
    stack: Stack, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """The worker writes the key that readers read, and reports it with the instants of the task."""
    workload = WorkloadFile(common={"queries": QUERIES})
    config = BenchConfig(
        plan=PLAN, workload=workload, contenders=(CELERY,), reference=CELERY, runs=tmp_path / "runs", processes=1
    )
    run_config, _ = prepare_run(config, stack, lambda _line: None)
    run_config.write(tmp_path / "spec.json")
    worker = CeleryProcess(stack, tmp_path / "spec.json", tmp_path / "log")
    server = AppServer(run_config, 0, ThreadClock())
    try:
        worker.start("refresh-queue", CELERY)
        server.prepare(CellPlan(id=1, scenario="refresh-queue", contender=CELERY, round=1, seed=1, predecessor=None))
        assert server.cell is not None
        assert server.cell.population is not None
        pattern, record_id = server.cell.patterns[1], server.cell.population.record_id(1)
        key = pattern.key(record_id)
        assert key == f"{run_config.key_prefix}day:{record_id.tenant}:2026-11-30"
        redis_client.set(key, b"{}", px=30_000)
        pattern.refresh_below_ms = 60_000  # type: ignore[attr-defined]  # the next read hands the refresh to the queue
        assert pattern.get(record_id) == {}
        until = time.monotonic() + 60
        while redis_client.get(key) == b"{}":
            assert time.monotonic() < until
            time.sleep(0.01)
        assert pattern.get(record_id) == {"tenant": str(record_id.tenant), "day": "2026-11-30"}
        reported = worker.stop()
        assert [task[0] for task in reported] == [f"day:{record_id.tenant}:2026-11-30"] * len(reported)
        assert reported
    finally:
        worker.kill()
        server.close()


def is_running(process: psutil.Process) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
