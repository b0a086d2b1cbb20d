"""Bounds that run beside the contenders: what the harness itself costs. Nobody should use these as a cache."""

from collections.abc import Sequence

from patterns.caching.base import CachePattern, Record


class BareGet(CachePattern):
    """One GET and its decoding: the least that a cache hit can cost through this harness."""

    summary = "bound: one redis-py GET and decode, never a miss; a write is one SET"

    def get(self, record_id: int) -> Record | None:  # noqa: ARG002 - one entry stands for all: a GET costs the same
        cached = self.redis.get(self.key(0))
        return None if cached is None else self.codec.loads(cached)

    def update(self, record_id: int, changes: Record) -> Record | None:
        self.redis.set(self.key(0), self.codec.dumps({"id": record_id, **changes}))
        return changes

    def invalidate(self, record_id: int) -> None:
        """The one entry stays."""

    def warm(self, record_ids: Sequence[int]) -> None:
        """Put one record, without an expiry, where every read finds it."""
        self.redis.set(self.key(0), self.codec.dumps(self.source.load(record_ids[0]) or {}))


RULERS: dict[str, type[CachePattern]] = {"bare-get": BareGet}
