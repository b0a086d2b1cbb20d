"""A contender that holds a lock once for 2 s, 4 s after its first read: all its readers wait for the lock."""

import threading

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Config, Context, Record

STALL_S = 2.0
AFTER_S = 4.0


class Stalling(CacheAside):
    summary = "holds a lock once for 2 s"

    def __init__(self, context: Context, config: Config) -> None:
        super().__init__(context, config)
        self.lock = threading.Lock()
        self.first_read: float | None = None
        self.stalled = False

    def get(self, record_id: int) -> Record | None:
        now = self.context.now()
        if self.first_read is None:
            self.first_read = now
        with self.lock:
            if not self.stalled and now - self.first_read > AFTER_S:
                self.stalled = True
                self.context.sleep(STALL_S)
        return super().get(record_id)
