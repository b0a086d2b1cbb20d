"""Reads a text file of any length in blocks of whole lines: plain, gzip or zstd, from a path or standard input."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from stampede.core.errors import UnreadableFile, UserError
from stampede.core.files import check_regular

BLOCK_BYTES = 1 << 19
"""About the length of a block. Memory does not depend on the length of the file."""
LONGEST_LINE = 8 << 20
STANDARD_INPUT = Path("-")
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""How these files begin."""
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError, OSError)
"""What reading a damaged or incomplete compressed file raises."""


@dataclass(frozen=True, kw_only=True)
class LineBlock:
    """Consecutive whole lines of a file."""

    first_line: int
    """The number of the first line in the file, from 1."""
    data: bytes
    """Each line ends in a newline, apart from the file's last."""

    @property
    def lines(self) -> int:
        """The number of lines."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))


def line_blocks(path: Path) -> Iterator[LineBlock]:
    """The lines of a file, in blocks. `-` is standard input. Raises UserError for what is no readable text."""
    with opened(path) as source:
        line, rest = 1, b""
        while True:
            try:
                read = source.read(BLOCK_BYTES)
            except DAMAGED as error:
                what = f"after line {line:,}: {error or type(error).__name__}"
                raise UserError(path, what, "a whole file: plain, gzip or zstd") from error
            data = rest + read
            cut = len(data) if not read else data.rfind(b"\n") + 1
            if cut:
                block = LineBlock(first_line=line, data=data[:cut])
                line += block.lines
                yield block
            if not read:
                return
            rest = data[cut:]
            if len(rest) > LONGEST_LINE:
                raise UserError(path, f"line {line:,} is longer than {LONGEST_LINE:,} bytes", "a text file of requests")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's contents, decompressed."""
    if path == STANDARD_INPUT:
        yield decompressed(sys.stdin.buffer)
        return
    try:
        check_regular(path)
        with path.open("rb") as file:
            yield decompressed(file)
    except UnreadableFile as error:
        raise UserError(path, error.what, error.want) from error
    except PermissionError as error:
        raise UserError(path, error.strerror or "no permission", "a file that can be read") from error


def decompressed(file: BinaryIO) -> BinaryIO:
    """The stream itself, or what it contains in compressed form. Its first bytes decide, not its name."""
    source = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, file))
    begins = source.peek(4)
    if begins.startswith(GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=source))
    if begins.startswith(ZSTD):
        return cast(BinaryIO, zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True))
    return source
