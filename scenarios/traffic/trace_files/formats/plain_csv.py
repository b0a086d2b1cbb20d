"""A trace as plain comma-separated values, with or without a header.

Without a header the columns are time, key, operation, size, TTL; those at the end may be missing. With one, they may
stand in any order, and other columns are ignored. Fields may be quoted. Times are seconds, or ISO 8601.
"""

import csv
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stampede.scenarios.traffic.trace_files.formats.csv_columns import (
    CsvColumn,
    CsvLayout,
    Kind,
    instant_kind,
    is_number,
    numbers_of,
    operations_of,
    read_columns,
    seconds_of_instants,
)
from stampede.scenarios.traffic.trace_files.formats.trace_format import OPERATION_WORDS, ParsedBlock, TraceFormat
from stampede.scenarios.traffic.trace_files.key_hashing import hash_keys
from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation

TIMES: Mapping[str, float] = {
    **dict.fromkeys(("time", "timestamp", "time_s", "ts", "date", "datetime"), 1.0),
    "time_ms": 1e-3,
    "time_us": 1e-6,
    "time_ns": 1e-9,
}
"""Names of a column of times to its unit in seconds."""
NAMES: Mapping[str, str] = {
    **dict.fromkeys(TIMES, "time"),
    **dict.fromkeys(("key", "id", "object", "obj_id", "path", "url"), "key"),
    **dict.fromkeys(("operation", "op", "method", "command"), "operation"),
    **dict.fromkeys(("size", "size_bytes", "bytes", "value_size", "obj_size"), "size"),
    **dict.fromkeys(("ttl", "ttl_s"), "TTL"),
}
"""Names of a header to the column that they mean."""
KINDS: Mapping[str, Kind] = {
    "time": "number",
    "key": "key",
    "operation": "operation",
    "size": "optional number",
    "TTL": "optional number",
}
FEWEST, MOST = 2, len(KINDS)


class PlainCsv(TraceFormat):
    """Reads plain comma-separated values. Without a column `operation`, every request is a read."""

    name = "csv"
    title = "plain CSV"
    wanted = "time,key,operation,size,TTL, or a header with these names"

    def __init__(self, first_lines: Sequence[bytes]) -> None:
        super().__init__(first_lines)
        named = header_names(first_lines)
        self.time_unit_s = 1.0
        if named is None:
            count = len(first_fields(first_lines))
            if not FEWEST <= count <= MOST:
                raise ValueError(f"{count} columns and no header")
            names: list[str] = list(KINDS)[:count]
        else:
            names = named
            self.header_lines = 1
            units = [TIMES[name] for name in lowered(first_fields(first_lines)) if name in TIMES]
            self.time_unit_s = units[0] if units else 1.0
        if names.count("key") != 1:
            raise ValueError("no column key" if "key" not in names else "several columns for the key")
        twice = [name for name in KINDS if names.count(name) > 1]
        if twice:
            raise ValueError(f"several columns for the {twice[0]}")
        kinds = {**KINDS, "time": time_kind(first_lines[self.header_lines :], names)}
        columns = tuple(CsvColumn(name=name, kind=kinds.get(name, "ignored")) for name in names)
        self.layout = CsvLayout(columns=columns, quoted=True)

    @classmethod
    def recognises(cls, first_lines: Sequence[bytes]) -> bool:
        if header_names(first_lines) is not None:
            return True
        fields = first_fields(first_lines)
        if not FEWEST <= len(fields) <= MOST or not (is_number(fields[0].strip()) or instant_kind(fields[0])):
            return False
        return len(fields) < 3 or fields[2].strip().lower() in OPERATION_WORDS

    def times(self, values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
        """A column of times in seconds."""
        return (
            numbers_of(values) * self.time_unit_s if pa.types.is_floating(values.type) else seconds_of_instants(values)
        )

    def parsed(self, block: LineBlock) -> ParsedBlock:
        table, malformed = read_columns(block, self.layout)
        have = set(table.column_names)
        nothing = np.full(len(table), np.nan)
        operations = (
            operations_of(table["operation"])
            if "operation" in have
            else np.full(len(table), TraceOperation.READ, dtype=np.int8)
        )
        ttls = numbers_of(table["TTL"]) if "TTL" in have else nothing
        requests = TraceChunk(
            time_s=self.times(table["time"]) if "time" in have else nothing,
            key=hash_keys(table["key"]),
            operation=operations,
            size_bytes=numbers_of(table["size"], missing=-1).astype(np.int64)
            if "size" in have
            else np.full(len(table), -1, dtype=np.int64),
            ttl_s=np.where((operations == TraceOperation.WRITE) & (ttls > 0), ttls, np.nan),
        )
        return ParsedBlock(requests=requests, malformed=malformed)


def time_kind(first_lines: Sequence[bytes], names: Sequence[str]) -> Kind:
    """What the column of times holds, by its first line."""
    fields = first_fields(first_lines)
    if "time" not in names or len(fields) != len(names):
        return "number"
    return instant_kind(fields[names.index("time")]) or "number"


def first_fields(first_lines: Sequence[bytes]) -> list[str]:
    """The fields of the first line."""
    first = first_lines[0].decode(errors="replace").lstrip("\ufeff") if first_lines else ""
    try:
        return CsvLayout(columns=(), quoted=True).fields(first)
    except csv.Error:
        return []


def lowered(fields: Sequence[str]) -> list[str]:
    """The fields in lower case, without blanks at the ends."""
    return [field.strip().lower() for field in fields]


def header_names(first_lines: Sequence[bytes]) -> list[str] | None:
    """The columns that a header names; columns that mean nothing here keep their place. None: it is no header."""
    fields = lowered(first_fields(first_lines))
    if "key" not in {NAMES.get(name) for name in fields}:
        return None
    if is_number(fields[0]):
        return None
    return [NAMES.get(name, f"column {number}") for number, name in enumerate(fields, start=1)]
