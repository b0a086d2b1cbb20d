"""The tables of a run of plan `serializers`: recorded facts, as Parquet files in the run folder.

    runs/<utc>-serializers/
        run.json                    scenarios are kinds of record, contenders are serializers; there are no cells
        batches/part-<round>.parquet   timed calls, one row per batch (BATCHES); a block is about 10 ms of batches
        probes/part-<round>.parquet    an unrelated GET while another thread encodes, one row per call (PROBES)
        sizes, stored, fidelity, changes, attacks/part-00000.parquet

Each round runs in a separate process. Reports compute every figure and verdict from these facts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stampede.core.errors import RunFolderError
from stampede.run_folder.json_objects import check_file
from stampede.run_folder.write import make_folder, write_table

PLAN = "serializers"

NAME = pa.dictionary(pa.int16(), pa.string())

BATCHES = pa.schema(
    [
        pa.field("round", pa.int32(), False),
        pa.field("block", pa.int32(), False),  # position within the round, which shows the predecessor
        pa.field("record", NAME, False),  # kind of record; rows-<n>: a list of n user rows
        pa.field("contender", NAME, False),  # serializer, serializer+compressor, or compressor
        # encode, decode, compress, decompress; set, get: with the serializer, over Redis; raw-set, raw-get: as many
        # bytes without a serializer, in the same block
        pa.field("operation", NAME, False),
        pa.field("calls", pa.int32(), False),
        pa.field("elapsed_ns", pa.int64(), False),  # of all calls of the batch together
        pa.field("cpu_ns", pa.int64()),  # CPU time of the thread in that time; null: the thread waited for a server
    ]
)
PROBES = pa.schema(
    [
        pa.field("round", pa.int32(), False),
        pa.field("contender", NAME, False),  # the serializer that encoded in the other thread; “nobody”: none did
        pa.field("elapsed_ns", pa.int64(), False),  # one GET
    ]
)
SIZES = pa.schema(
    [
        pa.field("record", NAME, False),
        pa.field("contender", NAME, False),
        pa.field("compressor", NAME, False),  # empty: none
        pa.field("objects", pa.int32(), False),
        pa.field("bytes", pa.int64()),  # of all objects together; null: refused
        pa.field("dictionary_bytes", pa.int64(), False),
        pa.field("outcome", NAME, False),  # of encoding and decoding these records: same, refused, changed
        pa.field("what", pa.string(), False),
    ]
)
STORED = pa.schema(
    [
        pa.field("record", NAME, False),
        pa.field("contender", NAME, False),
        pa.field("value_bytes", pa.int64(), False),  # of the value as sent
        pa.field("memory_bytes", pa.int64(), False),  # MEMORY USAGE of the key
    ]
)
FIDELITY = pa.schema(
    [
        pa.field("contender", NAME, False),
        pa.field("build", NAME, False),  # untyped: a value in a dict; typed: a declared field of a dataclass
        pa.field("case", NAME, False),
        pa.field("outcome", NAME, False),  # same, refused, changed
        pa.field("what", pa.string(), False),
    ]
)
CHANGES = pa.schema(
    [
        pa.field("contender", NAME, False),
        pa.field("change", NAME, False),
        pa.field("direction", NAME, False),  # old bytes, new code · new bytes, old code
        pa.field("outcome", NAME, False),
        pa.field("what", pa.string(), False),
    ]
)
ATTACKS = pa.schema(
    [
        pa.field("reader", NAME, False),
        pa.field("attack", NAME, False),
        pa.field("verdict", NAME, False),  # raised, read, ran code, crashed, not tried
        pa.field("what", pa.string(), False),
        pa.field("bytes", pa.int64(), False),
        pa.field("elapsed_ns", pa.int64(), False),
        pa.field("peak_bytes", pa.int64(), False),
    ]
)

SERIALIZER_TABLES = {
    "batches": BATCHES,
    "probes": PROBES,
    "sizes": SIZES,
    "stored": STORED,
    "fidelity": FIDELITY,
    "changes": CHANGES,
    "attacks": ATTACKS,
}


def write_part(folder: Path, table: str, part: int, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write one part of a table, whole or not at all. Rows are tuples in the order of the columns."""
    schema = SERIALIZER_TABLES[table]
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        pa.array(column, pa.string()).dictionary_encode().cast(field.type)
        if pa.types.is_dictionary(field.type)
        else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    path = folder / table / f"part-{part:05d}.parquet"
    make_folder(path.parent)
    write_table(path, pa.Table.from_arrays(arrays, schema=schema))


def read_parts(folder: Path, table: str) -> pd.DataFrame:
    """All parts of a table as one frame, names as text. Raises RunFolderError if a part cannot be read."""
    schema = SERIALIZER_TABLES[table]
    parts = []
    for path in sorted((folder / table).glob("part-*.parquet")):
        check_file(path)
        try:
            parts.append(pq.read_table(path, columns=schema.names).cast(schema))
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise RunFolderError(path, "cut, or not this table", "a whole Parquet file") from error
    whole = pa.concat_tables(parts).unify_dictionaries() if parts else schema.empty_table()
    plain = pa.schema([pa.field(f.name, pa.string()) if f.type == NAME else f for f in schema])
    frame: pd.DataFrame = whole.cast(plain).to_pandas()
    return frame
