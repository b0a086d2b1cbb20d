"""A contender that holds its process for 15 ms a read: nobody else in it can start meanwhile."""

import time

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Record

HELD_S = 0.015


class Blocking(CacheAside):
    summary = "computes for 15 ms without a pause"

    def get(self, record_id: int) -> Record | None:
        until = time.perf_counter() + HELD_S
        while time.perf_counter() < until:
            pass
        return super().get(record_id)
