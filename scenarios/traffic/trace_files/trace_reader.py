"""Opens a trace file of any known format, and reads it in chunks of constant memory."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stampede.core.errors import ConfigError, UserError
from stampede.scenarios.traffic.trace_files.formats.access_log import AccessLog
from stampede.scenarios.traffic.trace_files.formats.meta_cachelib import MetaCachelib
from stampede.scenarios.traffic.trace_files.formats.monitor_output import RedisMonitor
from stampede.scenarios.traffic.trace_files.formats.plain_csv import PlainCsv
from stampede.scenarios.traffic.trace_files.formats.trace_format import MalformedLine, ParsedBlock, TraceFormat
from stampede.scenarios.traffic.trace_files.formats.twitter_cache import TwitterCache
from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock, line_blocks
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk

FORMATS: tuple[type[TraceFormat], ...] = (RedisMonitor, AccessLog, MetaCachelib, TwitterCache, PlainCsv)
"""In the order in which they are tried."""
FORMAT_NAMES = tuple(each.name for each in FORMATS)
LINES_LOOKED_AT = 50
MOST_MALFORMED = 0.01
"""The largest share of malformed lines that are skipped."""
MALFORMED_AT_ONCE = 1_000
"""This number of malformed lines is skipped before their share is known, at the end of the file."""
MOST_REQUESTS = 1 << 18
"""The most requests of a chunk."""


class TraceFile(Iterator[TraceChunk]):
    """The chunks of a trace. What it counts is complete after the last chunk."""

    def __init__(self, path: Path, format_name: str | None = None) -> None:
        """Reads the first block. Raises UserError: unreadable, empty, or of no known format."""
        self.path = path
        self.lines = 0
        """Lines read, with the header, blank lines and those that were skipped."""
        self.malformed = 0
        """Lines that were skipped."""
        self.first_malformed: MalformedLine | None = None
        self.counts: Counter[str] = Counter()
        """Other things that the format counts, by their name in the plural."""
        self.begins_s = np.nan
        """The time of the first request as the file gives it, in seconds. NaN: the trace has no times."""
        self.blocks = line_blocks(path)
        first = beginning(self.blocks)
        if first is None or not first.data.strip():
            raise UserError(path, "no lines", "a trace: " + ", ".join(FORMAT_NAMES))
        self.format = chosen_format(path, first, format_name)
        self.chunks = self.read(first)

    def __next__(self) -> TraceChunk:
        """The next chunk. Raises UserError for a file that cannot be read or has too many malformed lines."""
        return next(self.chunks)

    def read(self, first: LineBlock) -> Iterator[TraceChunk]:
        """The requests of all blocks."""
        block: LineBlock | None = without_lines(first, self.format.header_lines)
        self.lines = self.format.header_lines
        while block is not None:
            parsed = self.format.parsed(block)
            self.lines += block.lines if block.data else 0
            self.note(parsed)
            yield from self.chunks_of(parsed)
            block = next(self.blocks, None)
        self.refuse_if_malformed(at_least=1)

    def note(self, parsed: ParsedBlock) -> None:
        """Count what is not a request."""
        self.counts.update(parsed.counts)
        self.malformed += len(parsed.malformed)
        if self.first_malformed is None and parsed.malformed:
            self.first_malformed = min(parsed.malformed)
        self.refuse_if_malformed(at_least=MALFORMED_AT_ONCE)

    def refuse_if_malformed(self, *, at_least: int) -> None:
        """Raise UserError if `at_least` lines, and more than the allowed share, are malformed."""
        bad = self.first_malformed
        if bad is None or self.malformed < at_least or self.malformed <= MOST_MALFORMED * self.lines:
            return
        raise UserError(
            self.path,
            f"line {bad.line:,}: {bad.problem}; so {self.malformed:,} of {self.lines:,} lines are not of the format "
            f"{self.format.name}",
            f"{self.format.wanted}; at most {MOST_MALFORMED:.0%} malformed; or --format {' or '.join(FORMAT_NAMES)}",
        )

    def chunks_of(self, parsed: ParsedBlock) -> Iterator[TraceChunk]:
        """The requests of a block, with times from the first request, a line with repeats as several requests."""
        requests = parsed.requests
        if not len(requests):
            return
        if np.isnan(self.begins_s):
            self.begins_s = float(requests.time_s[0])
        ends = np.cumsum(np.ones(len(requests), dtype=np.int64) if parsed.repeats is None else parsed.repeats)
        for begin in range(0, int(ends[-1]), MOST_REQUESTS):
            numbers = np.arange(begin, min(begin + MOST_REQUESTS, int(ends[-1])))
            chosen = numbers if parsed.repeats is None else np.searchsorted(ends, numbers, side="right")
            yield TraceChunk(
                time_s=requests.time_s[chosen] - self.begins_s,
                key=requests.key[chosen],
                operation=requests.operation[chosen],
                size_bytes=requests.size_bytes[chosen],
                ttl_s=requests.ttl_s[chosen],
            )


def open_trace(path: Path, format: str | None = None) -> TraceFile:
    """Open a trace file: the path of a text file, plain, gzip or zstd; `-` is standard input.

    `format`: one of FORMAT_NAMES; without it, the first lines decide. Raises UserError.
    """
    return TraceFile(path, format)


def beginning(blocks: Iterator[LineBlock]) -> LineBlock | None:
    """The first block, or more of them joined: enough lines to decide on a format, or the whole file."""
    first = next(blocks, None)
    while first is not None and first.lines < LINES_LOOKED_AT:
        more = next(blocks, None)
        if more is None:
            break
        first = LineBlock(first_line=1, data=first.data + more.data)
    return first


def chosen_format(path: Path, first: LineBlock, name: str | None) -> TraceFormat:
    """The reader of a format by its name, or the first one that recognises the lines."""
    lines = [line.rstrip(b"\r") for line in first.data.split(b"\n", LINES_LOOKED_AT)[:LINES_LOOKED_AT] if line.strip()]
    if name is not None and name not in FORMAT_NAMES:
        raise ConfigError("--format", name, f"one of {', '.join(FORMAT_NAMES)}")
    chosen = next((f for f in FORMATS if (f.name == name if name else f.recognises(lines))), None)
    if chosen is None:
        shown = lines[0][:60].decode(errors="backslashreplace")
        raise UserError(path, f"line 1: {shown!r} is of no known format", f"--format {' or '.join(FORMAT_NAMES)}")
    try:
        return chosen(lines)
    except ValueError as error:
        raise UserError(path, f"line 1: {error}", f"{chosen.title}: {chosen.wanted}") from error


def without_lines(block: LineBlock, count: int) -> LineBlock:
    """The block without its first lines."""
    data = block.data
    for _ in range(count):
        data = data.partition(b"\n")[2]
    return LineBlock(first_line=block.first_line + count, data=data)
