"""What every rate limiter is, what it answers, and what it can be held to.

A limiter decides about calls of *subjects* (a user's id, an address) one at a time. Its whole world is a Redis client,
its config, and a clock: that of the app server. Limiters that ask Redis for the time do not use it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import redis

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import ClientSettings

EXACT = 2**52
"""Lua counts in doubles: integers are exact up to twice this. Products of calls and microseconds stay below it."""


@dataclass(frozen=True, kw_only=True)
class LimiterConfig:
    """What every limiter can be told. The article's default: 100 calls in 60 s."""

    limit: int = 100
    """Calls that a subject may make in a window: L."""
    window_s: float = 60.0
    """Length of the window in seconds, in whole microseconds: W."""
    burst: int | None = None
    """Calls that may come at once where the limiter is a bucket: its capacity B; None: as many as the limit.
    redis-cell's max_burst is one less."""
    key_prefix: str = ""
    """Stands before every key, so that a shared Redis stays tidy."""

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
        """B, where the limiter is a bucket."""
        return self.limit if self.burst is None else self.burst

    def as_dict(self) -> dict[str, object]:
        """Every field by name, for the run folder."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Strict:
    """At most `limit` admissions in any window of `window_s`, wherever it begins."""

    limit: int
    window_s: float

    def as_dict(self) -> dict[str, object]:
        return {"kind": "strict", "limit": self.limit, "window_s": self.window_s}


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """At most B + R·t admissions in any time t: B = `capacity` at once, R = `refill_per_s` in the long run."""

    capacity: int
    refill_per_s: float

    def as_dict(self) -> dict[str, object]:
        return {"kind": "bucket", "capacity": self.capacity, "refill_per_s": self.refill_per_s}


Contract = Strict | Bucket
"""The guaranteed bound. In a window W a bucket of capacity L and refill L/W admits up to 2 L: no strict L per W."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a limiter answers to one call."""

    allowed: bool
    limit: int
    remaining: int
    """Calls that would be admitted if they came at once, after this one."""
    retry_after_s: float
    """How long to wait until a call can be admitted, if nobody else calls; 0 where this one was."""
    reset_after_s: float
    """How long until the quota is whole again, if nobody calls."""


class RateLimiter(ABC):
    """One way to admit so many calls in so much time, by state in Redis that all app servers share."""

    summary: ClassVar[str]
    """One line for tables."""
    client: ClassVar[ClientSettings] = ClientSettings()
    config_type: ClassVar[type[LimiterConfig]] = LimiterConfig

    def __init__(self, redis: redis.Redis, config: LimiterConfig, now: Callable[[], float]) -> None:
        self.redis: Any = redis
        self.config = config
        self.now = now
        self.contract = self.contract_for(config)

    @classmethod
    @abstractmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        """The bound that this limiter guarantees with that config: it is judged by it."""

    def key(self, subject: str) -> str:
        return f"{self.config.key_prefix}ratelimit:{subject}"

    @abstractmethod
    def hit(self, subject: str) -> Decision:
        """Decide about one call, now, and remember it if that is what this limiter does."""
