"""Self-tests: planted differences are decided, equal contenders are not, and --until uses interval widths only."""

from dataclasses import replace
from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.topics.selftests.selftest_result import (
    BlockVerdict,
    Planted,
    aa_lines,
    aa_rows,
    blocks,
    decisions,
    relabelled_alarms,
    rounds_to_add,
    tally,
    widest,
)
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import Row, plant, scenario

SLOW = Planted(contender="coalescing", metric="service-p10", share=0.2)


def slowed(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Reads of coalescing take a fifth longer."""
    if cell.contender == "coalescing":
        for r in rows:
            r["end_ns"] = r["start_ns"] + round(1.2 * (r["end_ns"] - r["start_ns"]))
    return rows


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Two blocks of eight rounds, and one more round."""
    folder = plant(
        tmp_path_factory.mktemp("long") / "run",
        rounds=17,
        contenders=("cache-aside", "coalescing", "cache-aside-again"),
        scenarios=[scenario("read-mostly")],
        change=slowed,
    )
    return analyse(read_run(folder))


def test_long_run_is_cut_into_complete_blocks(long: Analysis) -> None:
    found = [sorted({cell.info.round for cell in block.cells}) for block in blocks(long, 8)]
    assert found == [list(range(1, 9)), list(range(9, 17))]


def test_planted_fifth_is_decided_in_each_block(long: Analysis) -> None:
    found = decisions(long, [SLOW], 8)
    assert [(x.block, x.sentence, x.rightly, x.wrongly) for x in found] == [
        (1, "worse", True, False),
        (2, "worse", True, False),
    ]
    assert all(1.1 < x.ratio < 1.3 for x in found)
    assert "2 of 2 decided rightly (100 %), 0 wrongly" in tally(found)[-1]


def test_better_or_same_is_wrong_for_a_planted_slowdown() -> None:
    def decision(sentence: str, m: float) -> BlockVerdict:
        return BlockVerdict(
            planted=SLOW, scenario="s", block=1, sentence=sentence, ratio=1.0, low=0.9, high=1.1, m=m  # type: ignore[arg-type]
        )  # fmt: skip

    assert decision("better", 0.05).wrongly
    assert decision("same", 0.05).wrongly
    assert not decision("same", 0.25).wrongly
    assert not decision("cannot tell", 0.05).wrongly


def test_contender_and_its_copy_do_not_differ(long: Analysis) -> None:
    rows = aa_rows(long, 8)
    assert {row.metric.name for row in rows} >= {"read-p50", "service-p10", "loads-per-1000-reads"}
    assert all(row.blocks == 2 for row in rows if row.comparison.ratio)
    assert all(row.alarms == 0 for row in rows)
    assert any("0 false alarms in 2 blocks" in line for line in aa_lines(rows))


def test_shuffled_names_raise_an_alarm_in_at_most_five_percent(long: Analysis) -> None:
    assert relabelled_alarms(long, "read-mostly", 8, 400, seed=1) <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_rounds_are_added_until_the_widest_interval_is_narrow_enough_or_the_limit_is_reached(long: Analysis) -> None:
    seen, whose = widest(long)
    assert 0 < seen < 0.5
    assert whose == "read-mostly, coalescing"
    assert rounds_to_add(long.run, None, 40) == (0, "")
    assert rounds_to_add(long.run, seen * 1.01, 40)[0] == 0
    more, why = rounds_to_add(long.run, seen / 1.2, 40)
    assert 17 < more <= 34
    assert "continuing" in why
    assert rounds_to_add(long.run, seen / 1.2, 17)[0] == 0
    cut = replace(long.run, info=replace(long.run.info, status="cut"))
    assert rounds_to_add(cut, seen / 1.2, 40) == (0, "")


@pytest.mark.slow
def test_narrow_interval_ends_the_run_whatever_its_position(tmp_path: Path) -> None:
    """Equal widths give the same answer with and without a difference: significance does not stop a run."""
    alike = ("cache-aside", "coalescing")
    answers = []
    for number, change in enumerate((slowed, lambda _cell, rows: rows)):
        folder = plant(
            tmp_path / str(number), contenders=alike, scenarios=[scenario("read-mostly")], change=change, rounds=8
        )
        run = read_run(folder)
        answers.append(rounds_to_add(run, widest(analyse(run))[0] * 1.001, 40)[0])
    assert answers == [0, 0]
