"""TTL only: as cache-aside, but a write does not touch the cache; the old value stays until it expires.

    read    app ──GET──► Redis ── hit ──► return
             └─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
    write   app ──UPDATE──► PostgreSQL

Cost in round trips: a hit 1, a miss 3 (GET, SELECT, SET), a write 3 (BEGIN, UPDATE, COMMIT). A write sends no command
to Redis.
Good for: records that other programs write (another service, a nightly job, a person with psql), if a value up to one
TTL old does no harm; records that are written far more often than once per TTL.
Bad for: users who must see what they have just written. With w writes per second to a popular record and a TTL of T, a
share 1 − (1 − e^(−wT)) / (wT) of its reads is stale, whatever the read rate is.
Source: the article's first way to invalidate (A1: by TTL). Departures: the TTL is set in milliseconds (PX), so that
scenarios can use short TTLs. `invalidate` exists for an operator; writes do not call it.
"""

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee, Record, RecordId


class TtlOnly(CachePattern):
    summary = "as cache-aside, but a write does not delete the entry; it expires"
    moving_parts = ("entries with a TTL",)
    mechanism = "writes leave the old value in the cache until it expires"
    on_write = "keeps"
    reads_like = "cache-aside"
    guarantees = frozenset(
        {Guarantee.DURABLE_ON_RETURN, Guarantee.STALE_AT_MOST_TTL, Guarantee.CORRECT_AFTER_CACHE_LOSS}
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
        return self.source.update(record_id, changes)

    def invalidate(self, record_id: RecordId) -> None:
        self.redis.delete(self.key(record_id))
