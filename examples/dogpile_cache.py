"""dogpile.cache: a region on Redis; its distributed lock lets only one reader create a missing value.

    read    app ──region.get_or_create──► Redis, PostgreSQL
    write   app ──UPDATE──► PostgreSQL, then region.delete

This is all that a library needs to be explored and compared, if it accepts a redis-py client:
stampede races --contender examples/dogpile_cache.py (pip install dogpile.cache)

Cost in round trips: decided by the library. Good for: seeing what a library does. Bad for: copying.
Source: dogpile.cache's documentation. Departures: none; the lock has no timeout, as by default.
"""

from dogpile.cache import make_region

from stampede.patterns.caching.cache_pattern import CachePattern, Config, Context, Guarantee, Record, RecordId


class DogpileCache(CachePattern):
    summary = "dogpile.cache on Redis with its distributed lock"
    guarantees = frozenset({Guarantee.DURABLE_ON_RETURN})

    def __init__(self, context: Context, config: Config) -> None:
        super().__init__(context, config)
        self.region = make_region(key_mangler=str).configure(
            "dogpile.cache.redis",
            expiration_time=config.ttl_s,
            arguments={
                "connection_pool": context.redis.connection_pool,
                "redis_expiration_time": max(1, round(config.ttl_s)),
                "distributed_lock": True,
                "thread_local_lock": False,
            },
        )

    def get(self, record_id: RecordId) -> Record | None:
        record: Record | None = self.region.get_or_create(
            self.key(record_id), lambda: self.source.load(record_id), should_cache_fn=lambda found: found is not None
        )
        return record

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.region.delete(self.key(record_id))
