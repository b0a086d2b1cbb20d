"""Servers and processes that stood still in a cell and went on, and a machine that slept: a warning. Pure."""

import math
from collections.abc import Iterator

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.results import Results
from stampede.reports.analysis.rows import Ints, split
from stampede.reports.checks.check import check
from stampede.run_folder import run_warnings as d
from stampede.run_folder.run_warnings import RunWarning

STILL_S = 2.0
"""A busy machine delays a thread by less."""

Gaps = dict[str, dict[int, float]]
"""By source, by cell: the longest gap in seconds."""


@check(d.STOPPED, scope="run")
def stopped(results: Results) -> Iterator[RunWarning]:
    """A warning for each source that was silent for STILL_S and longer, with the gap and the cells. Cells in which a
    server was broken on purpose are passed over."""
    for source, by_cell in gaps(results).items():
        worst = max(by_cell.values())
        listed = ", ".join(str(cell) for cell in sorted(by_cell))
        yield RunWarning(
            kind=d.STOPPED,
            what=f"{said(source, results)} for {worst:.1f} s (cell{'s' if len(by_cell) > 1 else ''} {listed})",
            value=worst,
            limit=STILL_S,
            cells=tuple(sorted(by_cell)),
        )


def gaps(results: Results) -> Gaps:
    """Every gap of STILL_S and longer."""
    cells = {cell.info.id: cell for group in results.groups.values() for cell in group if cell.scenario.fault is None}
    found: Gaps = {}

    def note(source: str, cell: int, gap_s: float) -> None:
        if gap_s >= STILL_S:
            of_source = found.setdefault(source, {})
            of_source[cell] = max(gap_s, of_source.get(cell, 0.0))

    rows = results.run.timeline
    silent = rows[(rows["name"] == "silent_s") & rows["cell"].isin(cells)]
    for cell_id, source, gap_s in zip(silent["cell"], silent["source"], silent["value"], strict=True):
        note(str(source), int(cell_id), float(gap_s))
    looks = rows[(rows["name"] == "in_the_system") & rows["cell"].isin(cells)]
    sources = looks["source"].cat
    for (cell_id, source), at_ns in split(looks["t_ns"].to_numpy(np.int64), looks["cell"], sources.codes):
        note(str(sources.categories[source]), cell_id, longest_s(cells[cell_id], at_ns))
    for cell in cells.values():
        note("machine", cell.info.id, asleep_s(cell))
    return found


def longest_s(cell: Cell, at_ns: Ints) -> float:
    """The longest time between two looks of an observer, from the window's beginning: it looks fifty times a second."""
    assert cell.info.window_start_ns is not None
    return float(np.max(np.diff(np.sort(at_ns), prepend=cell.info.window_start_ns)) / 1e9)


def asleep_s(cell: Cell) -> float:
    """How long the machine slept: the clock that goes on meanwhile, less the monotonic one. 0 where it is not known."""
    asleep = cell.counters.get(("machine", "clock.boottime_s"), math.nan)
    awake = cell.counters.get(("machine", "clock.monotonic_s"), math.nan)
    return asleep - awake if math.isfinite(asleep - awake) else 0.0


def said(source: str, results: Results) -> str:
    """Who stood still, and how that was seen."""
    if source == "machine":
        return "the machine slept"
    if source == "coordinator":
        return "Locust's master stood still"
    if source.startswith("process-"):
        return f"application server {source.removeprefix('process-')} stood still"
    server = results.run.info.metadata.get("servers", {}).get(source, {})
    return f"{server.get('name', {'postgres': 'PostgreSQL', 'redis': 'Redis'}.get(source, source))} did not answer"
