"""What every format of traces has: its name, a test of the first lines, and a function from lines to columns."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from stampede.scenarios.traffic.trace_files.line_blocks import LineBlock
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation

READ, WRITE, DELETE, OTHER = TraceOperation
OPERATION_WORDS: Mapping[str, TraceOperation] = {
    **dict.fromkeys(["get", "gets", "read", "r", "mget", "head", "get_lease", "gat", "gats"], READ),
    **dict.fromkeys(["set", "add", "replace", "cas", "append", "prepend", "incr", "decr", "set_lease"], WRITE),
    **dict.fromkeys(["write", "w", "put", "post", "patch", "update", "insert", "create"], WRITE),
    **dict.fromkeys(["setex", "psetex", "setnx"], WRITE),
    **dict.fromkeys(["delete", "del", "d", "remove", "unlink", "invalidate", "evict"], DELETE),
}
"""A word in lower case to what it does. Other words: OTHER."""


class MalformedLine(NamedTuple):
    """A line that was skipped, and why."""

    line: int
    problem: str


@dataclass(frozen=True, kw_only=True)
class ParsedBlock:
    """The requests of a block of lines."""

    requests: TraceChunk
    """Times as the file gives them, in seconds."""
    repeats: npt.NDArray[np.int64] | None = None
    """How many requests each element stands for. None: one."""
    malformed: Sequence[MalformedLine] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Other things that were counted, by their name in the plural."""


class TraceFormat(ABC):
    """A reader of one format. It keeps no state of the requests that it has read."""

    name: ClassVar[str]
    """As `--format` takes it."""
    title: ClassVar[str]
    wanted: ClassVar[str]
    """A line of the format, for messages."""

    header_lines: int = 0
    """How many lines precede the requests."""

    def __init__(self, first_lines: Sequence[bytes]) -> None:
        """`first_lines`: the beginning of the file, without line ends. Raises ValueError if its header is wrong."""
        self.first_lines = first_lines

    @classmethod
    @abstractmethod
    def recognises(cls, first_lines: Sequence[bytes]) -> bool:
        """Whether the file begins like one of this format."""

    @abstractmethod
    def parsed(self, block: LineBlock) -> ParsedBlock:
        """The requests of a block without the header."""


def most(flags: Sequence[bool]) -> bool:
    """Whether more than half of the flags are true. False without flags."""
    return sum(flags) * 2 > len(flags)
