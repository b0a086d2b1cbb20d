"""A contender that speaks to Redis behind the rulers' back: its books must not balance."""

import redis

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Record


class Uncounted(CacheAside):
    summary = "plants commands that no ruler sees"

    def get(self, record_id: int) -> Record | None:
        if not hasattr(self, "behind"):
            settings = {
                k: v for k, v in self.redis.get_connection_kwargs().items() if k in ("host", "port", "password")
            }
            self.behind = redis.Redis(**settings)
        self.behind.get("nobody counts me")
        return super().get(record_id)
