"""A contender that blocks its process for 15 ms per read: no other request in the process can start meanwhile."""

import time

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Record

BLOCKED_S = 0.015


class Blocking(CacheAside):
    summary = "computes for 15 ms without a pause"

    def get(self, record_id: int) -> Record | None:
        until = time.perf_counter() + BLOCKED_S
        while time.perf_counter() < until:
            pass
        return super().get(record_id)
