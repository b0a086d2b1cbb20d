"""Versioned keys: the key contains a version number that every write increments; old entries are abandoned and expire.

    read    app ──GET user:{id}:version──► Redis (n) ──GET user:{id}:v{n}──► Redis ── hit ──► return
             └─ miss ──SELECT──► PostgreSQL ──► SET user:{id}:v{n} with TTL ──► return
    write   app ──UPDATE──► PostgreSQL, then INCR user:{id}:version

Cost in round trips: a hit 2, a miss 4 (GET, GET, SELECT, one pipeline of two SETs), a write 4 (BEGIN, UPDATE, COMMIT,
INCR). Memory: one counter for each record that was ever read, which never expires; and for each write one abandoned
entry until its TTL ends.
Good for: a reader that loaded before a write does no harm: it fills the key with the old version number, which no later
reader uses. A group of entries can share one counter, so that one INCR invalidates the whole group.
Bad for: hits, which always cost two round trips; memory, which depends on the writes per TTL and not only on what is
read; a server that evicts: a lost counter starts from 0 again and can lead to entries from before the loss.
Source: the article's third way to invalidate (A1: `user:123:v2`). The article does not say where a reader gets the
version number; here it is a counter in Redis.
Departures: the TTL is set in milliseconds (PX), so that scenarios can use short TTLs.
"""

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee, Record, RecordId


class VersionedKeys(CachePattern):
    summary = "the key contains a version number that a write increments; old entries expire"
    moving_parts = ("entries with a TTL", "a version counter per record", "a second round trip on each hit")
    mechanism = "a second GET on each hit; the old entry of each write stays until its TTL ends"
    guarantees = frozenset(
        {
            Guarantee.READ_AFTER_WRITE,
            Guarantee.NO_STALE_AFTER_WRITE,
            Guarantee.READ_YOUR_WRITES,
            Guarantee.EVENTUALLY_FRESH,
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
        }
    )

    def get(self, record_id: RecordId) -> Record | None:
        version = int(self.redis.get(self._counter(record_id)) or 0)
        key = f"{self.key(record_id)}:v{version}"
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            with self.redis.pipeline(transaction=False) as pipeline:
                pipeline.set(self._counter(record_id), 0, nx=True)
                pipeline.set(key, self.serializer.dumps(record), px=self.config.ttl_ms)
                pipeline.execute()
        return record

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.redis.incr(self._counter(record_id))

    def _counter(self, record_id: RecordId) -> str:
        return f"{self.key(record_id)}:version"
