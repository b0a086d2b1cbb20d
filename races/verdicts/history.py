"""What is seen of a schedule from outside: loads, commits, locks, and what each operation answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from stampede.races.commands.locks import LockTracker


@dataclass(frozen=True)
class Load:
    client: str
    record_id: int
    background: bool


@dataclass(frozen=True)
class Commit:
    """A write of a record, as the database acknowledged it."""

    client: str
    record_id: int
    version: int


@dataclass(frozen=True)
class Crash:
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
    """Index of its first step in the schedule."""
    end: int
    """Index of the step after which it returned; -1: it made none."""
    began_s: float
    ended_s: float
    found: bool | None = None
    version: int | None = None
    error: str | None = None


@dataclass
class Observations:
    """Filled while a schedule runs."""

    loads: list[Load] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    operations: list[FinishedOperation] = field(default_factory=list)
    locks: LockTracker = field(default_factory=LockTracker)
    removals: list[tuple[int, str]] = field(default_factory=list)
    """Keys that expired or were evicted, each with how many loads there had been."""

    def key_removed(self, key: str) -> None:
        """A key expired or was evicted."""
        self.removals.append((len(self.loads), key))
        self.locks.key_removed(key)

    def loads_by_miss(self, is_entry: Callable[[str], bool]) -> list[list[Load]]:
        """The loads, one list for each miss: another miss begins when an entry that had been filled is gone."""
        parts = sorted({count for count, key in self.removals if 0 < count < len(self.loads) and is_entry(key)})
        return [self.loads[begin:end] for begin, end in pairwise([0, *parts, len(self.loads)])]
