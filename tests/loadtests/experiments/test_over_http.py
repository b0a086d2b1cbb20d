"""The over-http experiment with the real service, servers and Locust process."""

from pathlib import Path

import numpy as np
import psutil
import pytest
import redis

from stampede.core.errors import NotHere
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.experiments.experiment import ExperimentConfig
from stampede.loadtests.experiments.over_http import CONTENDERS, EXPERIMENT, draw_arrivals, requested_workload
from stampede.loadtests.experiments.run_experiments import prepare_experiments, run_experiments
from stampede.run_folder.read import read_run
from stampede.scenarios.plans import Plan
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack

WAIT_MS = 20.0
QUICK = {"ttl_s": 0.2, "load_cpu_ms": 0.0, "load_wait_ms": WAIT_MS, "rate_per_s": 100.0}


def config_of(stack: Stack, records: int, **values: object) -> ExperimentConfig:
    workload = WorkloadFile(common={"records": records}, by_scenario={"stampede": QUICK | values})
    return ExperimentConfig(stack=stack, rounds=1, seed=3, workload=workload, say=lambda _line: None)


def test_every_call_has_an_outcome_and_the_database_counts_the_loads(
    stack: Stack, dataset: int, redis_client: redis.Redis
) -> None:
    """No call fails or starts before it is due. At least one expiry causes a load, and each load belongs to a call that
    waited for it. No process and no key is left.
    """
    before = {child.pid for child in psutil.Process().children()}
    config = config_of(stack, dataset)
    rows = list(EXPERIMENT.run(config))
    due = {}
    for name in CONTENDERS:
        own = [row for row in rows if row.variant == name]
        waits = [row.value for row in own if row.name == "response"]
        late = [(row.at, row.value) for row in own if row.name == "late"]
        (loads,) = [row.value for row in own if row.name == "loads"]
        assert [row for row in own if row.name == "failed"] == []
        assert len(waits) == len(late)
        assert min(value for _, value in late) >= 0
        assert 1 <= loads <= sum(wait >= WAIT_MS for wait in waits)
        due[name] = [at for at, _ in late]
    assert due["cache-aside"] == due["coalescing"]
    assert config.settings["workload"]["ttl_s"] == QUICK["ttl_s"]
    assert {child.pid for child in psutil.Process().children()} == before
    assert redis_client.keys("*over-http*") == []


def test_it_has_the_rate_of_the_cells_and_arrivals_depend_on_the_seed(stack: Stack) -> None:
    workload = requested_workload(
        ExperimentConfig(stack=stack, rounds=1, seed=3, rates_per_s={"stampede": 50.0}, say=lambda _line: None)
    )
    assert (workload.rate_per_s, workload.rtt_ms, workload.active_records) == (50.0, 0.0, 1)
    first, again, other = (draw_arrivals(workload, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.window.tolist() == again.window.tolist() != other.window.tolist()
    assert first.window[-1] < 4 * workload.ttl_s * 1e9


@pytest.mark.parametrize("values", [{"arrivals": "closed"}, {"read_share": 0.5}])
def test_a_workload_that_the_service_cannot_serve_is_refused(stack: Stack, values: dict[str, object]) -> None:
    with pytest.raises(NotHere):
        requested_workload(config_of(stack, 2_000, **values))


def test_a_refused_workload_is_recorded_as_skipped_with_the_reason(stack: Stack, tmp_path: Path) -> None:
    plan = Plan(name="planted", rounds=1, scenarios=(), experiments=("over-http",), small_experiments=True)
    workload = WorkloadFile(by_scenario={"stampede": {"arrivals": "closed"}})
    config = BenchConfig(plan=plan, workload=workload, runs=tmp_path)
    folder = prepare_experiments(config, stack)
    run_experiments(folder, config, stack, lambda _line: None)
    (info,) = read_run(folder).info.experiments
    assert (info.status, info.why) == ("skipped", "arrivals: 'closed' (wanted: open arrivals)")
