"""Outcomes and times of samples, checked against a row-by-row implementation of the definitions."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stampede.reports.analysis.frames import cells, derived_of
from stampede.reports.analysis.rows import Rows
from stampede.reports.metrics.database_loads import loads_per_1000_reads
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, Row, plant, row, scenario

START = 7


def expected(facts: Row, deadline_ns: int) -> str:
    """The outcome by the definition, for one request."""
    if facts["end_ns"] is None or facts["end_ns"] > deadline_ns:
        return "unanswered"
    if facts["error"] is not None:
        return "failed"
    if facts["operation"] == "write":
        return "written"
    if not facts["found"]:
        return "absent"
    if facts["loads"]:
        return "loaded"
    if facts["first_cache_reply"] in (None, "value"):
        return "hit"
    return "shared"


def planted(folder: Path, facts: list[Row]) -> tuple[CellInfo, Path]:
    """A run of one cell with exactly these rows, whose times are relative to the window's start."""
    seen: list[CellInfo] = []

    def only(cell: CellInfo, _rows: list[Row]) -> list[Row]:
        assert cell.window_start_ns is not None
        seen.append(cell)
        moved = []
        for r in facts:
            times = {n: v + cell.window_start_ns for n, v in r.items() if n.endswith("_ns") and v is not None}
            times.pop("simulated_rtt_ns", None)
            moved.append(r | times)
        return moved

    plant(folder, rounds=1, contenders=["cache-aside"], scenarios=[scenario("stampede")], change=only)
    return seen[0], folder


FACTS = st.builds(
    lambda operation, ended, error, found, loads, first: row(
        1000,
        2000,
        ended,
        operation=operation,
        error=error,
        found=found,
        loads=loads,
        first_cache_reply=first,
    ),
    st.sampled_from(["read", "write", "background"]),
    st.sampled_from([None, 3000, 4_000_000_000, 4_000_000_001, 5_000_000_000]),
    st.sampled_from([None, None, "TimeoutError"]),
    st.sampled_from([None, True, False]),
    st.integers(0, 2),
    st.sampled_from([None, "value", "none"]),
)


def derived_rows(folder: Path) -> Rows:
    """The rows of the run's only cell."""
    run = read_run(folder)
    (rows,) = derived_of(run, run.done)
    return rows


@given(st.lists(FACTS, min_size=1, max_size=30))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_outcomes_follow_their_definition(tmp_path_factory: pytest.TempPathFactory, facts: list[Row]) -> None:
    cell, folder = planted(tmp_path_factory.mktemp("run"), facts)
    assert cell.deadline_ns is not None
    assert cell.window_start_ns is not None
    rows = derived_rows(folder)
    deadline = cell.deadline_ns - cell.window_start_ns
    assert rows.labels("outcome").texts() == [expected(r, deadline) for r in facts]


def test_times_are_exact_to_the_nanosecond_after_long_uptime(tmp_path: Path) -> None:
    facts = [
        row(1_000_000, 1_000_001, 1_000_003, thread_free_ns=999_999),
        row(5 * MS, 9 * MS, 11 * MS, thread_free_ns=8 * MS),
    ]
    _, folder = planted(tmp_path / "run", facts)
    rows = derived_rows(folder)
    assert rows.floats("response_ms").tolist() == pytest.approx([3e-6, 6.0], rel=1e-12)
    assert rows.floats("service_ms").tolist() == pytest.approx([2e-6, 2.0], rel=1e-12)
    assert rows.floats("queue_ms").tolist() == pytest.approx([1e-6, 4.0], rel=1e-12)
    assert rows.floats("own_lag_ms").tolist() == pytest.approx([1e-6, 1.0], rel=1e-12)


def test_open_request_has_a_queueing_time_but_no_response_time(tmp_path: Path) -> None:
    _, folder = planted(tmp_path / "run", [row(MS, 3 * MS, 9_000_000_000), row(MS, None, None)])
    rows = derived_rows(folder)
    assert not rows.known("response_ms").any()
    assert rows.floats("queue_ms").tolist()[0] == 2.0
    assert not rows.known("queue_ms")[1]


def test_warm_up_and_background_work_are_not_due_requests(tmp_path: Path) -> None:
    facts = [row(1, 2, 3), row(-9, -8, -7, warm_up=True), row(1, 2, 3, operation="background", client=-1)]
    _, folder = planted(tmp_path / "run", facts)
    (cell,) = cells(read_run(folder))
    assert (len(cell.rows), len(cell.due), len(cell.work)) == (3, 1, 2)


def test_background_work_handed_over_after_the_window_is_not_counted(tmp_path: Path) -> None:
    """A read after the drain, or one that ended late, may still start a refresh."""
    window_ns = 2_000_000_000
    work = {"operation": "background", "client": -1, "loads": 1}
    facts = [row(1, 2, 3)]
    facts += [row(at, at + 1, at + 2, **work) for at in (window_ns - 1, window_ns)]
    _, folder = planted(tmp_path / "run", facts)
    (cell,) = cells(read_run(folder))
    assert cell.window_s == 2.0
    assert cell.work.ints("loads").sum() == 1
    assert loads_per_1000_reads(cell) == 1000
