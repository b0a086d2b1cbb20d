"""Request coalescing: of the readers that miss, one takes a lock and loads; the others wait for its fill.

    read    app ──GET──► Redis ── hit ──► return
             └─ miss ──SET lock NX EX──► Redis
                  won:  SELECT ──► PostgreSQL ──► SET with TTL ──► DEL lock ──► return
                  lost: GET every 100 ms, at most 50 times; then SELECT without the lock
    write   app ──UPDATE──► PostgreSQL, then DEL

Cost in round trips: a hit 1; a miss 5 for the winner (GET, SET lock, SELECT, SET, DEL lock); 2 for a loser, and 1 more
for each poll; a write 4.
Good for: popular records with expensive loads (C6).
Bad for: latency: a loser waits in steps of 100 ms, even if the load was fast. Faults kept: (1) the winner deletes the
lock even if another reader owns it by then. (2) The winner does not re-check the cache after taking the lock, so a
reader that missed before the fill and got the lock after its release loads a second time. (3) If the winner crashes,
readers that come before its lock expires (10 s) poll for 5 s, then load and do not fill.
Source: the article's P4, faults kept. Departures: the TTL is set in milliseconds (PX). As in the article, the lock is
also deleted if the load raises (`finally`).
"""

from dataclasses import dataclass

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import CachePattern, Config, Context, Guarantee, Record, RecordId


@dataclass(frozen=True, kw_only=True)
class CoalescingConfig(Config):
    lock_ttl_s: int = 10
    """Lifetime of the lock in whole seconds."""
    poll_every_s: float = 0.1
    """Seconds between two polls of a loser."""
    polls: int = 50
    """How often a loser polls before it loads without the lock."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.lock_ttl_s >= 1, "lock_ttl_s", self.lock_ttl_s, "at least 1")
        require(self.poll_every_s > 0, "poll_every_s", self.poll_every_s, "above 0")
        require(self.polls >= 0, "polls", self.polls, "0 or more")


class Coalescing(CachePattern):
    summary = "on a miss, one reader queries under a lock; the others poll until it has filled the cache"
    moving_parts = ("entries with a TTL", "a DEL after each write", "a lock per missing entry", "polling readers")
    mechanism = "a reader that waits polls every 100 ms; a smaller poll_every_s shortens the wait"
    guarantees = frozenset(
        {
            Guarantee.READ_AFTER_WRITE,
            Guarantee.WAITS_AT_MOST_LOCK_TTL,
            Guarantee.NO_CACHED_ERRORS,
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
        }
    )
    config_type = CoalescingConfig

    def __init__(self, context: Context, config: CoalescingConfig) -> None:
        super().__init__(context, config)
        self.lock_ttl_s = config.lock_ttl_s
        self.poll_every_s = config.poll_every_s
        self.polls = config.polls
        self.sleep = context.sleep

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        if self.redis.set(f"lock:{key}", "1", nx=True, ex=self.lock_ttl_s):
            try:
                return self._load_and_fill(record_id)
            finally:
                self.redis.delete(f"lock:{key}")
        return self._wait(record_id)

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.redis.delete(self.key(record_id))

    def _load_and_fill(self, record_id: RecordId) -> Record | None:
        record = self.source.load(record_id)
        if record is not None:
            self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def _wait(self, record_id: RecordId) -> Record | None:
        for _ in range(self.polls):
            self.sleep(self.poll_every_s)
            cached = self.redis.get(self.key(record_id))
            if cached is not None:
                return self.serializer.loads(cached)
        return self.source.load(record_id)
