"""A p99 is reliable if two copies of a contender agree on it and the load generator was on time."""

from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import analyse
from stampede.reports.output.panels.first_screen.tail_latency import p99_reliable
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, Change, Row, as_simulated, plant, scenario

COPIES = ("no-cache", "cache-aside", "cache-aside-again")


def slow_copy(cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Every tenth read of the copy takes 300 ms more."""
    for r in rows[::10] if cell.contender == "cache-aside-again" else ():
        r["end_ns"] += 300 * MS
    return rows


def late_generator(_cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Every request starts 20 ms late, and ends as much later."""
    for r in rows:
        r["start_ns"] += 20 * MS
        r["end_ns"] += 20 * MS
    return rows


@pytest.mark.parametrize(
    ("contenders", "change", "reason"),
    [
        (COPIES, as_simulated, ""),
        (COPIES[:2], as_simulated, "no second copy of a contender ran"),
        (COPIES, slow_copy, "two copies of cache-aside differ by "),
        (COPIES, late_generator, "the load generator sent 1 % of "),
    ],
)
def test_the_reason_names_what_makes_p99_unreliable(
    tmp_path: Path, contenders: tuple[str, ...], change: Change, reason: str
) -> None:
    folder = plant(tmp_path / "run", rounds=8, contenders=contenders, scenarios=[scenario("stampede")], change=change)
    found = p99_reliable(analyse(read_run(folder)), "stampede")
    assert found.startswith(reason)
    assert bool(found) == bool(reason)
