"""An access log of a web server in the common or combined log format, as of Apache and nginx.

    127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /products/17?ref=mail HTTP/1.1" 200 2326

The key is the path without the query. GET and HEAD read; POST, PUT and PATCH write; DELETE deletes.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

import numpy as np

from stampede.scenarios.traffic.trace_files.formats.trace_format import (
    DELETE,
    OTHER,
    READ,
    WRITE,
    MalformedLine,
    ParsedBlock,
    TraceFormat,
    most,
)
from stampede.scenarios.traffic.trace_files.key_hashing import hash_texts
from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation

LINE = re.compile(rb'\S+ \S+ .*?\[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: .*)?')
TIME = re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?: ([+-])(\d{2})(\d{2}))?")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
METHODS: Mapping[bytes, TraceOperation] = {
    **dict.fromkeys((b"GET", b"HEAD"), READ),
    **dict.fromkeys((b"POST", b"PUT", b"PATCH"), WRITE),
    b"DELETE": DELETE,
}
CLIENT_ERRORS, SERVER_ERRORS = "client errors (4xx)", "server errors (5xx)"


class AccessLog(TraceFormat):
    """Reads access logs. The size is that of the answer; errors are requests too, and are counted."""

    name = "access-log"
    title = "access log"
    wanted = '127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /path HTTP/1.1" 200 2326'

    @classmethod
    def recognises(cls, first_lines: Sequence[bytes]) -> bool:
        return most([LINE.fullmatch(line.rstrip()) is not None for line in first_lines])

    def parsed(self, block: LineBlock) -> ParsedBlock:
        times, keys, operations, sizes = [], [], [], []
        malformed = []
        counts: Counter[str] = Counter()
        for number, line in enumerate(block.data.split(b"\n"), start=block.first_line):
            match = LINE.fullmatch(line.rstrip(b"\r"))
            if match is None:
                if line.strip():
                    malformed.append(MalformedLine(number, "not a line of an access log"))
                continue
            time_text, request, status, size = match.groups()
            time_s = seconds_of(time_text)
            if time_s is None:
                malformed.append(MalformedLine(number, f"time {time_text.decode(errors='replace')[:40]!r}"))
                continue
            operation, key = request_of(request)
            times.append(time_s)
            keys.append(key)
            operations.append(operation)
            sizes.append(int(size) if operation == READ and status == b"200" and size != b"-" else -1)
            if status[:1] in b"45":
                counts[CLIENT_ERRORS if status[:1] == b"4" else SERVER_ERRORS] += 1
        requests = TraceChunk(
            time_s=np.array(times, dtype=np.float64),
            key=hash_texts(keys),
            operation=np.array(operations, dtype=np.int8),
            size_bytes=np.array(sizes, dtype=np.int64),
            ttl_s=np.full(len(keys), np.nan),
        )
        return ParsedBlock(requests=requests, malformed=malformed, counts=counts)


def request_of(request: bytes) -> tuple[TraceOperation, bytes]:
    """The operation and the key of a request line. What is no HTTP request has no key."""
    parts = request.split(b" ")
    operation = METHODS.get(parts[0], OTHER)
    if operation == OTHER or len(parts) < 2:
        return OTHER, b""
    return operation, parts[1].partition(b"?")[0]


@lru_cache(maxsize=4096)
def seconds_of(text: bytes) -> float | None:
    """Seconds since 1970 of a time such as 10/Oct/2000:13:55:36 -0700; None for what is no time."""
    match = TIME.fullmatch(text.decode(errors="replace"))
    if match is None or match[2].lower() not in MONTHS:
        return None
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    zone = UTC
    if match[7]:
        ahead = timedelta(hours=int(match[8]), minutes=int(match[9]))
        if ahead >= timedelta(days=1):
            return None
        zone = timezone(ahead if match[7] == "+" else -ahead)
    try:
        month = MONTHS.index(match[2].lower()) + 1
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).timestamp()
    except ValueError:
        return None
