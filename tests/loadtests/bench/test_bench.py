"""The cells that a bench plans, and the input that it refuses before it starts anything."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.core.errors import ConfigError
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.cell_plan import plan_cells, same_reads
from stampede.loadtests.bench.run_plan.contenders import select_contenders
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config
from stampede.scenarios.plans import find_plan
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.conftest import CONTENDERS

QUICK = replace(find_plan("quick"), scenarios=("read-mostly", "stampede"))


def test_a_round_runs_every_contender_once_in_every_scenario_with_equal_seeds_in_different_orders() -> None:
    config = BenchConfig(plan=QUICK, seed=4)
    contender_specs = select_contenders((), (), reference="cache-aside", aa_copy=True)
    cells = plan_cells(config, contender_specs)
    assert [cell.id for cell in cells] == list(range(1, len(cells) + 1))
    assert set(Counter((c.scenario, c.contender, c.round) for c in cells).values()) == {1}
    contenders_by_scenario: dict[str, set[tuple[str, ...]]] = {}
    for (scenario, _), group in itertools.groupby(cells, key=lambda c: (c.scenario, c.round)):
        contenders_by_scenario.setdefault(scenario, set()).add(
            tuple(sorted(c.contender for c in group if c.contender != "no-op"))
        )
    assert [len(selections) for selections in contenders_by_scenario.values()] == [1, 1]
    assert {"coalescing", "cache-aside", "cache-aside-again", "bare-get"} <= set(*contenders_by_scenario["stampede"])
    seeds: dict[tuple[str, int], set[int]] = {}
    for cell in cells:
        seeds.setdefault((cell.scenario, cell.round), set()).add(cell.seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds)
    orders = {tuple(c.contender for c in cells if (c.scenario, c.round) == ("stampede", r)) for r in range(1, 9)}
    assert len(orders) > 1
    for before, after in itertools.pairwise(cells):
        same = (before.scenario, before.round) == (after.scenario, after.round)
        assert after.predecessor == (before.contender if same else None)


def test_the_no_op_runs_before_the_first_round_of_each_scenario_and_after_its_last() -> None:
    cells = plan_cells(
        BenchConfig(plan=QUICK, seed=4), select_contenders((), (), reference="cache-aside", aa_copy=True)
    )
    for scenario in QUICK.scenarios:
        names = [cell.contender for cell in cells if cell.scenario == scenario]
        assert [i for i, name in enumerate(names) if name == "no-op"] == [0, len(names) - 1]


def test_more_rounds_begin_with_the_cells_of_fewer() -> None:
    contender_specs = select_contenders((), (), reference="cache-aside", aa_copy=True)
    few, many = (plan_cells(BenchConfig(plan=replace(QUICK, rounds=r), seed=4), contender_specs) for r in (6, 8))
    ran_few, ran_many = ([c for c in cells if c.round < 6] for cells in (few, many))
    assert ran_few == ran_many


@pytest.mark.parametrize(
    ("scenario", "named", "reference", "same"),
    [
        ("stampede", (), "cache-aside", {"ttl-only": "cache-aside", "write-through": "cache-aside"}),
        ("stampede", ("cache-aside", "write-through"), "cache-aside", {"write-through": "cache-aside"}),
        ("stampede", ("cache-aside", "write-through"), "write-through", {}),
        ("stampede", ("no-cache", "write-through"), "no-cache", {}),
        ("mixed-writes", (), "cache-aside", {}),
    ],
)
def test_without_writes_contenders_that_do_the_same_run_once(
    scenario: str, named: tuple[str, ...], reference: str, same: dict[str, str]
) -> None:
    """Where nothing is written, only one of the contenders whose reads are the same runs; the reference always runs."""
    config = BenchConfig(
        plan=replace(QUICK, scenarios=(scenario,), contenders=(), only={}),
        contenders=named,
        reference=reference,
        seed=4,
    )
    contender_specs = select_contenders(named, (), reference=reference, aa_copy=True)
    assert same_reads(config, find_scenario(scenario), contender_specs) == same
    ran = {cell.contender for cell in plan_cells(config, contender_specs)}
    assert not ran & set(same)
    assert set(same.values()) <= ran


def test_the_same_seed_plans_the_same_cells() -> None:
    contender_specs = select_contenders((), (), reference="cache-aside", aa_copy=True)
    assert plan_cells(BenchConfig(plan=QUICK, seed=4), contender_specs) == plan_cells(
        BenchConfig(plan=QUICK, seed=4), contender_specs
    )


def test_a_users_file_runs_next_to_the_built_in_contenders_under_its_own_name() -> None:
    contender_specs = select_contenders((), (str(CONTENDERS / "stalling.py"),), reference="cache-aside", aa_copy=True)
    names = [c.name for c in contender_specs]
    assert "stalling" in names
    assert {"no-cache", "cache-aside", "write-through", "refresh-ahead", "coalescing"} <= set(names)
    assert [c.copy_of for c in contender_specs if c.kind == "aa-copy"] == ["cache-aside"]


@pytest.mark.parametrize(
    ("contents", "wanted"),
    [
        ("def broken(:\n", "line 1"),
        ("x = 1\n", "CachePattern"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
        (None, "exists"),
    ],
)
def test_a_contender_file_that_cannot_run_is_refused_with_the_reason(
    tmp_path: Path, contents: str | None, wanted: str
) -> None:
    path = tmp_path / "mine.py"
    if contents is not None:
        path.write_text(contents)
    with pytest.raises(ConfigError, match=wanted):
        check_bench_config(BenchConfig(plan=QUICK, own_contenders=(str(path),)))


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"contenders": ("unknown",)}, "contender"),
        ({"reference": "unknown"}, "reference"),
        ({"plan": replace(QUICK, scenarios=("nowhere",))}, "scenario"),
        ({"workload": WorkloadFile(common={"rate_per_s": 0})}, "rate_per_s"),
        ({"workload": WorkloadFile(by_scenario={"stampede": {"records": 5, "active_records": 1}})}, "records"),
    ],
)
def test_a_configuration_that_cannot_run_is_refused_before_a_server_starts(
    config: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        check_bench_config(BenchConfig(**{"plan": QUICK, **config}))  # type: ignore[arg-type]


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"processes": 0}, {"rtt_ms": -1.0}, {"seed": -1}):
        with pytest.raises(ConfigError):
            BenchConfig(plan=QUICK, **wrong)
