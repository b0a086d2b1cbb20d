"""Redis memory: the keys that a contender leaves after the load, including keys that no read can reach any more."""

import math
from collections.abc import Callable

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.classified_reads import FRESHNESS_TABLE
from stampede.reports.metrics.metric import Metric


def left(name: str) -> Callable[[Cell], float]:
    return lambda cell: cell.counters.get(("redis", f"left.{name}"), math.nan)


def keys_per_record(cell: Cell) -> float:
    """Keys divided by the number of distinct records in their names."""
    records = left("records")(cell)
    return left("keys")(cell) / records if records else math.nan


def bytes_per_record(cell: Cell) -> float:
    """Memory of all keys that the contender left, divided by the number of distinct records in their names."""
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
        separate_table=FRESHNESS_TABLE,
        order=80,
        whole=True,
        group="left in Redis",
    ),
    Metric(
        name="bytes-left",
        title="kB",
        unit="",
        explain="memory of these keys by MEMORY USAGE, in thousands of bytes",
        of_cell=lambda cell: left("bytes")(cell) / 1e3,
        better="lower",
        separate_table=FRESHNESS_TABLE,
        order=81,
        group="left in Redis",
    ),
    Metric(
        name="keys-per-record",
        title="keys per record",
        unit="",
        explain="keys per record in their names: above one, there are counters, locks or unreachable keys",
        of_cell=keys_per_record,
        better="lower",
        separate_table=FRESHNESS_TABLE,
        order=82,
        absent="nothing left",
        group="left in Redis",
    ),
    Metric(
        name="bytes-per-record",
        title="bytes per record",
        unit="bytes",
        explain="memory of all keys by MEMORY USAGE, divided by the number of records in their names",
        of_cell=bytes_per_record,
        better="lower",
        priced=True,
        separate_table=FRESHNESS_TABLE,
        order=83,
        resolution=16.0,
        absent="nothing left",
        group="left in Redis",
    ),
]
