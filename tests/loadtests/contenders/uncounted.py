"""A contender that sends commands to Redis past the meters: the counts of its cells must differ from the server's."""

import redis

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Record


class Uncounted(CacheAside):
    summary = "sends commands that no meter counts"

    def get(self, record_id: int) -> Record | None:
        if not hasattr(self, "unmetered"):
            settings = {
                k: v for k, v in self.redis.get_connection_kwargs().items() if k in ("host", "port", "password")
            }
            self.unmetered = redis.Redis(**settings)
        self.unmetered.get("not counted")
        return super().get(record_id)
