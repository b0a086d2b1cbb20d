"""Twitter's cache traces (Yang, Yue and Rashmi, OSDI 2020): comma-separated, without a header.

Columns: time in seconds, anonymized key, key size, value size, client, operation, TTL in seconds (0: no write).
"""

from collections.abc import Sequence

import numpy as np

from stampede.scenarios.traffic.trace_files.formats.csv_columns import (
    CsvColumn,
    CsvLayout,
    is_number,
    numbers_of,
    operations_of,
    read_columns,
)
from stampede.scenarios.traffic.trace_files.formats.trace_format import ParsedBlock, TraceFormat, most
from stampede.scenarios.traffic.trace_files.key_hashing import hash_keys
from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation

OPERATIONS = ("get", "gets", "set", "add", "replace", "cas", "append", "prepend", "delete", "incr", "decr")
LAYOUT = CsvLayout(
    columns=(
        CsvColumn(name="time", kind="number"),
        CsvColumn(name="key", kind="key"),
        CsvColumn(name="key size", kind="ignored"),
        CsvColumn(name="value size", kind="number"),
        CsvColumn(name="client", kind="ignored"),
        CsvColumn(name="operation", kind="operation"),
        CsvColumn(name="TTL", kind="number"),
    ),
    quoted=False,
)


class TwitterCache(TraceFormat):
    """Reads Twitter's cache traces. A get that found nothing has the value size 0: its size is not known."""

    name = "twitter"
    title = "Twitter's cache trace"
    wanted = "time,key,key size,value size,client,operation,TTL"

    @classmethod
    def recognises(cls, first_lines: Sequence[bytes]) -> bool:
        return most([is_request(line.decode(errors="replace").split(",")) for line in first_lines])

    def parsed(self, block: LineBlock) -> ParsedBlock:
        table, malformed = read_columns(block, LAYOUT)
        operations = operations_of(table["operation"], OPERATIONS)
        sizes = numbers_of(table["value size"]).astype(np.int64)
        ttls = numbers_of(table["TTL"])
        writes = operations == TraceOperation.WRITE
        requests = TraceChunk(
            time_s=numbers_of(table["time"]),
            key=hash_keys(table["key"]),
            operation=operations,
            size_bytes=np.where((sizes == 0) & ~writes, -1, sizes),
            ttl_s=np.where(writes & (ttls > 0), ttls, np.nan),
        )
        return ParsedBlock(requests=requests, malformed=malformed)


def is_request(fields: Sequence[str]) -> bool:
    """Whether the fields of a line are those of this format."""
    if len(fields) != len(LAYOUT.columns) or fields[5] not in OPERATIONS:
        return False
    return all(is_number(fields[place].strip()) for place in (0, 2, 3, 6))
