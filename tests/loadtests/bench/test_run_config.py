"""The run configuration: every Locust process reads the values that were written."""

import json
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.locustfiles.run_config import (
    CellPlan,
    RunConfig,
    ScenarioPlan,
    query_plans,
    read_run_config,
    read_scenario,
    run_config_from_json,
)
from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.rate_limiting.flood import CallerGroup, Flood
from stampede.scenarios.workload import OwnSql, Workload
from stampede.stack.postgres.source import default_statements, user_statements

SQL = OwnSql(load="SELECT %(id)s", ids="SELECT 1", version="v")
PLAIN = ScenarioPlan(
    name="read-mostly",
    workload=Workload(records=10),
    queries=query_plans(Workload(records=10), [default_statements(1, 1.0)]),
    window_s=1.0,
    warm_up_s=0.5,
    drain_s=0.5,
    simulated_rtt_ns=0,
)
FULL = ScenarioPlan(
    name="flood",
    workload=Workload(queries=(SQL,), rtt_ms=0.5, arrivals="closed"),
    queries=query_plans(Workload(queries=(SQL,)), [user_statements(SQL, ("tenant", "id"))]),
    window_s=1.0,
    warm_up_s=0.5,
    drain_s=0.5,
    simulated_rtt_ns=500_000,
    flood=Flood(limit=8, window_s=0.4, caller_groups=(CallerGroup(profile="burst, then 1.1 ×", subjects=3),), burst=4),
    fault=Fault(what="kill redis"),
    cold=True,
    check_after_drain=True,
    processes=1,
)
CONFIG = RunConfig(
    folder="runs/x",
    postgres_url="postgresql://u:pässword@h/db",
    redis_url="redis://h/0",
    key_prefix="stampede:",
    processes=2,
    users_per_process=4,
    seed=2**70,
    contender_specs=(
        ContenderSpec(name="cache-aside", kind="contender"),
        ContenderSpec(name="cache-aside-again", kind="aa-copy", copy_of="cache-aside"),
        ContenderSpec(name="mine", kind="contender", file="mine.py", family="limiting"),
    ),
    scenarios=(PLAIN, FULL),
    cells=(
        CellPlan(id=0, scenario="flood", contender="mine", round=1, seed=7, predecessor=None),
        CellPlan(id=1, scenario="flood", contender="cache-aside", round=1, seed=7, predecessor="mine"),
    ),
    progress_fd=3,
    bind="127.0.0.1:5557",
    wait_s=1.5,
    switch_fd=4,
)


def test_a_run_config_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every field is read back equal, including nested ones and tuples; only the owner may read the file."""
    CONFIG.write(tmp_path / "spec.json")
    assert read_run_config(tmp_path / "spec.json") == CONFIG
    assert stat.S_IMODE((tmp_path / "spec.json").stat().st_mode) == 0o600


def test_a_run_config_is_read_from_a_message() -> None:
    """The JSON object in a Locust message gives the same configuration."""
    assert run_config_from_json(json.loads(json.dumps(asdict(CONFIG)))) == CONFIG
    assert read_scenario(json.loads(json.dumps(asdict(FULL)))) == FULL


@pytest.mark.parametrize(
    "change",
    [
        {"seed": "1"},
        {"cells": [{"id": 0}]},
        {"scenarios": [{"name": "x"}]},
        {"contender_specs": [{"name": "a", "kind": "b"}]},
    ],
)
def test_a_run_config_with_other_fields_is_refused(change: dict[str, object]) -> None:
    """A configuration of a version with other fields is a ValueError that names the field."""
    with pytest.raises(ValueError, match=rf"\$\.{next(iter(change))}"):
        run_config_from_json(json.loads(json.dumps(asdict(CONFIG))) | change)
