"""Events during cells that disturb a measurement, counted: checkpoints, vacuums, forks, evictions, pauses."""

from collections.abc import Sequence

import pandas as pd

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.output import formatting

PLURALS = {
    "checkpoint": "checkpoints",
    "autovacuum": "autovacuums",
    "eviction": "evictions",
    "fork": "forks of Redis",
    "snapshot": "snapshots of Redis",
    "append-only file rewrite": "append-only file rewrites",
    "garbage collection": "garbage collections of the harness of 1 ms or more",
    "clock step": "clock steps",
}
COUNTED_BY_VALUE = ("checkpoint", "autovacuum", "eviction", "fork")
"""The value of these events is their number since the last reading."""


def server_events(analysis: Analysis) -> pd.DataFrame:
    """The rows of the run's timeline with such an event."""
    timeline = analysis.run.timeline
    return timeline[timeline["event"].isin(list(PLURALS))]


def events_text(timeline: pd.DataFrame, cells: Sequence[Cell]) -> str:
    """The events of some cells as text: "2 checkpoints and 31 evictions"; "none" if there were none."""
    rows = timeline[timeline["cell"].isin([cell.info.id for cell in cells]) & timeline["event"].isin(list(PLURALS))]
    counts: dict[str, int] = {}
    for event, value in zip(rows["event"], rows["value"], strict=True):
        name = str(event)
        counts[name] = counts.get(name, 0) + (round(float(value)) if name in COUNTED_BY_VALUE else 1)
    parts = [f"{counts[e]:,} {e if counts[e] == 1 else many}" for e, many in PLURALS.items() if e in counts]
    return formatting.listed(parts) if parts else "none"
