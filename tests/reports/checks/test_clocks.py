"""Instants that were read on several machines' clocks: named as a doubt, and judged with that much room."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.analysis.frames import cells
from stampede.reports.analysis.rows import Rows
from stampede.reports.checks.clock_uncertainty import clock_doubts_ns
from stampede.reports.topics.rate_limiting.calls import by_subject
from stampede.run_folder import run_warnings as d
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import WarningKind
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, plant, scenario
from tests.reports.planted_runs.planted_around import Facts, add_around
from tests.reports.topics.freshness.planted_versions import versioned


def apart(doubt_ms: float) -> Callable[[CellInfo], Facts]:
    """Two processes, the second of whose clocks is known twice as well."""

    def timeline(cell: CellInfo) -> Facts:
        assert cell.begin_ns is not None
        for process, share in ((0, 1.0), (1, 0.5)):
            yield cell.begin_ns, f"process-{process}", "clock_uncertainty_ns", share * doubt_ms * MS, None

    return timeline


FAULTS: dict[WarningKind, Callable[[CellInfo], Facts]] = {d.CLOCKS_APART: apart(0.4)}


def judged(folder: Path, timeline: Callable[[CellInfo], Facts] | None, **how: Any) -> Analysis:
    usual: dict[str, Any] = {"contenders": ("cache-aside",), "scenarios": [scenario("read-heavy")], "rounds": 1}
    planted = plant(folder, **(usual | how))
    return analyse(read_run(planted if timeline is None else add_around(planted, timeline=timeline)))


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_workers_on_other_machines_are_a_doubt_with_the_widest_of_the_clocks(tmp_path: Path, kind: WarningKind) -> None:
    analysis = judged(tmp_path / "run", FAULTS[kind])
    (warning,) = [x for x in analysis.warnings if x.kind is kind]
    assert warning.value == pytest.approx(0.4)
    assert "± 0.40 ms" in warning.what
    assert kind not in analysis.passed


def test_where_all_was_read_on_one_clock_nothing_is_doubted_or_given_room(tmp_path: Path) -> None:
    analysis = judged(tmp_path / "run", None)
    assert d.CLOCKS_APART in analysis.passed
    assert clock_doubts_ns(analysis.run) == {}
    assert {cell.clock_doubt_ns for cell in cells(analysis.run)} == {0}


def certain_and_possible(analysis: Analysis) -> tuple[int, int]:
    found = [cell.judged for cell in cells(analysis.run) if cell.judged is not None]
    return sum(int(j.stale.sum()) for j in found), sum(int(j.possible.sum()) for j in found)


def test_with_clocks_in_doubt_fewer_reads_are_certainly_stale_and_more_possibly(tmp_path: Path) -> None:
    how: dict[str, Any] = {"change": versioned(stale_ms=20.0)}
    sure = certain_and_possible(judged(tmp_path / "one", None, **how))
    unsure = certain_and_possible(judged(tmp_path / "many", apart(4.0), **how))
    assert 0 < unsure[0] < sure[0]
    assert unsure[1] > sure[1]


def test_a_read_from_the_future_by_less_than_the_clocks_doubt_is_none(tmp_path: Path) -> None:
    """Commits that the books show 3 ms later than they were are impossible on one clock, and not with ± 2 ms."""

    def later(cell: CellInfo, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for r in versioned()(cell, rows):
            if r.get("commit_start_ns") is not None:
                r["commit_start_ns"] += 3 * MS
                r["commit_end_ns"] += 3 * MS
        return rows

    def future(analysis: Analysis) -> int:
        return sum(int(c.judged.future.sum()) for c in cells(analysis.run) if c.judged is not None)

    assert future(judged(tmp_path / "one", None, change=later)) > 0
    assert future(judged(tmp_path / "many", apart(2.0), change=later)) == 0


def test_a_call_of_a_limiter_is_as_much_longer_at_both_ends_as_the_clocks_are_in_doubt(tmp_path: Path) -> None:
    analysis = judged(tmp_path / "run", None)
    rows = cells(analysis.run)[0].rows
    decided = {name: rows.column(name) for name in ("key", "retry_after_ns", "start_s", "end_s")}
    ones = np.ones(len(rows), dtype=np.int8)
    rows = Rows(
        decided
        | {"allowed": ones, "remaining": ones.astype(np.int64)}
        | {"served_start_s": rows.floats("start_s"), "served_end_s": rows.floats("end_s")},
        len(rows),
    )
    for (_, exact), (_, wide) in zip(by_subject(rows), by_subject(rows, 0.25), strict=True):
        assert wide.start_s == pytest.approx(exact.start_s - 0.25)
        assert wide.end_s == pytest.approx(exact.end_s + 0.25)
