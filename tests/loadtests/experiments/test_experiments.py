"""Experiments run one after the other; one that fails or is not allowed is recorded and does not stop the others."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import redis

from stampede.core.errors import ConfigError, RunFolderError
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config
from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow, experiments
from stampede.loadtests.experiments.monitor_cost import monitor_client
from stampede.loadtests.experiments.pipelining import READS, WAYS
from stampede.loadtests.experiments.run_experiments import NOT_ALLOWED, prepare_experiments, run_experiments
from stampede.run_folder.read import read_run
from stampede.scenarios.plans import PLANS, Plan
from stampede.stack.servers import Stack


def config_of(names: tuple[str, ...], runs: Path) -> BenchConfig:
    plan = Plan(name="planted", rounds=1, scenarios=(), experiments=names, small_experiments=True)
    return BenchConfig(plan=plan, runs=runs)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Experiment]:
    """Three experiments by name: one works, one fails half-way, one needs a Redis that Stampede started."""

    def work(config: ExperimentConfig) -> Iterator[ExperimentRow]:
        config.settings["words"] = "planted"
        yield ExperimentRow("variant", 1, "", None, "answer", 42.0, "1")

    def broken(config: ExperimentConfig) -> Iterator[ExperimentRow]:
        yield from work(config)
        raise redis.TimeoutError("planted\nfault")

    def experiment_of(
        name: str, run: Callable[[ExperimentConfig], Iterator[ExperimentRow]], *, needs_permission: bool = False
    ) -> Experiment:
        return Experiment(
            name=name, question="?", application="a", expectation="e", run=run, needs_our_redis=needs_permission
        )

    known = (
        experiment_of("broken", broken),
        experiment_of("works", work),
        experiment_of("disturbing", work, needs_permission=True),
    )
    found = {experiment.name: experiment for experiment in known}
    monkeypatch.setattr("stampede.loadtests.experiments.experiment.experiments", lambda: found)
    return found


def test_a_failed_experiment_is_recorded_and_the_next_one_runs(
    stack: Stack, tmp_path: Path, planted: dict[str, Experiment]
) -> None:
    config = config_of(tuple(planted), tmp_path)
    folder = prepare_experiments(config, stack)
    assert [info.status for info in read_run(folder).info.experiments] == ["planned"] * 3
    lines: list[str] = []
    run_experiments(folder, config, stack, lines.append)
    run = read_run(folder)
    assert run.info.status == "finished"
    assert [(e.name, e.status, e.why) for e in run.info.experiments] == [
        ("broken", "failed", "TimeoutError: planted fault"),
        ("works", "done", ""),
        ("disturbing", "done", ""),
    ]
    assert run.info.experiments[1].settings == {"words": "planted", "rounds": 1, "small": True}
    assert run.experiment("works")["value"].tolist() == [42.0]
    assert lines == ["broken failed: TimeoutError: planted fault"]
    with pytest.raises(RunFolderError):
        run.experiment("broken")


@pytest.mark.parametrize(("allowed", "status", "why"), [(False, "skipped", NOT_ALLOWED), (True, "done", "")])
def test_an_experiment_that_disturbs_a_users_server_needs_permission(
    stack: Stack, tmp_path: Path, planted: dict[str, Experiment], allowed: bool, status: str, why: str
) -> None:
    assert planted["disturbing"].needs_our_redis
    config = replace(config_of(("disturbing",), tmp_path), may_configure=allowed)
    users_stack = replace(stack, managed=False)
    folder = prepare_experiments(config, users_stack)
    run_experiments(folder, config, users_stack, lambda _line: None)
    (info,) = read_run(folder).info.experiments
    assert (info.status, info.why) == (status, why)


def test_a_missing_table_of_a_done_experiment_is_refused(
    stack: Stack, tmp_path: Path, planted: dict[str, Experiment]
) -> None:
    assert planted
    config = config_of(("works",), tmp_path)
    folder = prepare_experiments(config, stack)
    run_experiments(folder, config, stack, lambda _line: None)
    (folder / "experiments" / "works.parquet").unlink()
    with pytest.raises(RunFolderError):
        read_run(folder)


def test_every_plan_names_experiments_that_exist() -> None:
    assert {name for plan in PLANS.values() for name in plan.experiments} <= set(experiments())
    assert set(PLANS["standard"].experiments) >= {"eviction", "pipelining", "monitor-cost"}


def test_an_unknown_experiment_is_refused_before_a_server_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pipelining"):
        check_bench_config(config_of(("nothing",), tmp_path))


def test_one_by_one_takes_a_round_trip_per_key_and_the_other_ways_take_one(
    stack: Stack, redis_client: redis.Redis
) -> None:
    config = ExperimentConfig(stack=stack, rounds=1, seed=3, say=lambda _line: None)
    rows = list(experiments()["pipelining"].run(config))
    trips = {(r.variant, r.parameter, r.at): r.value for r in rows if r.name == "round_trips"}
    assert set(trips) == {(way, d, float(n)) for way in WAYS for d in ("0 ms", "0.5 ms") for n in READS}
    for (way, _, reads), made in trips.items():
        assert made == (reads if way == "one by one" else 1)
    distances = {r.parameter: r.value for r in rows if r.name == "distance"}
    assert distances["0 ms"] == 0
    assert all(r.value >= 0.5 for r in rows if (r.name, r.parameter) == ("distance", "0.5 ms"))
    assert redis_client.keys(f"{stack.key_prefix}*") == []


def test_a_monitor_client_is_attached_during_the_block_and_then_ends(stack: Stack, redis_client: redis.Redis) -> None:
    config = ExperimentConfig(stack=stack, rounds=1, seed=3, say=lambda _line: None)
    before = {child.pid for child in psutil.Process().children()}
    with monitor_client(config):
        assert [c["cmd"] for c in redis_client.client_list() if "O" in c["flags"]] == ["monitor"]
        started = {child.pid for child in psutil.Process().children()} - before
        assert len(started) == 1
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_the_cost_of_monitor_is_measured_in_pairs(stack: Stack) -> None:
    rows = list(experiments()["monitor-cost"].run(
        ExperimentConfig(stack=stack, rounds=1, seed=3, say=lambda _line: None)
    ))  # fmt: skip
    assert sorted((r.parameter, r.variant) for r in rows) == [
        (way, variant) for way in ("50 in a pipeline", "one by one") for variant in ("with MONITOR", "without")
    ]
    assert all(r.value > 0 for r in rows)
