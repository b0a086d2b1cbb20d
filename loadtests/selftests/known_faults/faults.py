"""Base classes of the known faults: reads that take longer by a share, or more loads by a share."""

from typing import ClassVar

from stampede.patterns.caching.cache_aside import CacheAside
from stampede.patterns.caching.cache_pattern import Config, Context, Record, RecordId

SPIN_S = 0.0003
"""The last part of an added wait is a busy loop: a timer would overshoot by half of the added time."""


class Slower(CacheAside):
    """Each read takes longer by `share` of its own duration."""

    share: ClassVar[float]

    def get(self, record_id: RecordId) -> Record | None:
        now = self.context.now
        began_s = now()
        record = super().get(record_id)
        ended_s = now()
        until_s = ended_s + self.share * (ended_s - began_s)
        if until_s - ended_s > 2 * SPIN_S:
            self.context.sleep(until_s - ended_s - SPIN_S)
        while now() < until_s:
            pass
        return record


class LoadsMore(CacheAside):
    """A share of the loads, evenly spread, is followed by a second load; the reader does not wait for it."""

    share: ClassVar[float]

    def __init__(self, context: Context, config: Config) -> None:
        super().__init__(context, config)
        self._owed = 0.0

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            self.redis.set(key, self.serializer.dumps(record), px=self.config.ttl_ms)
        self._owed += self.share
        if self._owed >= 1 - 1e-9:
            self._owed -= 1
            self.context.spawn(lambda: self._load_again(record_id))
        return record

    def _load_again(self, record_id: RecordId) -> None:
        self.source.load(record_id)
