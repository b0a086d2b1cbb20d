"""Fault scenarios from planted cells: failures are in no response time, open requests give a bound."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from stampede.reports.analysis.analysis import analyse
from stampede.reports.analysis.frames import Cell, cells
from stampede.reports.analysis.timeseries import due_of
from stampede.reports.output import formatting
from stampede.reports.output.panels.scenario_section import achieved_per_s, times_ms
from stampede.reports.recommend.answer_sources import Sources
from stampede.reports.topics.faults.outage_effects import OutageEffects, answered_ms
from stampede.reports.topics.faults.outage_row import outage_row
from stampede.reports.topics.selftests import capacity_result
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, SECOND, Row, contender, plant, row, scenario

WINDOW_NS = 2 * SECOND


def planted(folder: Path, rows: list[Row]) -> Cell:
    """One cell with a two-second window and those rows, whose times count from its start."""
    times = ("due_ns", "thread_free_ns", "start_ns", "end_ns")

    def change(cell: CellInfo, _rows: list[Row]) -> list[Row]:
        assert cell.window_start_ns is not None
        return [r | {t: None if r[t] is None else r[t] + cell.window_start_ns for t in times} for r in rows]

    plant(folder, rounds=1, contenders=["cache-aside"], scenarios=[scenario("stampede")], change=change)
    (found,) = cells(read_run(folder))
    return found


def answered(due_ns: int, took_ms: int) -> Row:
    return row(due_ns, due_ns, due_ns + took_ms * MS)


def failed(due_ns: int, took_ms: int) -> Row:
    return answered(due_ns, took_ms) | {"error": "ConnectionError", "found": None}


def never_began(due_ns: int) -> Row:
    return row(due_ns, None, None) | {"error": "Unanswered"}


def test_times_exclude_failures_and_open_requests_are_beyond_the_deadline(tmp_path: Path) -> None:
    """An open request is printed as > D. A failed request counts as useless but has no response time."""
    some = due_of([planted(tmp_path / "a", [answered(0, 10), failed(1, 900)])])
    assert answered_ms(some).tolist() == [10.0]
    assert int(some["useless"].sum()) == 1
    both = due_of([planted(tmp_path / "b", [answered(0, 10), never_began(0)])])
    assert sorted(answered_ms(both)) == [10.0, float("inf")]
    assert formatting.with_unit(float(answered_ms(both).max()), "s") == "> D"


def test_answers_are_not_back_while_half_of_them_fail_immediately(tmp_path: Path) -> None:
    """Redis fails at 0.5 s and is repaired at 1 s; until 1.5 s every request fails within a millisecond."""
    rows = [answered(at * MS, 5) for at in range(0, 1000, 10)]
    rows += [failed(at * MS, 1) for at in range(1000, 1500, 10)]
    rows += [answered(at * MS, 5) for at in range(1500, 2000, 10)]
    cell = planted(tmp_path / "run", rows)
    due = due_of([cell])
    due["phase"] = ["before" if at < 0.5 else "outage" if at < 1 else "after" for at in due["due_s"]]
    outage = OutageEffects(contender=cell.contender, cells=[cell], began_s=0.5, ended_s=1.0, due=due)
    assert outage.answers_back_s() == 0.5


def through(cell: Cell, name: str, parts: int, failures: Sequence[int]) -> OutageEffects:
    """A contender in an outage, with its number of moving parts and of failed requests among 100 of each round."""
    rows = [(r, "outage", i < count, 1.0) for r, count in enumerate(failures) for i in range(100)]
    due = pd.DataFrame(rows, columns=["round", "phase", "useless", "loads"])
    due = pd.concat([due, due.assign(phase="before", loads=0.0)], ignore_index=True)
    info = replace(contender(name), moving_parts=[f"part {n}" for n in range(parts)])
    return OutageEffects(contender=info, cells=[cell], began_s=0.5, ended_s=1.0, due=due)


def test_the_simplest_contender_that_serves_users_in_each_round_survives_an_outage(tmp_path: Path) -> None:
    """One round with too many failures is enough not to survive; the range of the rounds is printed."""
    cell = planted(tmp_path / "run", [answered(0, 5)])
    found = {
        "simple": [through(cell, "simple", 1, [0, 0, 4])],
        "fallback": [through(cell, "fallback", 2, [0, 1, 0])],
        "complex": [through(cell, "complex", 3, [0, 0, 0])],
    }
    sources = Sources(analysis=analyse(read_run(tmp_path / "run")), outages=found)
    row = outage_row(sources)
    assert row is not None
    assert (row.use, row.tied, row.certainty, row.basis) == ("fallback", ("complex",), "low", "3 rounds")
    assert row.effect is not None
    served = "99.7 % (99.0–100.0) in stampede of the requests served (simple: 98.7 % (96.0–100.0) in stampede)"
    assert row.effect.text == served
    none = outage_row(replace(sources, outages={"simple": found["simple"]}))
    assert none is not None
    assert not none.use
    assert "no contender served 99 % of the requests in every round" in none.why


def test_objective_counts_each_request_once(tmp_path: Path) -> None:
    """One of 100 requests never began and misses the objective; the other 99 % are in time."""
    cell = planted(tmp_path / "run", [answered(i * MS, 5) for i in range(99)] + [never_began(99 * MS)])
    assert capacity_result.met(cell, 0.99, 50.0)
    assert not capacity_result.met(cell, 0.995, 50.0)
    assert not capacity_result.met(cell, 0.99, 5.0)


def test_achieved_rate_counts_requests_begun_in_the_window_and_times_include_open_ones(tmp_path: Path) -> None:
    late = row(1900 * MS, 2100 * MS, 2105 * MS)
    cell = planted(tmp_path / "run", [answered(0, 5), answered(MS, 5), failed(2 * MS, 1), late, never_began(3 * MS)])
    assert achieved_per_s([cell]) == [1.5]
    assert sorted(times_ms([cell], "response_ms")) == [5.0, 5.0, 205.0, float("inf")]
