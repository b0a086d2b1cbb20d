"""The base class of all caching patterns, and the objects that a pattern is given.

A pattern reads and writes *records*: rows as dicts, identified by their key in the database. It reaches everything
outside its own file through its `Context`: the Redis client, the database, the clock. So the harness can measure a
pattern, or control the order of its steps, by wrapping these objects. The pattern is the same code in every case.
"""

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import redis

from stampede.core.errors import require
from stampede.core.text.record_id_text import id_text
from stampede.patterns.serialization.serializer import Serializer

Record = dict[str, Any]
"""A row of the database: column names to values."""
RecordId = Any
"""The key of a record: the value of its column, as psycopg returns it (int, str, UUID, date, …), or a NamedTuple of the
values of several columns, whose fields are named as the columns. A pattern for one table may annotate its own type."""

ENTITY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

OnWrite = Literal["deletes", "fills", "keeps"]
"""What a write does to the record's entry: remove it, replace it by the new value with a full TTL, or nothing."""


class FaultModel(Enum):
    """What else may happen to a pattern at any moment, apart from the requests of other clients."""

    NONE = "nothing"
    EXPIRY = "an entry or a lock expires or is evicted"
    CRASH = "a client crashes"
    OUTAGE = "the cache refuses or hangs"


class Guarantee(Enum):
    """What a pattern may claim, and the fault model under which the claim must hold.

    Every guarantee must also hold under FaultModel.NONE.
    """

    ONE_LOAD_PER_MISS = "at most one load fleet-wide while an entry is missing", FaultModel.NONE
    ONE_REFRESH_PER_EXPIRY = "at most one refresh fleet-wide of an entry that will expire", FaultModel.NONE
    READ_AFTER_WRITE = "without concurrent clients, a read after a write returns the written value", FaultModel.NONE
    NO_STALE_AFTER_WRITE = "no read that begins after a write returned sees an older version", FaultModel.NONE
    READ_YOUR_WRITES = "a client that wrote reads its own write or a newer one", FaultModel.NONE
    MONOTONIC_READS = "the versions that one client sees never go back", FaultModel.NONE
    EVENTUALLY_FRESH = "no entry is stale once no client writes or fills", FaultModel.NONE
    EVENTUALLY_FRESH_DESPITE_EXPIRY = "no entry is stale once no client writes or fills", FaultModel.EXPIRY
    RELEASES_ONLY_OWN_LOCK = "no client releases a lock that it does not own", FaultModel.EXPIRY
    WAITS_AT_MOST_LOCK_TTL = (
        "no client waits for a crashed lock holder longer than the lock's TTL",
        FaultModel.CRASH,
    )
    NO_CACHED_ERRORS = "a load that raises is neither cached nor shared without end", FaultModel.NONE
    DURABLE_ON_RETURN = "a write that returned is in the database", FaultModel.CRASH
    STALE_AT_MOST_TTL = "a stale entry is gone one TTL after it was filled", FaultModel.CRASH
    CORRECT_AFTER_CACHE_LOSS = "an emptied cache causes loads, never wrong answers", FaultModel.EXPIRY
    AVAILABLE_WITHOUT_CACHE = "reads and writes succeed while Redis refuses or hangs", FaultModel.OUTAGE
    ADMITS_AT_MOST_ITS_BOUND = "a limiter admits at most its bound", FaultModel.NONE
    REFUSED_CALLS_ARE_FREE = "calls that a limiter refused do not use up the quota", FaultModel.NONE

    def __init__(self, text: str, fault_model: FaultModel) -> None:
        self.text = text
        """What holds, in one line."""
        self.fault_model = fault_model
        """What else may happen while it must hold."""

    def holds_under(self, fault_model: FaultModel) -> bool:
        """Whether the guarantee must hold under this fault model."""
        return fault_model in (FaultModel.NONE, self.fault_model)


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """The settings of a pattern's redis-py client. The defaults are those of redis-py 8.

    With these defaults, a call fails after a few seconds if connections are refused, and after 55 s or more if the
    server does not answer. A pattern that must work without its cache declares smaller values.
    """

    socket_timeout_s: float | None = 5.0
    """How long the client waits for an answer. None: no limit."""
    retries: int = 10
    """How often the client tries again, with exponential backoff."""

    def __post_init__(self) -> None:
        timeout = self.socket_timeout_s
        number = timeout is None or (isinstance(timeout, int | float) and timeout > 0)
        require(number, "socket_timeout_s", timeout, "above 0, or None for no limit")
        counted = isinstance(self.retries, int) and self.retries >= 0
        require(counted, "retries", self.retries, "a whole number, 0 or more")


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of every pattern. A pattern with further settings subclasses this class."""

    ttl_s: float = 3600.0
    """Lifetime of an entry in seconds. The default is the article's hour; scenarios set shorter values."""
    key_prefix: str = ""
    """The start of every key, so that a shared Redis can be cleaned up."""
    entity: str = "user"
    """What the records are: the type in the names of their keys."""

    def __post_init__(self) -> None:
        named = isinstance(self.entity, str) and ENTITY.fullmatch(self.entity) is not None
        require(named, "entity", self.entity, "a letter, then at most 63 letters, digits or _.-")
        require(self.ttl_s >= 0.001, "ttl_s", self.ttl_s, "at least 0.001 s (Redis counts milliseconds)")

    @property
    def ttl_ms(self) -> int:
        return round(self.ttl_s * 1000)

    def as_dict(self) -> dict[str, object]:
        """Every field by name, for the run folder."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Transaction(Protocol):
    """An open database transaction. Other clients see its changes after the COMMIT."""

    def update(self, record_id: RecordId, changes: Record) -> Record | None: ...

    def create(self, new: Record) -> Record: ...


class Source(ABC):
    """The database that the records come from."""

    @abstractmethod
    def load(self, record_id: RecordId) -> Record | None:
        """The record, or None if there is no such row. Autocommit: one statement without BEGIN and COMMIT."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction around a `with` block: COMMIT when the block ends, ROLLBACK if it raises."""

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        """Change a row in its own transaction. Returns the changed row, or None if there is no such row."""
        with self.transaction() as tx:
            return tx.update(record_id, changes)

    def create(self, new: Record) -> Record:
        """Insert a row in its own transaction. Returns the new row, with the id that the database assigned."""
        with self.transaction() as tx:
            return tx.create(new)


@dataclass(frozen=True)
class Context:
    """Everything that a pattern is given."""

    redis: redis.Redis
    """A client with the pattern's ClientSettings. Replies are bytes."""
    source: Source
    """The database."""
    serializer: Serializer[Record]
    """Converts records to bytes and back."""
    now: Callable[[], float]
    """Seconds of a monotonic clock."""
    sleep: Callable[[float], None]
    """Waits for that many seconds."""
    spawn: Callable[[Callable[[], None]], None]
    """Hands work to a bounded background pool of this process and returns at once."""
    rng: random.Random
    """Random numbers, seeded by the harness."""


class CachePattern(ABC):
    """A way to cache records of PostgreSQL in Redis."""

    summary: ClassVar[str]
    """One line for tables of the report."""
    moving_parts: ClassVar[tuple[str, ...] | None] = None
    """What the pattern adds to plain queries, one phrase per part: a lock, background work, an extra round trip. The
    report recommends the contender with the fewest parts unless another is measurably better. None: not stated, which
    counts as more parts than any stated number."""
    mechanism: ClassVar[str] = ""
    """Why the pattern costs what it costs, in one phrase. The report prints it next to the measured costs."""
    on_write: ClassVar[OnWrite] = "deletes"
    """The effect of `update` on the record's entry. A cell starts from the steady state that follows from it."""
    reads_like: ClassVar[str] = ""
    """The contender that does the same without writes. In a scenario without writes, only that one runs."""
    guarantees: ClassVar[frozenset[Guarantee]] = frozenset()
    """What the pattern claims. The contract tests and the race explorer check it."""
    client: ClassVar[ClientSettings] = ClientSettings()
    """The settings of its Redis client."""
    config_type: ClassVar[type[Config]] = Config
    """The class of its settings."""
    opt_in: ClassVar[bool] = False
    """Whether only scenarios that name the pattern run it. In all others it would behave like another contender."""
    requires: ClassVar[str] = ""
    """An optional package that the pattern needs. The extra of the same name installs it."""

    def __init__(self, context: Context, config: Config) -> None:
        self.redis: Any = context.redis  # a redis.Redis with bytes as replies, which redis-py's types cannot express
        self.source = context.source
        self.serializer = context.serializer
        self.context = context
        self.config = config

    def key(self, record_id: RecordId) -> str:
        """The key of the record's entry: `{type}:{id}` (B2) after the prefix. The id is escaped: see `id_text`."""
        return f"{self.config.key_prefix}{self.config.entity}:{id_text(record_id)}"

    @abstractmethod
    def get(self, record_id: RecordId) -> Record | None:
        """Read a record. Returns None if there is no such record."""

    @abstractmethod
    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        """Change columns of a record. Returns the changed record, or None if there is no such record."""

    def create(self, new: Record) -> Record:
        """Insert a record. It enters the cache on its first read."""
        return self.source.create(new)

    @abstractmethod
    def invalidate(self, record_id: RecordId) -> None:
        """Remove the entry, so that the next read loads."""

    def close(self) -> None:  # noqa: B027 - most patterns have nothing to close
        """Return when no accepted work exists only in this process's memory."""


@runtime_checkable
class BatchReader(Protocol):
    """A pattern that can read several records in fewer round trips."""

    def get_many(self, record_ids: Sequence[RecordId]) -> dict[RecordId, Record]: ...


@runtime_checkable
class SupportsWarmUp(Protocol):
    """A pattern that can fill the cache before the first read (B7)."""

    def warm(self, record_ids: Sequence[RecordId]) -> None: ...
