"""What every caching pattern is, and the world that it is given.

A pattern reads and writes *records*: rows as dicts, found by an integer id. Its whole world is the `Context`: the Redis
client, the database, the clock.
Whoever holds the kit can time it, count it or hold it still: the pattern never knows.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar, Protocol, runtime_checkable

import redis

from stampede.core.errors import require
from stampede.patterns.serialization.serializer import Serializer

Record = dict[str, Any]
"""A row: column names to values. The article's users are the first kind."""


class FaultModel(Enum):
    """What else may happen to a pattern, at any moment, besides other clients."""

    NONE = "nothing"
    EXPIRY = "an entry or a lock expires or is evicted"
    CRASH = "a client dies"
    OUTAGE = "the cache refuses or hangs"


class Guarantee(Enum):
    """What a pattern may claim. Each names its adversary: what else may happen while it must hold."""

    ONE_LOAD_PER_MISS = "at most one load fleet-wide while an entry is missing (adversary: none)"
    ONE_REFRESH_PER_EXPIRY = "at most one refresh fleet-wide of an entry that will expire (adversary: none)"
    READ_AFTER_WRITE = "with nobody else about, the next read returns what was written (adversary: none)"
    NO_STALE_AFTER_WRITE = "no read that begins after a write returned sees an older version (adversary: none)"
    READ_YOUR_WRITES = "a client that wrote reads its own write or a newer one (adversary: none)"
    MONOTONIC_READS = "the versions that one client sees never go back (adversary: none)"
    EVENTUALLY_FRESH = "no entry is stale once nobody writes or fills any more (adversary: none)"
    EVENTUALLY_FRESH_DESPITE_EXPIRY = "no entry is stale once all is at rest (adversary: expiry or eviction)"
    RELEASES_ONLY_OWN_LOCK = "no lock is released by one that does not own it (adversary: expiry or eviction)"
    WAITS_AT_MOST_LOCK_TTL = "nobody waits for a dead holder longer than its lock's TTL (adversary: death of a client)"
    NO_CACHED_ERRORS = "a load that raises is neither cached nor shared for ever (adversary: none)"
    DURABLE_ON_RETURN = "a write that returned is in the database (adversary: death of a client)"
    STALE_AT_MOST_TTL = "a stale entry is gone one TTL after it was filled (adversary: death of a client)"
    CORRECT_AFTER_CACHE_LOSS = "an emptied cache costs loads, never answers (adversary: expiry or eviction)"
    AVAILABLE_WITHOUT_CACHE = "reads and writes succeed while Redis refuses or hangs (adversary: outage of the cache)"
    ADMITS_AT_MOST_ITS_BOUND = "a limiter admits at most its bound (adversary: none)"
    REFUSED_CALLS_ARE_FREE = "calls that a limiter refused do not eat the quota (adversary: none)"

    @property
    def adversary(self) -> FaultModel:
        """What may happen while it must hold."""
        named = self.value.rpartition("(adversary: ")[2].rstrip(")").split(" ")[0]
        return FaultModel.NONE if named == "none" else FaultModel[named.upper()]

    def holds_under(self, adversary: FaultModel) -> bool:
        """Whether the promise is meant for this adversary too: what holds under one holds where nothing happens."""
        return adversary in (FaultModel.NONE, self.adversary)


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """How a pattern's redis-py client is set.

    redis-py 8 by default waits 5 s on a socket and retries ten times with exponential backoff: a call fails after some
    seconds where connections are refused, after 55 s and more where nothing answers. A pattern that wants to outlive
    its cache declares less.
    """

    socket_timeout_s: float | None = 5.0
    retries: int = 10

    def __post_init__(self) -> None:
        timeout = self.socket_timeout_s
        number = timeout is None or (isinstance(timeout, int | float) and timeout > 0)
        require(number, "socket_timeout_s", timeout, "above 0, or None for no limit")
        counted = isinstance(self.retries, int) and self.retries >= 0
        require(counted, "retries", self.retries, "a whole number, 0 or more")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What every pattern can be told. Patterns with more to tell subclass it."""

    ttl_s: float = 3600.0
    """Lifetime of an entry in seconds. The article's hour; scenarios shorten it."""
    key_prefix: str = ""
    """Stands before every key, so that a shared Redis stays tidy."""

    def __post_init__(self) -> None:
        require(self.ttl_s >= 0.001, "ttl_s", self.ttl_s, "at least 0.001 s (Redis counts milliseconds)")

    @property
    def ttl_ms(self) -> int:
        return round(self.ttl_s * 1000)

    def as_dict(self) -> dict[str, object]:
        """Every field by name, for the run folder."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Transaction(Protocol):
    """An open database transaction: what is done through it is seen by others at its COMMIT."""

    def update(self, record_id: int, changes: Record) -> Record | None: ...

    def create(self, new: Record) -> Record: ...


class Source(ABC):
    """The database that the records come from."""

    @abstractmethod
    def load(self, record_id: int) -> Record | None:
        """The record, or None where there is no such row. Autocommit: one statement, no BEGIN and COMMIT around it."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """BEGIN; COMMIT when the block ends, ROLLBACK when it raises."""

    def update(self, record_id: int, changes: Record) -> Record | None:
        """One transaction in one line: the row as it is after the change, or None where there is no such row."""
        with self.transaction() as tx:
            return tx.update(record_id, changes)

    def create(self, new: Record) -> Record:
        """One transaction in one line: the new row, with the id that the database gave it."""
        with self.transaction() as tx:
            return tx.create(new)


@dataclass(frozen=True)
class Context:
    """A pattern's whole world."""

    redis: redis.Redis
    """The client, set as the pattern's ClientSettings say; replies are bytes."""
    source: Source
    serializer: Serializer[Record]
    now: Callable[[], float]
    """Seconds, never going back."""
    sleep: Callable[[float], None]
    """Wait so many seconds."""
    spawn: Callable[[Callable[[], None]], None]
    """Hand work to a bounded background pool of this process; returns at once."""
    rng: random.Random


class CachePattern(ABC):
    """One way to keep records in Redis in front of PostgreSQL."""

    summary: ClassVar[str]
    """One line for tables."""
    guarantees: ClassVar[frozenset[Guarantee]] = frozenset()
    """What the contract specs and the race explorer hold it to."""
    client: ClassVar[ClientSettings] = ClientSettings()
    config_type: ClassVar[type[Config]] = Config
    opt_in: ClassVar[bool] = False
    """Runs only in scenarios that name it: elsewhere it does what another contender does."""
    requires: ClassVar[str] = ""
    """An optional package that it needs, and the extra of ours that brings it."""

    def __init__(self, context: Context, config: Config) -> None:
        self.redis: Any = context.redis  # a redis.Redis whose replies are bytes, which redis-py's types cannot say
        self.source = context.source
        self.serializer = context.serializer
        self.context = context
        self.config = config

    def key(self, record_id: int) -> str:
        """The entry's name, `{type}:{id}` (B2), under the prefix."""
        return f"{self.config.key_prefix}user:{record_id}"

    @abstractmethod
    def get(self, record_id: int) -> Record | None:
        """The record, or None where there is none."""

    @abstractmethod
    def update(self, record_id: int, changes: Record) -> Record | None:
        """Change columns of a record: the row as it is afterwards, or None where there is no such row."""

    def create(self, new: Record) -> Record:
        """Insert a record; it enters the cache when it is first read."""
        return self.source.create(new)

    @abstractmethod
    def invalidate(self, record_id: int) -> None:
        """Forget the entry: the next read loads."""

    def close(self) -> None:  # noqa: B027 - nothing to do is a fair answer
        """Returns once nothing that was accepted lives in this process's memory alone."""


@runtime_checkable
class BatchReader(Protocol):
    """A pattern that can read several records in fewer round trips."""

    def get_many(self, record_ids: Sequence[int]) -> dict[int, Record]: ...


@runtime_checkable
class SupportsWarmUp(Protocol):
    """A pattern that can fill the cache before the first reader comes (B7)."""

    def warm(self, record_ids: Sequence[int]) -> None: ...
