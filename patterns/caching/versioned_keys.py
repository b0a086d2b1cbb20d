"""Versioned keys: an entry's name carries a number that a write counts up: old entries are forsaken, not deleted.

    read    app ──GET user:{id}:version──► Redis (n) ──GET user:{id}:v{n}──► Redis ── hit ──► return
             └─ miss ──SELECT──► PostgreSQL ──► SET user:{id}:v{n} with TTL ──► return
    write   app ──UPDATE──► PostgreSQL, then INCR user:{id}:version

Cost in round trips: a hit 2, a miss 4 (GET, GET, SELECT, one pipeline of two SETs), a write 4 (BEGIN, UPDATE, COMMIT,
INCR). Memory: a counter for every record that was ever read, which never expires, and for every write one entry that
nobody can reach, until its TTL ends.
Good for: a reader that loaded before a write cannot spoil what comes after it: it fills the number that it read, which
nobody asks for any more. Whole groups of entries can share a counter and be forsaken by one INCR.
Bad for: every hit pays two round trips; memory that is bound by the writes of a TTL, not by what is read; a server
that evicts: a counter that is lost counts from 0 again, and may find entries of its first life.
Source: the article's third way to invalidate (A1: `user:123:v2`). It does not say where a reader learns the number:
here it is a counter in Redis.
Departures: the TTL is set in milliseconds (PX), so that scenarios can shorten it.
"""

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee, Record


class VersionedKeys(CachePattern):
    summary = "the entry's key carries a number that a write counts up; old entries are left to expire"
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

    def get(self, record_id: int) -> Record | None:
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

    def update(self, record_id: int, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: int) -> None:
        self.redis.incr(self._counter(record_id))

    def _counter(self, record_id: int) -> str:
        return f"{self.key(record_id)}:version"
