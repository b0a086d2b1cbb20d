"""Cache-aside with warm-up: the popular records are loaded and cached before the first read.

    warm    app ──SELECT, one a record──► PostgreSQL, then one pipeline of SETs ──► Redis
    read    app ──GET──► Redis ── hit ──► return
             └─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
    write   app ──UPDATE──► PostgreSQL, then DEL

Cost in round trips: as cache-aside. Warming n records costs n loads and one pipeline.
Good for: restarts and deployments in front of a database that cannot carry all reads at once (B7, C13).
Bad for: records whose popularity is not known in advance: loading a record that is never read is wasted work.
Source: the article's B7 applied to its P1. Departures: the article shows no code. Each warmed entry gets a random
lifetime between half a TTL and a whole TTL, because entries that are filled together must not expire together.
"""

from collections.abc import Sequence

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee, Record, RecordId


class CacheAsideWarmed(CachePattern):
    summary = "as cache-aside, but the popular records are cached before the first read"
    moving_parts = ("entries with a TTL", "a DEL after each write", "a warm-up before the first read")
    mechanism = "popular records are read before the first request"
    guarantees = frozenset(
        {Guarantee.DURABLE_ON_RETURN, Guarantee.STALE_AT_MOST_TTL, Guarantee.CORRECT_AFTER_CACHE_LOSS}
    )
    opt_in = True

    def warm(self, record_ids: Sequence[RecordId]) -> None:
        """Load these records, most important first, and fill the cache in one pipeline."""
        pipeline = self.redis.pipeline(transaction=False)
        for record_id in record_ids:
            record = self.source.load(record_id)
            if record is not None:
                px = self.context.rng.randint((self.config.ttl_ms + 1) // 2, self.config.ttl_ms)
                pipeline.set(self.key(record_id), self.serializer.dumps(record), px=px, nx=True)
        pipeline.execute()

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
