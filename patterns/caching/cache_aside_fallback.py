"""Cache-aside with a fallback: if Redis fails or hangs, reads and writes still succeed, but cost time and loads.

    read    app ──GET──► Redis ── hit ──► return
             ├─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
             └─ error, or no answer in 50 ms ──SELECT──► PostgreSQL ──► return, and skip the cache during the cool-down
    write   app ──UPDATE──► PostgreSQL, then DEL; an error of the DEL is ignored

Cost in round trips: as cache-aside while Redis answers. When Redis stops answering, the first read waits 50 ms. Until
the cool-down ends (a circuit breaker), each read is one SELECT; then one read tries Redis again. Every write tries its
DEL and waits up to 50 ms.
Good for: services that must keep working without their cache (B5), and whose database can carry all reads meanwhile.
Bad for: a database that cannot carry all reads: an outage of the cache then becomes an outage of the database. If a DEL
is lost while Redis hangs, the old value stays for one TTL. A DEL that timed out may still be executed later.
Source: the article's B5 applied to its P1; the circuit breaker follows Nygard, "Release It!" (2007). Departures: a time
limit of 50 ms and no retries (redis-py's defaults wait 5 s and retry ten times), the except clauses, the cool-down.
"""

from dataclasses import dataclass
from typing import Any

import redis

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import (
    CachePattern,
    ClientSettings,
    Config,
    Context,
    Guarantee,
    Record,
    RecordId,
)


@dataclass(frozen=True, kw_only=True)
class FallbackConfig(Config):
    cool_down_s: float = 0.2
    """How long this process skips the cache after a failure. 0: every request tries the cache."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.cool_down_s <= 60, "cool_down_s", self.cool_down_s, "0 to 60 s")


class CacheAsideFallback(CachePattern):
    summary = "as cache-aside, but with a time limit on Redis; if Redis fails, the database answers"
    moving_parts = ("entries with a TTL", "a DEL after each write", "a time limit on Redis", "a circuit breaker")
    mechanism = "in an outage of Redis, every read queries the database"
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

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self._send("GET", key)
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            self._send("SET", key, self.serializer.dumps(record), "PX", self.config.ttl_ms)
        return record

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.tries_again_at = 0.0  # always try the DEL: an entry that is not deleted stays for one TTL
        self._send("DEL", self.key(record_id))

    def _send(self, *command: Any) -> Any:
        """The reply of Redis; None if Redis fails or the cool-down is not over."""
        if self.now() < self.tries_again_at:
            return None
        try:
            return self.redis.execute_command(*command)
        except (redis.ConnectionError, redis.TimeoutError):
            self.tries_again_at = self.now() + self.cool_down_s
            return None
