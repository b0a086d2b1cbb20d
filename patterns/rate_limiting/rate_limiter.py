"""The base class of all rate limiters, their decisions, and the contracts that they are checked against.

A limiter decides about single calls of *subjects* (a user's id, an address). It is given a Redis client, its settings
and the clock of the application server. Limiters that take the time from Redis do not use that clock.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import redis

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import ClientSettings

EXACT = 2**52
"""Half of the range in which Lua's numbers (doubles) are exact integers. Calls × microseconds stay below it."""


@dataclass(frozen=True, kw_only=True)
class LimiterConfig:
    """The settings of every limiter. The defaults are the article's: 100 calls in 60 s."""

    limit: int = 100
    """L: the calls that a subject may make in a window."""
    window_s: float = 60.0
    """W: the length of the window in seconds, rounded to whole microseconds."""
    burst: int | None = None
    """B: the calls that a bucket admits at once, its capacity. None: the same as the limit.
    redis-cell's max_burst is one less."""
    key_prefix: str = ""
    """The start of every key, so that a shared Redis can be cleaned up."""

    def __post_init__(self) -> None:
        whole = isinstance(self.limit, int) and not isinstance(self.limit, bool)
        require(whole and self.limit >= 1, "limit", self.limit, "a whole number of calls, 1 or more")
        require(0.01 <= self.window_s <= 31 * 86400, "window_s", self.window_s, "0.01 s to 31 days")
        require(self.window_us >= self.limit, "limit", self.limit, "at most one call a microsecond")
        require(self.burst is None or self.burst >= 1, "burst", self.burst, "1 or more, or None: the limit")
        most = max(self.limit, self.capacity) * self.window_us
        require(most < EXACT, "limit", self.limit, f"calls times microseconds of the window below {EXACT}")

    @property
    def window_us(self) -> int:
        return round(self.window_s * 1_000_000)

    @property
    def capacity(self) -> int:
        """B, if the limiter is a bucket."""
        return self.limit if self.burst is None else self.burst

    def as_dict(self) -> dict[str, object]:
        """Every field by name, for the run folder."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Strict:
    """A contract: at most `limit` admitted calls in any window of `window_s`, wherever it begins."""

    limit: int
    window_s: float

    def as_dict(self) -> dict[str, object]:
        return {"kind": "strict", "limit": self.limit, "window_s": self.window_s}


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A contract: at most B + R·t admitted calls in any time t, with B = `capacity` and R = `refill_per_s`."""

    capacity: int
    refill_per_s: float

    def as_dict(self) -> dict[str, object]:
        return {"kind": "bucket", "capacity": self.capacity, "refill_per_s": self.refill_per_s}


Contract = Strict | Bucket
"""The guaranteed bound. A bucket of capacity L and refill L/W admits up to 2 L per W, so it is not strict."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer of a limiter to one call."""

    allowed: bool
    """Whether the call is admitted."""
    limit: int
    """L of the limiter's settings."""
    remaining: int
    """How many further calls would be admitted now."""
    retry_after_s: float
    """How long to wait until a call can be admitted, if no other call comes first. 0 if this call was admitted."""
    reset_after_s: float
    """How long until the full quota is available again, if no call comes first."""


class RateLimiter(ABC):
    """A way to limit the calls of a subject, with state in Redis that all application servers share."""

    summary: ClassVar[str]
    """One line for tables of the report."""
    moving_parts: ClassVar[tuple[str, ...] | None] = None
    """The state that the limiter keeps, one phrase per part, as for caching patterns. None: not stated."""
    mechanism: ClassVar[str] = ""
    """Why the limiter costs what it costs, in one phrase."""
    client: ClassVar[ClientSettings] = ClientSettings()
    """The settings of its Redis client."""
    config_type: ClassVar[type[LimiterConfig]] = LimiterConfig
    """The class of its settings."""

    def __init__(self, redis: redis.Redis, config: LimiterConfig, now: Callable[[], float]) -> None:
        self.redis: Any = redis
        self.config = config
        self.now = now
        self.contract = self.contract_for(config)

    @classmethod
    @abstractmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        """The bound that the limiter guarantees with these settings. Runs are checked against it."""

    def key(self, subject: str) -> str:
        """The key of the subject's state."""
        return f"{self.config.key_prefix}ratelimit:{subject}"

    @abstractmethod
    def hit(self, subject: str) -> Decision:
        """Decide about one call that comes now, and record it if this limiter records such calls."""
