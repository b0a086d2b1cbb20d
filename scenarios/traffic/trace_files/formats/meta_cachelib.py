"""Meta's CacheLib traces of key-value caches: comma-separated, with a header that names the columns.

Releases of 2022 and 2023: key,op,size,op_count,key_size and later ttl, without times. Those of 2024 begin with
op_time, in seconds. One line stands for op_count equal requests.
"""

from collections.abc import Sequence

import numpy as np

from stampede.scenarios.traffic.trace_files.formats.csv_columns import (
    CsvColumn,
    CsvLayout,
    Kind,
    numbers_of,
    operations_of,
    read_columns,
)
from stampede.scenarios.traffic.trace_files.formats.trace_format import (
    MalformedLine,
    ParsedBlock,
    TraceFormat,
)
from stampede.scenarios.traffic.trace_files.key_hashing import hash_keys
from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation

KINDS: dict[str, Kind] = {
    "op_time": "number",
    "key": "key",
    "op": "operation",
    "op_count": "number",
    "size": "number",
    "ttl": "optional number",
}
NEEDED = ("key", "op", "op_count", "size")
OPERATIONS = ("get", "get_lease", "set", "set_lease", "delete")
MOST_REPEATS = 1_000_000
"""The most requests that one line may stand for."""


class MetaCachelib(TraceFormat):
    """Reads Meta's CacheLib traces. A get that found nothing has the size 0: its size is not known."""

    name = "meta"
    title = "Meta's CacheLib trace"
    wanted = "a header such as key,op,size,op_count,key_size,ttl"

    def __init__(self, first_lines: Sequence[bytes]) -> None:
        super().__init__(first_lines)
        names = header_of(first_lines)
        missing = [name for name in NEEDED if name not in names]
        if missing:
            raise ValueError(f"no column {missing[0]}")
        columns = tuple(CsvColumn(name=name, kind=KINDS.get(name, "ignored")) for name in names)
        self.layout = CsvLayout(columns=columns, quoted=False)
        self.header_lines = 1

    @classmethod
    def recognises(cls, first_lines: Sequence[bytes]) -> bool:
        return all(name in header_of(first_lines) for name in NEEDED)

    def parsed(self, block: LineBlock) -> ParsedBlock:
        table, malformed = read_columns(block, self.layout)
        operations = operations_of(table["op"], OPERATIONS)
        writes = operations == TraceOperation.WRITE
        sizes = numbers_of(table["size"]).astype(np.int64)
        nothing = np.full(len(operations), np.nan)
        ttls = numbers_of(table["ttl"]) if "ttl" in table.column_names else nothing
        repeats = numbers_of(table["op_count"])
        requests = TraceChunk(
            time_s=numbers_of(table["op_time"]) if "op_time" in table.column_names else nothing,
            key=hash_keys(table["key"]),
            operation=operations,
            size_bytes=np.where((sizes == 0) & ~writes, -1, sizes),
            ttl_s=np.where(writes & (ttls > 0), ttls, np.nan),
        )
        countable = (repeats >= 1) & (repeats <= MOST_REPEATS)
        if countable.all():
            return ParsedBlock(requests=requests, repeats=repeats.astype(np.int64), malformed=malformed)
        return ParsedBlock(
            requests=requests.where(countable),
            repeats=repeats[countable].astype(np.int64),
            malformed=[*malformed, *uncountable(block, self.layout)],
        )


def header_of(first_lines: Sequence[bytes]) -> list[str]:
    """The names of the columns."""
    first = first_lines[0].decode(errors="replace") if first_lines else ""
    return [name.strip().lower() for name in first.lstrip("\ufeff").split(",")]


def uncountable(block: LineBlock, layout: CsvLayout) -> list[MalformedLine]:
    """The sound lines of a block whose op_count is not from 1 to MOST_REPEATS."""
    place = [column.name for column in layout.columns].index("op_count")
    found = []
    for number, line in enumerate(block.data.decode(errors="replace").split("\n"), start=block.first_line):
        if line.strip() and layout.problem(line.rstrip("\r")) is None:
            count = layout.fields(line)[place]
            if not 1 <= float(count) <= MOST_REPEATS:
                found.append(MalformedLine(number, f"op_count {count[:40]!r}"))
    return found
