"""Samples: one tuple a request while the cell runs, one Arrow table when it is over."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from artefact.schema import SAMPLES
from loadtests.two_clocks import in_our_time

Row = tuple[Any, ...]
"""The columns of SAMPLES after the first four, in their order."""

CELL_COLUMNS = ("cell", "scenario", "contender", "round")
ROW_COLUMNS = tuple(name for name in SAMPLES.names if name not in CELL_COLUMNS)


class Recorder:
    """Keeps facts in memory. The hot path appends a tuple; nothing is computed before the cell is over."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def take_batch(self, cell: int, scenario: str, contender: str, round_number: int, ahead_ns: int = 0) -> bytes:
        """All rows since the last call as one Arrow IPC stream in the samples' schema.

        `ahead_ns`: how far this machine's clock is ahead of the bench's, in whose time the instants are told.
        """
        rows, self.rows = self.rows, []
        constants = {"cell": cell, "scenario": scenario, "contender": contender, "round": round_number}
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(ROW_COLUMNS)
        by_name = dict(zip(ROW_COLUMNS, columns, strict=True))
        arrays = []
        for field in SAMPLES:
            values = [constants[field.name]] * len(rows) if field.name in constants else by_name[field.name]
            arrays.append(as_array(values, field.type))
        sink = pa.BufferOutputStream()
        table = pa.Table.from_arrays(arrays, schema=SAMPLES)
        if ahead_ns:
            table = in_our_time(table, ahead_ns)
        with pa.ipc.new_stream(sink, SAMPLES) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())


def as_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def read_batch(batch: bytes) -> pa.Table:
    """The table that `take_batch` wrote."""
    with pa.ipc.open_stream(batch) as reader:
        return reader.read_all()
