"""What happened inside cells that nobody asked for, counted: checkpoints, vacuums, forks, evictions, our own pauses."""

from collections.abc import Sequence

import pandas as pd

from stampede.reports.analysis.frames import Cell
from stampede.reports.output import formatting

PLURALS = {
    "checkpoint": "checkpoints",
    "autovacuum": "autovacuums",
    "eviction": "evictions",
    "fork": "forks of Redis",
    "snapshot": "snapshots of Redis",
    "append-only file rewrite": "append-only file rewrites",
    "garbage collection": "garbage collections of ours of 1 ms or more",
    "clock step": "clock steps",
}
COUNTED_BY_VALUE = ("checkpoint", "autovacuum", "eviction", "fork")
"""Their rows say how many there were since the last reading."""


def told(timeline: pd.DataFrame, cells: Sequence[Cell]) -> str:
    """The events of those cells in words: "2 checkpoints, 31 evictions"; "none" where there were none."""
    rows = timeline[timeline["cell"].isin([cell.info.id for cell in cells]) & timeline["event"].isin(list(PLURALS))]
    counts: dict[str, int] = {}
    for event, value in zip(rows["event"], rows["value"], strict=True):
        name = str(event)
        counts[name] = counts.get(name, 0) + (round(float(value)) if name in COUNTED_BY_VALUE else 1)
    parts = [f"{counts[e]:,} {e if counts[e] == 1 else many}" for e, many in PLURALS.items() if e in counts]
    return formatting.listed(parts) if parts else "none"
