"""A caching pattern on real servers, for tests that inspect its entries and count its loads."""

import random
import time
from collections.abc import Callable

import redis

from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import Meter, MeteredSource
from stampede.patterns.caching.cache_pattern import CachePattern, Context, Source
from stampede.patterns.contender_registry import Contender
from stampede.patterns.serialization.json import Json

TTL_S = 60.0


class World:
    """One contender on the real servers. Its loads are counted, and background work runs at once."""

    def __init__(self, contender: Contender, client: redis.Redis, source: Source, key_prefix: str) -> None:
        self.redis = client
        self.key_prefix = key_prefix
        self.meter = Meter(ThreadClock())
        self.sleep: Callable[[float], None] = time.sleep
        self.source = source
        context = Context(
            redis=client,
            source=MeteredSource(source, self.meter, "version"),
            serializer=Json(),
            now=time.monotonic,
            sleep=lambda seconds: self.sleep(seconds),
            spawn=lambda work: work(),
            rng=random.Random(1),
        )
        config = contender.pattern.config_type(ttl_s=TTL_S, key_prefix=key_prefix)
        self.pattern: CachePattern = contender.pattern(context, config)

    def entries(self) -> list[bytes]:
        """Every key of the pattern in Redis."""
        return list(self.redis.scan_iter(match=f"{self.key_prefix}*"))

    def lose_cache(self) -> None:
        """Delete every key of the pattern."""
        for key in self.entries():
            self.redis.delete(key)

    def pass_ttl(self) -> None:
        """Delete every key that expires within one TTL. Keys without an expiry, or with a later one, stay."""
        for key in self.entries():
            if 0 <= self.redis.pttl(key) <= TTL_S * 1000:
                self.redis.delete(key)

    def loads_in(self, action: Callable[[], object]) -> int:
        """The number of loads during the action."""
        before = self.meter.counts["load"]
        action()
        return self.meter.counts["load"] - before
