"""Cache-aside with a fallback: a Redis that is gone or hangs costs time and loads, never answers.

    read    app ──GET──► Redis ── hit ──► return
             ├─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
             └─ error, or no answer in 50 ms ──SELECT──► PostgreSQL ──► return, and leave the cache alone for a while
    write   app ──UPDATE──► PostgreSQL, then DEL; a DEL that fails is swallowed

Cost in round trips: as cache-aside while Redis answers. Once it does not: 50 ms for whoever finds out, then one SELECT
a read until the cool-down (a circuit breaker) is over and somebody finds out again; every write tries its DEL: 50 ms.
Good for: services that must outlive their cache (B5), and whose database carries the reads for as long.
Bad for: a database that cannot: the outage of the cache becomes its own. A DEL that is lost while Redis hangs leaves
the old value for a TTL; one that times out may still be done later.
Source: the article's B5 over its P1; the breaker after Nygard, "Release It!" (2007). Departures: the client's
time limit and no retries (redis-py's defaults wait 5 s and retry ten times), the except clauses, the cool-down.
"""

from dataclasses import dataclass
from typing import Any

import redis

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import CachePattern, ClientSettings, Config, Context, Guarantee, Record


@dataclass(frozen=True, kw_only=True)
class FallbackConfig(Config):
    cool_down_s: float = 0.2
    """How long this process leaves the cache alone after it failed. 0: every request tries."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.cool_down_s <= 60, "cool_down_s", self.cool_down_s, "0 to 60 s")


class CacheAsideFallback(CachePattern):
    summary = "as cache-aside, but with a time limit on Redis; where Redis fails, the database answers"
    guarantees = frozenset(
        {
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
            Guarantee.AVAILABLE_WITHOUT_CACHE,
        }
    )
    client = ClientSettings(socket_timeout_s=0.05, retries=0)
    config_type = FallbackConfig
    opt_in = True

    def __init__(self, context: Context, config: FallbackConfig) -> None:
        super().__init__(context, config)
        self.now = context.now
        self.cool_down_s = config.cool_down_s
        self.tries_again_at = 0.0

    def get(self, record_id: int) -> Record | None:
        key = self.key(record_id)
        cached = self._ask("GET", key)
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            self._ask("SET", key, self.serializer.dumps(record), "PX", self.config.ttl_ms)
        return record

    def update(self, record_id: int, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: int) -> None:
        self.tries_again_at = 0.0  # a DEL is always worth the try: what it misses stays for a TTL
        self._ask("DEL", self.key(record_id))

    def _ask(self, *command: Any) -> Any:
        """Redis' answer; None where it fails, or failed a moment ago."""
        if self.now() < self.tries_again_at:
            return None
        try:
            return self.redis.execute_command(*command)
        except (redis.ConnectionError, redis.TimeoutError):
            self.tries_again_at = self.now() + self.cool_down_s
            return None
