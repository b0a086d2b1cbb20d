"""A contender with a known fault: it deletes the entry, waits 20 ms, and only then commits."""

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Record

WAIT_S = 0.02


class DeletesFirst(CacheAside):
    summary = "deletes before it commits"

    def update(self, record_id: int, changes: Record) -> Record | None:
        with self.source.transaction() as transaction:
            record = transaction.update(record_id, changes)
            self.invalidate(record_id)
            self.context.sleep(WAIT_S)
        return record
