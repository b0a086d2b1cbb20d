"""What a contender leaves in Redis when the load is over: live entries, and what nobody can reach any more."""

import math
from collections.abc import Callable

from reports.frames import Cell
from reports.metrics.metric import Metric


def left(name: str) -> Callable[[Cell], float]:
    return lambda cell: cell.counters.get(("redis", f"left.{name}"), math.nan)


def bytes_per_record(cell: Cell) -> float:
    """Bytes of all keys over the distinct records that they are named after."""
    records = left("records")(cell)
    return left("bytes")(cell) / records if records else math.nan


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
        name="bytes-per-record",
        title="bytes a record",
        unit="",
        explain="the same over the records that they are named after: more than one entry's bytes is garbage",
        of_cell=bytes_per_record,
        better="lower",
        apart="freshness",
        order=82,
        whole=True,
        absent="nothing left",
        group="left in Redis",
    ),
]
