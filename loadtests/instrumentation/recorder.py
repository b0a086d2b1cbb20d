"""Recorder of samples: one tuple per request while the cell runs, one Arrow stream when it is over."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stampede.loadtests.instrumentation.clock_offset import to_our_clock
from stampede.run_folder.schema import SAMPLES

Row = tuple[Any, ...]
"""The columns of SAMPLES after the first four, in the order of the schema."""

CELL_COLUMNS = ("cell", "scenario", "contender", "round")
ROW_COLUMNS = tuple(name for name in SAMPLES.names if name not in CELL_COLUMNS)

MAX_ROWS = 300_000
"""How many rows are kept as tuples (some 140 MB). No cell of a plan has as many in a process. In a longer cell the
oldest rows are packed while it runs, PACKED_ROWS at a time: a pause of two or three milliseconds each."""
PACKED_ROWS = 1_000
ROWS_A_BATCH = 10_000
"""Rows are packed in batches of this size at the end, so that they never all exist both as tuples and as columns."""
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class Recorder:
    """Keeps samples in memory. The hot path only appends a tuple; rows are packed at the end of the cell, or when there
    are more than MAX_ROWS."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.max_rows = MAX_ROWS
        self._packed: list[pa.RecordBatch] = []

    @property
    def packed_bytes(self) -> int:
        """The size of the packed rows."""
        return sum(batch.nbytes for batch in self._packed)

    def keep(self, row: Row) -> None:
        """Keep the row of one request."""
        self.rows.append(row)
        if len(self.rows) > self.max_rows:
            self.pack_oldest()

    def pack_oldest(self) -> None:
        """Turn the oldest rows into columns, which take at most a fifth of the memory."""
        oldest = self.rows[:PACKED_ROWS]
        del self.rows[:PACKED_ROWS]
        self._packed.append(as_batch(oldest))

    def take_batch(self, cell: int, scenario: str, contender: str, round_number: int, ahead_ns: int = 0) -> bytes:
        """All rows since the last call as one Arrow IPC stream in the samples' schema.

        `ahead_ns`: how far this machine's clock is ahead of the bench's. Instants are converted to the bench's clock.
        """
        rows, self.rows = self.rows[:], []  # a copy: the live page may still read the other list
        packed, self._packed = self._packed[::-1], []
        constants = {"cell": cell, "scenario": scenario, "contender": contender, "round": round_number}
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, SAMPLES, options=COMPRESSED) as writer:
            while packed or rows:
                if packed:
                    batch = packed.pop()
                else:
                    batch = as_batch(rows[:ROWS_A_BATCH])
                    del rows[:ROWS_A_BATCH]
                table = with_constants(batch, constants)
                writer.write_table(to_our_clock(table, ahead_ns) if ahead_ns else table)
        return bytes(sink.getvalue())

    def forget(self) -> None:
        """Drop the rows of a cell that was stopped."""
        self.rows, self._packed = [], []


def as_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Rows as columns, without the columns that are constant in a cell."""
    columns = zip(*rows, strict=True)
    arrays = [as_array(values, SAMPLES.field(name).type) for name, values in zip(ROW_COLUMNS, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=list(ROW_COLUMNS))


def with_constants(batch: pa.RecordBatch, constants: Mapping[str, Any]) -> pa.Table:
    """A batch with the columns that are constant in a cell, in the schema SAMPLES."""
    arrays = []
    for field in SAMPLES:
        if field.name not in constants:
            arrays.append(batch.column(field.name))
        elif pa.types.is_dictionary(field.type):
            places = pa.repeat(pa.scalar(0, field.type.index_type), batch.num_rows)
            arrays.append(pa.DictionaryArray.from_arrays(places, pa.array([constants[field.name]])))
        else:
            arrays.append(pa.repeat(pa.scalar(constants[field.name], field.type), batch.num_rows))
    return pa.Table.from_arrays(arrays, schema=SAMPLES)


def as_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def read_batch(batch: bytes) -> pa.Table:
    """The table that `take_batch` wrote."""
    with pa.ipc.open_stream(batch) as reader:
        return reader.read_all()
