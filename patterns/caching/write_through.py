"""Write-through: every write updates the database and then writes the new value to the cache.

    read    app ──GET──► Redis ── hit ──► return
             └─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
    write   app ──UPDATE──► PostgreSQL ──► SET with TTL

Cost in round trips: a hit 1, a miss 3, a write 4 (BEGIN, UPDATE, COMMIT, SET).
Good for: records that are read soon after they were written: a write fills the cache instead of emptying it.
Bad for: records that two clients write at the same time: the SETs can arrive in another order than the COMMITs, and
then the older value stays for one TTL. Records that are written but never read: they use cache memory for nothing.
Source: the article's P2, faults kept. The article says that this pattern "ensures the cache is always fresh" (C4).
Departures: the TTL is set in milliseconds (PX), so that scenarios can use short TTLs.
"""

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee, Record, RecordId


class WriteThrough(CachePattern):
    summary = "as cache-aside, but a write puts the new value into the cache"
    moving_parts = ("entries with a TTL", "a SET after each write", "a SET after each insert")
    mechanism = "a SET after each write"
    on_write = "fills"
    reads_like = "cache-aside"
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
        cached = self.redis.get(self.key(record_id))
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            self._fill(record_id, record)
        return record

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        if record is not None:
            self._fill(record_id, record)
        return record

    def create(self, new: Record) -> Record:
        record = self.source.create(new)
        self._fill(record["id"], record)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.redis.delete(self.key(record_id))

    def _fill(self, record_id: RecordId, record: Record) -> None:
        self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
