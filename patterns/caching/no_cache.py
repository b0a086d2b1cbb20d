"""No cache: every read queries the database.

    read    app ──SELECT──► PostgreSQL
    write   app ──UPDATE──► PostgreSQL

Cost in round trips: a read 1, a write 3 (BEGIN, UPDATE, COMMIT). No command goes to Redis.
Good for: data that must be current; queries that are already cheap; and as the starting point of every comparison.
Bad for: popular records with expensive queries.
Source: the state before the article's first pattern. Departures: none.
"""

from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee, Record, RecordId


class NoCache(CachePattern):
    summary = "every read queries the database"
    moving_parts = ()
    mechanism = "every read queries the database"
    on_write = "keeps"
    guarantees = frozenset(
        {
            Guarantee.READ_AFTER_WRITE,
            Guarantee.EVENTUALLY_FRESH,
            Guarantee.EVENTUALLY_FRESH_DESPITE_EXPIRY,
            Guarantee.NO_STALE_AFTER_WRITE,
            Guarantee.READ_YOUR_WRITES,
            Guarantee.MONOTONIC_READS,
            Guarantee.NO_CACHED_ERRORS,
            Guarantee.DURABLE_ON_RETURN,
            Guarantee.STALE_AT_MOST_TTL,
            Guarantee.CORRECT_AFTER_CACHE_LOSS,
            Guarantee.AVAILABLE_WITHOUT_CACHE,
        }
    )

    def get(self, record_id: RecordId) -> Record | None:
        return self.source.load(record_id)

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        return self.source.update(record_id, changes)

    def invalidate(self, record_id: RecordId) -> None:
        """Does nothing: there is no entry to remove."""
