"""Cache-aside with leases: a reader may fill only if no write happened since its miss; a write removes the lease.

    read    app ──GET──► Redis ── hit ──► return
             └─ miss ──script: lease──► Redis ──SELECT──► PostgreSQL ──► script: SET with TTL if the lease still exists
    write   app ──UPDATE──► PostgreSQL, then DEL entry and lease

Cost in round trips: a hit 1, a miss 4 (GET, script, SELECT, script), a write 4 (BEGIN, UPDATE, COMMIT, DEL).
Good for: records that must not stay stale. A reader that loaded before a write cannot fill after it, even if the lease
or the entry expires or is evicted in between.
Bad for: popular keys: all readers of an expired entry still load at the same time, and the first one to finish fills.
If a writer crashes between COMMIT and DEL, the old entry stays for one TTL; no cache can prevent this without support
from the database.
Source: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1 (stale sets). Departures: in the
paper, only the first reader gets the lease and the others wait. Here all readers share one lease and none waits. If
each reader replaced the lease with a new one, no fill would ever be accepted while new readers keep missing.
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


@dataclass(frozen=True, kw_only=True)
class CacheAsideLeaseConfig(Config):
    lease_ttl_s: float = 10.0
    """Lifetime of the lease in seconds, from the first miss on. A load that ends later does not fill."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.lease_ttl_s >= 0.001, "lease_ttl_s", self.lease_ttl_s, "at least 0.001")


class CacheAsideLease(CachePattern):
    summary = "as cache-aside, but a fill needs a lease, and a write removes the lease"
    moving_parts = ("entries with a TTL", "a DEL after each write", "a lease per missing entry")
    mechanism = "a script before and after each load"
    guarantees = frozenset(
        {
            Guarantee.READ_AFTER_WRITE,
            Guarantee.EVENTUALLY_FRESH,
            Guarantee.EVENTUALLY_FRESH_DESPITE_EXPIRY,
            Guarantee.NO_STALE_AFTER_WRITE,
            Guarantee.READ_YOUR_WRITES,
            Guarantee.NO_CACHED_ERRORS,
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
        }
    )
    config_type = CacheAsideLeaseConfig

    def __init__(self, context: Context, config: CacheAsideLeaseConfig) -> None:
        super().__init__(context, config)
        self.lease_ttl_ms = round(config.lease_ttl_s * 1000)
        self.rng = context.rng
        self.lease = self.redis.register_script(LEASE)
        self.fill = self.redis.register_script(FILL)

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        token = self.lease(keys=[f"lease:{key}"], args=[f"{self.rng.getrandbits(128):032x}", self.lease_ttl_ms])
        record = self.source.load(record_id)
        if record is not None:
            value = self.serializer.dumps(record)
            self.fill(keys=[key, f"lease:{key}"], args=[token, value, self.config.ttl_ms])
        return record

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        key = self.key(record_id)
        self.redis.delete(key, f"lease:{key}")
