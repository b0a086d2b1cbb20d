"""Check of servers and processes that stopped and continued within a cell, and of a machine that slept."""

import math
from collections.abc import Iterator

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.results import Results
from stampede.reports.analysis.rows import Ints, split
from stampede.reports.checks.check import check
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning

STILL_S = 2.0
"""A longer silence is a stop. A busy machine delays a thread by less."""

Gaps = dict[str, dict[int, float]]
"""The longest gap in seconds, by source and cell."""


@check(run_warnings.STOPPED, scope="run")
def stopped(results: Results) -> Iterator[RunWarning]:
    """One warning for each source that was silent for STILL_S or longer. Cells with an injected fault are skipped."""
    for source, by_cell in gaps(results).items():
        worst = max(by_cell.values())
        listed = ", ".join(str(cell) for cell in sorted(by_cell))
        yield RunWarning(
            kind=run_warnings.STOPPED,
            what=f"{subject(source, results)} for {worst:.1f} s (cell{'s' if len(by_cell) > 1 else ''} {listed})",
            value=worst,
            limit=STILL_S,
            cells=tuple(sorted(by_cell)),
        )


def gaps(results: Results) -> Gaps:
    """Every gap of STILL_S or longer."""
    cells = {cell.info.id: cell for group in results.groups.values() for cell in group if cell.scenario.fault is None}
    found: Gaps = {}

    def add(source: str, cell: int, gap_s: float) -> None:
        if gap_s >= STILL_S:
            of_source = found.setdefault(source, {})
            of_source[cell] = max(gap_s, of_source.get(cell, 0.0))

    rows = results.run.timeline
    silent = rows[(rows["name"] == "silent_s") & rows["cell"].isin(cells)]
    for cell_id, source, gap_s in zip(silent["cell"], silent["source"], silent["value"], strict=True):
        add(str(source), int(cell_id), float(gap_s))
    looks = rows[(rows["name"] == "in_the_system") & rows["cell"].isin(cells)]
    sources = looks["source"].cat
    for (cell_id, source), at_ns in split(looks["t_ns"].to_numpy(np.int64), looks["cell"], sources.codes):
        add(str(sources.categories[source]), cell_id, longest_s(cells[cell_id], at_ns))
    for cell in cells.values():
        add("machine", cell.info.id, asleep_s(cell))
    return found


def longest_s(cell: Cell, at_ns: Ints) -> float:
    """The longest time between two counts of an in-flight sampler in the window. It counts 50 times a second."""
    assert cell.info.window_start_ns is not None
    return float(np.max(np.diff(np.sort(at_ns), prepend=cell.info.window_start_ns)) / 1e9)


def asleep_s(cell: Cell) -> float:
    """How long the machine slept in seconds: boot-time clock minus monotonic clock; 0 if it is not known."""
    asleep = cell.counters.get(("machine", "clock.boottime_s"), math.nan)
    awake = cell.counters.get(("machine", "clock.monotonic_s"), math.nan)
    return asleep - awake if math.isfinite(asleep - awake) else 0.0


def subject(source: str, results: Results) -> str:
    """Subject and verb of the warning: what stopped."""
    if source == "machine":
        return "the machine slept"
    if source == "coordinator":
        return "Locust's master stopped"
    if source.startswith("process-"):
        return f"application server {source.removeprefix('process-')} stopped"
    server = results.run.info.metadata.get("servers", {}).get(source, {})
    return f"{server.get('name', {'postgres': 'PostgreSQL', 'redis': 'Redis'}.get(source, source))} did not answer"
