"""No cache: every read asks the database.

    read    app ──SELECT──► PostgreSQL
    write   app ──UPDATE──► PostgreSQL

Cost in round trips: a read 1, a write 3 (BEGIN, UPDATE, COMMIT). Redis is never asked.
Good for: data that must be current, queries that are cheap already; and as the baseline of every comparison.
Bad for: popular records with expensive queries.
Source: the state before the article's first pattern. Departures: none.
"""

from stampede.patterns.caching.cache_pattern import CachePattern, Promise, Record


class NoCache(CachePattern):
    summary = "every read asks the database"
    promises = frozenset(
        {
            Promise.WRITES_SHOW,
            Promise.FRESH_AT_REST,
            Promise.FRESH_AT_REST_DESPITE_EXPIRY,
            Promise.NO_STALE_AFTER_WRITE,
            Promise.READS_OWN_WRITES,
            Promise.MONOTONIC_READS,
            Promise.FORGETS_FAILED_LOADS,
            Promise.DURABLE_ON_RETURN,
            Promise.STALE_AT_MOST_TTL,
            Promise.SURVIVES_CACHE_LOSS,
            Promise.ANSWERS_WITHOUT_CACHE,
        }
    )

    def get(self, record_id: int) -> Record | None:
        return self.source.load(record_id)

    def update(self, record_id: int, changes: Record) -> Record | None:
        return self.source.update(record_id, changes)

    def invalidate(self, record_id: int) -> None:
        """Nothing is cached, so nothing is forgotten."""
