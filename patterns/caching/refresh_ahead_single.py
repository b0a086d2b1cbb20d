"""Single refresh-ahead: a hit on an entry that will expire soon starts one background reload in the whole fleet.

    read    app ──GET and PTTL──► Redis ── hit ──► return at once
             │                           └─ expires soon: SET claim NX; won: a worker does SELECT, then swaps the entry
             └─ miss ──script: lease──► Redis ──SELECT──► PostgreSQL ──► script: SET with TTL if the lease still exists
    write   app ──UPDATE──► PostgreSQL, then DEL entry and lease

Cost in round trips: a hit 1 (one pipeline), 2 shortly before expiry; a miss 4; a refresh 2 in the background; a
write 4.
Good for: popular records: no reader waits for a load, and the database gets one refresh per expiry (C5).
Bad for: rarely read records: they miss as with cache-aside, and every reader that misses loads. If the refreshing
client crashes, no other replaces it until its claim expires; the entry expires then too, and its readers load.
Source: the article's P3, corrected. The swap compares the entry with the value that the hit returned, so a refresh that
loaded before a write cannot fill after it. A fill needs a lease (NSDI 2013, section 3.2.1), shared by all readers as in
cache-aside-lease. Departures: as refresh-ahead.
"""

from dataclasses import dataclass

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import CachePattern, Config, Context, Guarantee, Record, RecordId

LEASE = """
local current = redis.call('GET', KEYS[1])
if current then return current end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
FILL = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[2])
"""
SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
LEASE_TTL_MS = 10_000
"""Lifetime of a lease. A load that ends later does not fill."""


@dataclass(frozen=True, kw_only=True)
class RefreshAheadSingleConfig(Config):
    refresh_below_share: float = 300 / 3600
    """An entry is refreshed when less than this share of its TTL remains. A claim lasts equally long."""

    def __post_init__(self) -> None:
        super().__post_init__()
        share = self.refresh_below_share
        require(0 < share < 1, "refresh_below_share", share, "between 0 and 1")


class RefreshAheadSingle(CachePattern):
    summary = "as refresh-ahead, but one refresh per expiry, and an older value never replaces a newer one"
    moving_parts = ("entries with a TTL", "a DEL after each write", "background work", "a claim", "a lease per miss")
    mechanism = "GET and PTTL in one pipeline on each hit"
    guarantees = frozenset(
        {
            Guarantee.ONE_REFRESH_PER_EXPIRY,
            Guarantee.READ_AFTER_WRITE,
            Guarantee.EVENTUALLY_FRESH,
            Guarantee.EVENTUALLY_FRESH_DESPITE_EXPIRY,
            Guarantee.NO_STALE_AFTER_WRITE,
            Guarantee.READ_YOUR_WRITES,
            Guarantee.RELEASES_ONLY_OWN_LOCK,
            Guarantee.WAITS_AT_MOST_LOCK_TTL,
            Guarantee.NO_CACHED_ERRORS,
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
        }
    )
    config_type = RefreshAheadSingleConfig

    def __init__(self, context: Context, config: RefreshAheadSingleConfig) -> None:
        super().__init__(context, config)
        self.refresh_below_ms = max(1, round(config.refresh_below_share * config.ttl_ms))
        self.spawn = context.spawn
        self.rng = context.rng
        self.lease = self.redis.register_script(LEASE)
        self.fill = self.redis.register_script(FILL)
        self.swap = self.redis.register_script(SWAP)

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached, left_ms = self.redis.pipeline(transaction=False).get(key).pttl(key).execute()
        if cached is None:
            return self._load_and_fill(record_id)
        if left_ms < self.refresh_below_ms and self.redis.set(f"claim:{key}", "1", nx=True, px=self.refresh_below_ms):
            self.spawn(lambda: self._refresh(record_id, cached))
        return self.serializer.loads(cached)

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        key = self.key(record_id)
        self.redis.delete(key, f"lease:{key}")

    def _load_and_fill(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        token = self.lease(keys=[f"lease:{key}"], args=[f"{self.rng.getrandbits(128):032x}", LEASE_TTL_MS])
        record = self.source.load(record_id)
        if record is not None:
            value = self.serializer.dumps(record)
            self.fill(keys=[key, f"lease:{key}"], args=[token, value, self.config.ttl_ms])
        return record

    def _refresh(self, record_id: RecordId, seen: bytes) -> None:
        record = self.source.load(record_id)
        if record is not None:
            self.swap(keys=[self.key(record_id)], args=[seen, self.serializer.dumps(record), self.config.ttl_ms])
