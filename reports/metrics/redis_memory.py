"""What a contender leaves in Redis when the load is over: live entries, and what nobody can reach any more."""

import math
from collections.abc import Callable

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.metric import Metric


def left(name: str) -> Callable[[Cell], float]:
    return lambda cell: cell.counters.get(("redis", f"left.{name}"), math.nan)


def keys_per_record(cell: Cell) -> float:
    """Keys over the distinct records that they are named after."""
    records = left("records")(cell)
    return left("keys")(cell) / records if records else math.nan


METRICS = [
    Metric(
        name="keys-left",
        title="keys",
        unit="",
        explain="keys under our prefix right after the last request",
        of_cell=left("keys"),
        better="lower",
        apart="freshness",
        order=80,
        whole=True,
        group="left in Redis",
    ),
    Metric(
        name="bytes-left",
        title="kB",
        unit="",
        explain="what they take, by MEMORY USAGE, in thousands of bytes",
        of_cell=lambda cell: left("bytes")(cell) / 1e3,
        better="lower",
        apart="freshness",
        order=81,
        group="left in Redis",
    ),
    Metric(
        name="keys-per-record",
        title="keys a record",
        unit="",
        explain="keys over the records that they are named after: beyond one it counts, locks, or cannot be reached",
        of_cell=keys_per_record,
        better="lower",
        apart="freshness",
        order=82,
        absent="nothing left",
        group="left in Redis",
    ),
]
