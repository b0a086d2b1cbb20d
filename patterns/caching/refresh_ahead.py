"""Refresh-ahead: a hit on an entry that will expire soon also starts a reload in the background.

    read    app ──GET, PTTL──► Redis ── hit ──► return at once
             │                           └─ remaining TTL below the threshold: a worker does SELECT, SET
             └─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
    write   app ──UPDATE──► PostgreSQL, then DEL

Cost in round trips: a hit 2 (GET, PTTL), a miss 3, a refresh 2 in the background, a write 4.
Good for: popular records. A read always comes within the threshold, so no reader waits for a load (claim C5).
Bad for: rarely read records: they miss as with cache-aside. Refreshes are not deduplicated: every hit within the
threshold starts one, in every process. A refresh that loaded before a write can fill after it.
Source: the article's P3, with its faults; its threshold is 300 s of 3600 s. Departures: refreshes run in a bounded pool
of the application's process (`context.spawn`); the article uses a Celery task. PTTL replaces TTL, because scenarios
shorten TTL and threshold in proportion, and whole seconds would round the threshold to zero.
"""

from dataclasses import dataclass

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import CachePattern, Config, Context, Guarantee, Record, RecordId


@dataclass(frozen=True, kw_only=True)
class RefreshAheadConfig(Config):
    refresh_below_share: float = 300 / 3600
    """An entry is refreshed when less than this share of its TTL remains."""

    def __post_init__(self) -> None:
        super().__post_init__()
        share = self.refresh_below_share
        require(0 < share < 1, "refresh_below_share", share, "between 0 and 1")


class RefreshAhead(CachePattern):
    summary = "as cache-aside, but a hit shortly before expiry also refreshes in the background"
    moving_parts = (
        "entries with a TTL",
        "a DEL after each write",
        "background work",
        "a second round trip on each hit",
    )
    mechanism = "a second round trip (PTTL) on each hit; every hit near the expiry starts a refresh"
    guarantees = frozenset(
        {
            Guarantee.READ_AFTER_WRITE,
            Guarantee.NO_CACHED_ERRORS,
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
        }
    )
    config_type = RefreshAheadConfig

    def __init__(self, context: Context, config: RefreshAheadConfig) -> None:
        super().__init__(context, config)
        self.refresh_below_ms = config.refresh_below_share * config.ttl_ms
        self.spawn = context.spawn

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is None:
            return self._load_and_fill(record_id)
        if self.redis.pttl(key) < self.refresh_below_ms:
            self.spawn(lambda: self._refresh(record_id))
        return self.serializer.loads(cached)

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.redis.delete(self.key(record_id))

    def _refresh(self, record_id: RecordId) -> None:
        self._load_and_fill(record_id)

    def _load_and_fill(self, record_id: RecordId) -> Record | None:
        record = self.source.load(record_id)
        if record is not None:
            self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record
