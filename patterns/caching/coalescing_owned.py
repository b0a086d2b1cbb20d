"""Coalescing with an owned lock: of the readers that miss, one loads under its own lock, then wakes the others.

    read    app ──GET──► Redis ── hit ──► return
             └─ miss ──SET lock token NX──► Redis
                  won:  GET again, SET fence ──SELECT──► PostgreSQL ──► script: fill if both are ours, unlock, wake
                  lost: INCR waiting, BLPOP until woken or until the lock expires ──► GET
    write   app ──UPDATE──► PostgreSQL, then DEL entry and fence

Cost in round trips: a hit 1; a miss 5 for the winner and 5 for a loser; a write 4.
Good for: popular records with expensive loads: one load a miss, and the others wait only as long as this load takes.
Bad for: small connection pools, because each waiting reader occupies a connection. Records that do not exist: they are
not cached, so their readers load one after another. If the lock holder crashes, the others wait until its lock expires.
Source: the article's P4, corrected. A token in the lock lets only the owner release it (redis.io, "Distributed locks").
The winner re-checks the cache after taking the lock. The fence is the lease of NSDI 2013, section 3.2.1: a write
deletes it, so a holder that finishes late does not fill. Departures: waiters block (BLPOP); the article's poll.
"""

from dataclasses import dataclass

from stampede.core.errors import require
from stampede.patterns.caching.cache_pattern import CachePattern, Config, Context, Guarantee, Record, RecordId

FINISH = """
local entry, lock, fence, waiting, woken = unpack(KEYS)
if redis.call('GET', lock) ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' and redis.call('GET', fence) == ARGV[1] then redis.call('SET', entry, ARGV[2], 'PX', ARGV[3]) end
redis.call('DEL', lock, fence)
for _ = 1, tonumber(redis.call('GET', waiting) or '0') do redis.call('RPUSH', woken, '1') end
redis.call('DEL', waiting)
return redis.call('PEXPIRE', woken, ARGV[4])
"""


@dataclass(frozen=True, kw_only=True)
class CoalescingOwnedConfig(Config):
    lock_ttl_s: float = 10.0
    """Lifetime of the lock in seconds."""
    wait_at_most_s: float = 2.5
    """A waiter re-checks the cache after this time, which must be below the client's socket timeout."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.lock_ttl_s >= 0.001, "lock_ttl_s", self.lock_ttl_s, "at least 0.001")
        require(0 < self.wait_at_most_s < 5, "wait_at_most_s", self.wait_at_most_s, "above 0, below 5")


class CoalescingOwned(CachePattern):
    summary = "on a miss, one reader queries under a lock that only it can release, then wakes the others"
    moving_parts = ("entries with a TTL", "a DEL after each write", "an owned lock", "a fence", "blocked readers")
    mechanism = "each waiting reader blocks one Redis connection"
    guarantees = frozenset(
        {
            Guarantee.ONE_LOAD_PER_MISS,
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
    config_type = CoalescingOwnedConfig

    def __init__(self, context: Context, config: CoalescingOwnedConfig) -> None:
        super().__init__(context, config)
        self.lock_ttl_ms = round(config.lock_ttl_s * 1000)
        self.wait_at_most_s = config.wait_at_most_s
        self.rng = context.rng
        self.finish = self.redis.register_script(FINISH)

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self.redis.get(key)
        while cached is None:
            token = f"{self.rng.getrandbits(128):032x}"
            if self.redis.set(f"lock:{key}", token, nx=True, px=self.lock_ttl_ms):
                return self._load_as_holder(record_id, token)
            cached = self._wait(key)
        return self.serializer.loads(cached)

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        key = self.key(record_id)
        self.redis.delete(key, f"fence:{key}")

    def _load_as_holder(self, record_id: RecordId, token: str) -> Record | None:
        key, value = self.key(record_id), b""
        recheck = self.redis.pipeline().get(key).set(f"fence:{key}", token, px=self.lock_ttl_ms)
        cached = recheck.execute()[0]
        try:
            if cached is not None:
                return self.serializer.loads(cached)
            record = self.source.load(record_id)
            value = b"" if record is None else self.serializer.dumps(record)
            return record
        finally:
            keys = [key, f"lock:{key}", f"fence:{key}", f"waiting:{key}", f"woken:{key}"]
            self.finish(keys=keys, args=[token, value, self.config.ttl_ms, self.lock_ttl_ms])

    def _wait(self, key: str) -> bytes | None:
        """Wait until the holder finishes or its lock expires. Returns the entry, or None if there is none."""
        count = self.redis.pipeline().incr(f"waiting:{key}").pexpire(f"waiting:{key}", self.lock_ttl_ms)
        _, _, cached, lock_left_ms = count.get(key).pttl(f"lock:{key}").execute()
        if cached is None and lock_left_ms > 0:
            self.redis.blpop([f"woken:{key}"], timeout=min(lock_left_ms / 1000, self.wait_at_most_s))
            cached = self.redis.get(key)
        return cached  # type: ignore[no-any-return]
