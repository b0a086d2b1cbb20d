"""The steps that plan a run: the length of the window and the offered rate."""

import math
from dataclasses import replace

import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.planning import AUTO_SHARE, describe_scenario, set_rate, size_window
from stampede.loadtests.bench.run_plan.scenario_selection import remarks_on_storage
from stampede.loadtests.locustfiles.run_config import query_plans
from stampede.patterns.serialization.serializer_choice import SerializerChoice
from stampede.scenarios.plans import PLANS
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.workload import OwnSql
from stampede.stack.postgres.source import user_statements

CONFIG = BenchConfig(plan=PLANS["smoke"])
CACHING, LIMITING = find_scenario("read-mostly"), find_scenario("rate-limit-flood")
WORKLOAD = CONFIG.workload.applied(CACHING.name, CACHING.overrides)


def test_a_window_of_a_scenario_with_compressed_time_is_a_whole_number_of_ttls() -> None:
    config, compressed = replace(CONFIG, plan=replace(CONFIG.plan, windows=3)), find_scenario("mixed-writes")
    ttls = size_window(config, compressed, replace(WORKLOAD, ttl_s=0.5)) / 0.5
    assert ttls == 3 * compressed.window_ttls


def test_a_window_in_seconds_does_not_depend_on_the_ttl() -> None:
    config = replace(CONFIG, plan=replace(CONFIG.plan, windows=3))
    assert CACHING.window_s is not None
    assert {size_window(config, CACHING, replace(WORKLOAD, ttl_s=ttl_s)) for ttl_s in (0.5, 3600.0)} == {
        3 * CACHING.window_s
    }


def test_a_window_of_a_limiting_scenario_is_a_whole_number_of_the_limits_windows() -> None:
    assert LIMITING.flood is not None
    config = replace(CONFIG, plan=replace(CONFIG.plan, flood_windows=4))
    assert size_window(config, LIMITING, WORKLOAD) == 4 * LIMITING.flood.window_s


def test_without_the_rate_option_the_workloads_rate_is_offered() -> None:
    lines: list[str] = []
    assert set_rate(CONFIG, CACHING, WORKLOAD, 2.0, {"load_ms": 5.0}, lines.append) == (WORKLOAD, {})
    assert lines == []


@pytest.mark.parametrize(("rate_per_s", "expected"), [(120.0, 120), (math.nan, None)])
def test_the_rate_option_is_offered_as_given_and_auto_is_a_share_of_what_can_be_carried(
    rate_per_s: float, expected: int | None
) -> None:
    lines: list[str] = []
    config = replace(CONFIG, rate_per_s=rate_per_s)
    workload, found = set_rate(config, CACHING, WORKLOAD, 2.0, {"load_ms": 5.0}, lines.append)
    assert workload.rate_per_s == (expected or round(AUTO_SHARE * found["carried_per_s"]))
    assert len(lines) == 1


def test_the_rate_of_a_flood_follows_from_its_calls() -> None:
    assert LIMITING.flood is not None
    workload, _ = set_rate(CONFIG, LIMITING, WORKLOAD, 2.0, {}, lambda _line: None)
    assert workload.rate_per_s == len(LIMITING.flood.calls(2.0, CONFIG.seed)[0]) / 2.0


def test_a_scenario_is_described_with_the_number_of_processes_that_serve_it() -> None:
    for processes, serving in ((1, 1), (2, 2), (None, 2)):
        scenario = replace(CACHING, processes=processes)
        assert describe_scenario(CONFIG, scenario, WORKLOAD, (), 2.0, {}).processes == serving


def test_only_several_queries_are_described_and_their_positions_are_consecutive() -> None:
    """The number of a query's records is that of its ids, at most the active ones."""
    queries = tuple(
        OwnSql(name=name, entity=name, load="SELECT %(id)s", ids="SELECT 1", weight=weight)
        for name, weight in (("a", 1), ("b", 3))
    )
    workload = replace(WORKLOAD, queries=queries, active_records=30)
    plans = query_plans(workload, [user_statements(query) for query in queries])
    found = describe_scenario(CONFIG, CACHING, workload, plans, 2.0, {"ids@a": 20.0, "ids@b": 50.0}).queries
    assert [(q.name, q.share, q.first_position, q.records) for q in found] == [("a", 0.25, 0, 20), ("b", 0.75, 20, 30)]
    assert describe_scenario(CONFIG, CACHING, workload, plans[:1], 2.0, {}).queries == []


def test_a_remark_says_that_experiments_keep_json() -> None:
    """Only if experiments run and the cells store records with another serializer."""
    experiments = replace(PLANS["smoke"], experiments=("pipelining",))
    msgpack = SerializerChoice(serializer="msgpack")
    (remark,) = remarks_on_storage(BenchConfig(plan=experiments, serializer=msgpack))
    assert remark.what == "experiments store records with json, the cells with msgpack"
    assert remarks_on_storage(BenchConfig(plan=experiments)) == []
    assert remarks_on_storage(BenchConfig(plan=replace(experiments, experiments=()), serializer=msgpack)) == []
