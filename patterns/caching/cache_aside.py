"""Cache-aside (lazy loading): read the cache; on a miss, load the record and write it to the cache for later readers.

    read    app ──GET──► Redis ── hit ──► return
             └─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
    write   app ──UPDATE──► PostgreSQL, then DEL

Cost in round trips: a hit 1, a miss 3 (GET, SELECT, SET), a write 4 (BEGIN, UPDATE, COMMIT, DEL).
Good for: records that are mostly read, if a value up to one TTL old does no harm.
Bad for: popular keys, because all readers of an expired entry load at the same time (a stampede, C3). Records that must
be current: a reader that loaded before a write can fill the cache after the write's DEL, and then the old value stays
for one TTL.
Source: the article's P1, faults kept. A record that does not exist is not cached.
Departures: the article shows no update; here a write is UPDATE, then DEL (B6). The TTL is set in milliseconds (PX), so
that scenarios can use short TTLs.
"""

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee, Record, RecordId


class CacheAside(CachePattern):
    summary = "read the cache; on a miss, query the database and fill; on a write, delete the entry"
    moving_parts = ("entries with a TTL", "a DEL after each write")
    mechanism = "a miss takes two more round trips, GET and SET; a write takes one more, DEL"
    guarantees = frozenset(
        {
            Guarantee.READ_AFTER_WRITE,
            Guarantee.NO_CACHED_ERRORS,
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
        }
    )

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            self.redis.set(key, self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.redis.delete(self.key(record_id))
