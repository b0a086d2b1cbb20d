"""A contender that loads on every read, as no-cache does, under another name."""

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Record


class AlwaysLoads(CacheAside):
    summary = "loads on every read"

    def get(self, record_id: int) -> Record | None:
        return self.source.load(record_id)
