"""Plans: their contents, and their budgets on two cores."""

from dataclasses import fields

import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.duration_estimate import estimate
from stampede.loadtests.bench.run_plan.cell_plan import plan_cells
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config
from stampede.reports.claims.claims_section import claims
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL
from stampede.scenarios.plans import ARTICLE_PATTERNS, BUDGETS_S, HOT_KEY_CONTENDERS, PLANS, TTL_SCENARIOS, VARIANTS
from stampede.scenarios.scenario import scenarios


@pytest.mark.parametrize("name", BUDGETS_S)
def test_plan_fits_its_budget(name: str) -> None:
    """With cells, experiments, races and report, smoke takes under 75 s, quick under 8, standard under 30."""
    assert estimate(BenchConfig(plan=PLANS[name])).total_s < BUDGETS_S[name]


def test_estimate_covers_every_cell_in_one_line() -> None:
    order = BenchConfig(plan=PLANS["standard"])
    cells = plan_cells(order, check_bench_config(order)[2])
    found = estimate(order)
    assert found.cells == len(cells)
    minutes = round(found.total_s / 60)
    assert found.summary("standard") == f"plan standard: {len(cells)} cells, about {minutes} minutes"
    assert set(found.by_scenario) == set(PLANS["standard"].scenarios)
    assert all(seconds > 0 for seconds in found.by_scenario.values())


@pytest.mark.parametrize("name", [name for name, plan in PLANS.items() if plan.rounds >= MIN_ROUNDS])
def test_every_comparison_of_a_plan_can_become_significant(name: str) -> None:
    """If all rounds of a comparison are on one side, its p-value passes Holm's correction at 5 %."""
    order = BenchConfig(plan=PLANS[name])
    _, _, contender_specs = check_bench_config(order)
    others = {e.name for e in contender_specs if e.kind == "contender"} - {order.reference}
    tables: dict[str, dict[str, int]] = {}
    for cell in plan_cells(order, contender_specs):
        scenario = scenarios()[cell.scenario]
        if cell.contender in others and scenario.kind == "caching" and not scenario.report_separately:
            tables.setdefault(cell.scenario, {})[cell.contender] = cell.round
    assert tables
    for rounds in tables.values():
        assert len(rounds) * 2 / 2 ** min(rounds.values()) <= 1 - PAIRED_LEVEL


def test_more_rounds_take_longer() -> None:
    short, long = (estimate(BenchConfig(plan=PLANS[name])).total_s for name in ("standard", "full"))
    assert long > short


def test_standard_runs_what_each_claim_needs() -> None:
    """C1–C13 need two RTTs, a slow load, writes, limiters, cold starts and experiments."""
    plan = PLANS["standard"]
    assert {"read-mostly", "stampede", "mixed-writes", "rate-limit-flood", "cold-start", *VARIANTS} <= set(
        plan.scenarios
    )
    assert {"eviction", "pipelining", "serializer-cost", "over-http"} <= set(plan.experiments)
    order = BenchConfig(plan=plan)
    ran: dict[str, dict[str, int]] = {}
    for cell in plan_cells(order, check_bench_config(order)[2]):
        rounds = ran.setdefault(cell.scenario, {})
        rounds[cell.contender] = max(rounds.get(cell.contender, 0), cell.round)
    for name in ("read-mostly", "stampede", "read-mostly-at-0ms", "stampede-at-0ms"):
        writes = scenarios()[name].overrides.get("read_share") != 1.0
        assert set(ARTICLE_PATTERNS if writes else HOT_KEY_CONTENDERS) <= set(ran[name])
        assert "bare-get" in ran[name]
    assert {"cache-aside", "coalescing", "refresh-ahead"} <= set(ran["stampede-one-process"])
    timed = {name: rounds for name, rounds in ran.items() if not scenarios()[name].report_separately}
    assert min(rounds["cache-aside"] for name, rounds in timed.items() if name != "rate-limit-flood") >= 6
    assert {"no-cache", "write-through", "cache-aside"} <= set(ran["mixed-writes"])
    assert set(ran["slow-load"]) == {"no-cache", "cache-aside"}


def test_variant_differs_only_in_its_condition() -> None:
    """Variants with another RTT or TTL differ in it only; variants in one process differ in the processes only."""
    known = scenarios()
    varied = {name: s for name, s in known.items() if s.variant_of}
    assert {*VARIANTS, *TTL_SCENARIOS} == set(varied)
    for name, variant in varied.items():
        base = known[variant.variant_of]
        if name.endswith("-at-0ms"):
            assert {**variant.overrides} == {**base.overrides, "rtt_ms": 0.0}
            assert (variant.window_ttls, variant.window_s) == (base.window_ttls, base.window_s)
            assert variant.warm_up_s == base.warm_up_s
        if name in TTL_SCENARIOS:
            assert set(variant.overrides) == {"ttl_s"}
            assert variant.window_s == base.window_s
        if name.endswith("-one-process"):
            changed = {f.name for f in fields(base) if getattr(base, f.name) != getattr(variant, f.name)}
            assert changed <= {"name", "question", "application", "expectation", "variant_of", "processes"}


def test_command_of_each_claim_names_an_existing_plan() -> None:
    for claim in claims():
        assert claim.command.startswith("make bench")
        plan = claim.command.partition("PLAN=")[2].split(",")[0].split(";")[0]
        assert not plan or plan in PLANS
