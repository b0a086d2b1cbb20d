"""Instants from the clocks of several machines cause a warning, and the analysis allows for their uncertainty."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.analysis.frames import cells, clock_uncertainty_ns
from stampede.reports.analysis.rows import Rows
from stampede.reports.topics.rate_limiting.decision_counts.calls import by_subject
from stampede.run_folder import run_warnings
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import WarningKind
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, plant, scenario
from tests.reports.planted_runs.planted_around import Facts, add_around
from tests.reports.topics.freshness.planted_versions import versioned


def two_clocks(uncertainty_ms: float) -> Callable[[CellInfo], Facts]:
    """Two processes; the uncertainty of the second clock is half that of the first."""

    def timeline(cell: CellInfo) -> Facts:
        assert cell.begin_ns is not None
        for process, share in ((0, 1.0), (1, 0.5)):
            yield cell.begin_ns, f"process-{process}", "clock_uncertainty_ns", share * uncertainty_ms * MS, None

    return timeline


FAULTS: dict[WarningKind, Callable[[CellInfo], Facts]] = {run_warnings.CLOCKS_APART: two_clocks(0.4)}


def analysed(folder: Path, timeline: Callable[[CellInfo], Facts] | None, **how: Any) -> Analysis:
    usual: dict[str, Any] = {"contenders": ("cache-aside",), "scenarios": [scenario("read-mostly")], "rounds": 1}
    planted = plant(folder, **(usual | how))
    return analyse(read_run(planted if timeline is None else add_around(planted, timeline=timeline)))


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.name)
def test_workers_on_other_machines_cause_a_warning_with_the_uncertainty(tmp_path: Path, kind: WarningKind) -> None:
    analysis = analysed(tmp_path / "run", FAULTS[kind])
    (warning,) = [x for x in analysis.warnings if x.kind is kind]
    assert warning.value == pytest.approx(0.4)
    assert "± 0.40 ms" in warning.what
    assert kind not in analysis.passed


def test_one_clock_causes_no_warning_and_no_uncertainty(tmp_path: Path) -> None:
    analysis = analysed(tmp_path / "run", None)
    assert run_warnings.CLOCKS_APART in analysis.passed
    assert clock_uncertainty_ns(analysis.run) == {}
    assert {cell.clock_uncertainty_ns for cell in cells(analysis.run)} == {0}


def certain_and_possible(analysis: Analysis) -> tuple[int, int]:
    found = [cell.judged for cell in cells(analysis.run) if cell.judged is not None]
    return sum(int(j.stale.sum()) for j in found), sum(int(j.possible.sum()) for j in found)


def test_uncertain_clocks_make_fewer_reads_certainly_stale_and_more_possibly_stale(tmp_path: Path) -> None:
    how: dict[str, Any] = {"change": versioned(stale_ms=20.0)}
    one_clock = certain_and_possible(analysed(tmp_path / "one", None, **how))
    several = certain_and_possible(analysed(tmp_path / "many", two_clocks(4.0), **how))
    assert 0 < several[0] < one_clock[0]
    assert several[1] > one_clock[1]


def test_read_is_not_from_the_future_within_the_uncertainty_of_clocks(tmp_path: Path) -> None:
    """Commits recorded 3 ms late are impossible on one clock, and possible with ± 2 ms on both sides."""

    def later(cell: CellInfo, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for r in versioned()(cell, rows):
            if r.get("commit_start_ns") is not None:
                r["commit_start_ns"] += 3 * MS
                r["commit_end_ns"] += 3 * MS
        return rows

    def future(analysis: Analysis) -> int:
        return sum(int(c.judged.future.sum()) for c in cells(analysis.run) if c.judged is not None)

    assert future(analysed(tmp_path / "one", None, change=later)) > 0
    assert future(analysed(tmp_path / "many", two_clocks(2.0), change=later)) == 0


def test_call_of_a_limiter_is_longer_at_both_ends_by_the_uncertainty_of_clocks(tmp_path: Path) -> None:
    analysis = analysed(tmp_path / "run", None)
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
