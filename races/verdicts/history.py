"""The observations of a schedule: loads, commits, crashes, locks, and the answer of each operation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from stampede.races.commands.locks import LockTracker


@dataclass(frozen=True)
class Load:
    """A load of a record."""

    client: str
    record_id: int
    background: bool
    """Whether background work made it."""


@dataclass(frozen=True)
class Commit:
    """A committed write of a record, with the version that the database returned."""

    client: str
    record_id: int
    version: int


@dataclass(frozen=True)
class Crash:
    """A crash of a client, at a virtual time."""

    client: str
    now_s: float
    lock_ttl_s: float | None
    """The longest remaining TTL of its locks, in seconds. inf: one has no TTL. None: it held no lock."""


@dataclass(kw_only=True)
class FinishedOperation:
    """An operation of a client, and its result."""

    client: str
    operation: str
    record_id: int
    begin: int
    """The index of its first step in the schedule."""
    end: int
    """The index of its last step. -1: it took no step."""
    began_s: float
    ended_s: float
    found: bool | None = None
    version: int | None = None
    error: str | None = None


@dataclass
class Observations:
    """The observations of one schedule. Filled while the schedule runs."""

    loads: list[Load] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    operations: list[FinishedOperation] = field(default_factory=list)
    locks: LockTracker = field(default_factory=LockTracker)
    removals: list[tuple[int, str]] = field(default_factory=list)
    """(number of loads before, key) of each key that expired or was evicted."""

    def key_removed(self, key: str) -> None:
        """A key expired or was evicted."""
        self.removals.append((len(self.loads), key))
        self.locks.key_removed(key)

    def loads_by_miss(self, is_entry: Callable[[str], bool]) -> list[list[Load]]:
        """The loads, one list for each miss. A new miss begins when a filled entry expires or is evicted."""
        parts = sorted({count for count, key in self.removals if 0 < count < len(self.loads) and is_entry(key)})
        return [self.loads[begin:end] for begin, end in pairwise([0, *parts, len(self.loads)])]
