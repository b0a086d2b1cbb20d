"""A server or process that stopped and continued within a cell, or a machine that slept, causes a warning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stampede.loadtests.instrumentation.silent_periods import LONG_NS, Silences
from stampede.reports.analysis.analysis import analyse
from stampede.run_folder.read import read_run
from stampede.run_folder.run_warnings import STOPPED, RunWarning
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import SECOND, plant, scenario
from tests.reports.planted_runs.planted_around import Facts, Nothing, add_around

SPAN_S = 2.5


def found(folder: Path, **planted: Any) -> list[RunWarning]:
    """The warnings about clocks and stops in a planted run of two contenders."""
    servers = planted.pop("servers", Nothing)
    timeline = planted.pop("timeline", Nothing)
    how = {"contenders": ("no-cache", "cache-aside"), "scenarios": [scenario("stampede")]} | planted
    warnings = analyse(read_run(add_around(plant(folder, **how), servers, timeline))).warnings
    return [warning for warning in warnings if warning.kind.name in ("stopped", "clock-stepped")]


def silence(source: str, length_s: float, cells: tuple[int, ...]) -> Callable[[CellInfo], Facts]:
    def rows(cell: CellInfo) -> Facts:
        assert cell.window_end_ns is not None
        row = (cell.window_end_ns, source, "silent_s", length_s, "silence")
        return [row] if cell.id in cells else []

    return rows


@pytest.mark.parametrize(
    ("source", "text"),
    [("postgres", "PostgreSQL"), ("redis", "Valkey"), ("coordinator", "Locust's master stopped")],
)
def test_silence_causes_a_warning_with_its_length_and_cells(tmp_path: Path, source: str, text: str) -> None:
    (warning,) = found(tmp_path / "run", timeline=silence(source, 10.2, (3, 5)))
    assert warning.kind is STOPPED
    assert text in warning.what
    assert "10.2 s" in warning.what
    assert "cells 3, 5" in warning.what
    assert warning.cells == (3, 5)


def test_short_silence_causes_no_warning(tmp_path: Path) -> None:
    assert found(tmp_path / "run", timeline=silence("redis", 1.9, (3,))) == []


def test_injected_fault_causes_no_warning(tmp_path: Path) -> None:
    fault = {"what": "hang redis", "begins_share": 0.2, "lasts_share": 0.5, "loses_data": False, "server": "Redis"}
    broken = scenario("redis-hung")
    broken.fault = fault
    assert found(tmp_path / "run", scenarios=[broken], timeline=silence("redis", 5.0, (3,))) == []


def looks_with_a_gap(gap_s: float) -> Callable[[CellInfo], Facts]:
    """The in-flight sampler of process 1 counts ten times a second, with a gap in cell 4."""

    def rows(cell: CellInfo) -> Facts:
        assert cell.window_start_ns is not None
        late_ns = round(gap_s * SECOND) if cell.id == 4 else 0
        return [
            (
                cell.window_start_ns + i * SECOND // 10 + (late_ns if i > 5 else 0),
                "process-1",
                "in_the_system",
                0.0,
                None,
            )
            for i in range(12)
        ]

    return rows


def test_gap_in_the_counts_of_an_application_server_causes_a_warning(tmp_path: Path) -> None:
    (warning,) = found(tmp_path / "run", timeline=looks_with_a_gap(9.0))
    assert "application server 1 stopped for 9.1 s" in warning.what
    assert warning.cells == (4,)
    assert found(tmp_path / "calm", timeline=looks_with_a_gap(0.5)) == []


def slept(cell: CellInfo) -> Facts:
    """A minute of sleep in cell 2: the wall clock and the boot-time clock gain a minute on the monotonic clock."""
    asleep_s = 60.0 if cell.id == 2 else 0.0
    return [
        ("machine", "clock.wall_s", 5000.0, 5000.0 + SPAN_S + asleep_s, "s"),
        ("machine", "clock.boottime_s", 9000.0, 9000.0 + SPAN_S + asleep_s, "s"),
    ]


def test_sleep_of_the_machine_causes_a_warning_and_is_no_clock_step(tmp_path: Path) -> None:
    (warning,) = found(tmp_path / "run", servers=slept)
    assert warning.kind is STOPPED
    assert "the machine slept for 60.0 s" in warning.what
    assert warning.cells == (2,)


def test_silences_of_at_least_a_second_are_recorded_until_the_end_of_the_cell() -> None:
    silences = Silences(7)
    silences.expect("redis", 0)
    silences.answered("redis", LONG_NS - 1)
    assert silences.rows == []
    silences.expect("redis", 2 * LONG_NS)
    silences.expect("redis", 3 * LONG_NS)  # a second request: the first one is still unanswered
    silences.expect("postgres", 4 * LONG_NS)
    silences.answered("postgres", 4 * LONG_NS)
    silences.close(6 * LONG_NS)
    assert silences.rows == [(7, 6 * LONG_NS, "redis", "silent_s", 4.0, "silence")]
