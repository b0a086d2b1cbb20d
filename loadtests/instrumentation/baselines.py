"""Baselines: they run next to the contenders and show the harness's own cost. They are not usable as a cache."""

from collections.abc import Callable, Sequence

import redis

from stampede.patterns.caching.cache_pattern import CachePattern, Record, RecordId
from stampede.patterns.rate_limiting.rate_limiter import Contract, Decision, LimiterConfig, RateLimiter, Strict


class BareGet(CachePattern):
    """One GET and its decoding: the lowest cost of a cache hit through this harness."""

    summary = "baseline: one redis-py GET and decode, never a miss; a write is one SET"

    def get(self, record_id: RecordId) -> Record | None:  # noqa: ARG002 - one entry serves all keys: every GET costs the same
        cached = self.redis.get(self.key(0))
        return None if cached is None else self.serializer.loads(cached)

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        self.redis.set(self.key(0), self.serializer.dumps({"id": record_id, **changes}))
        return changes

    def invalidate(self, record_id: RecordId) -> None:
        """Do nothing: the one entry stays."""

    def warm(self, record_ids: Sequence[RecordId]) -> None:
        """Store one record without an expiry; every read returns it."""
        self.redis.set(self.key(0), self.serializer.dumps(self.source.load(record_ids[0]) or {}))


class NoOp(CachePattern):
    """Answers without Redis or a database: the cost of a request in this harness alone."""

    summary = "baseline: no Redis, no database; a request's own cost in the harness, before the rounds and after"

    def get(self, record_id: RecordId) -> Record | None:
        return {"id": record_id}

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        return {"id": record_id, **changes}

    def invalidate(self, record_id: RecordId) -> None:
        """Do nothing: there is no entry."""


class BareEvalsha(RateLimiter):
    """One EVALSHA of a script that does nothing: the lowest cost of a limiter's decision through this harness."""

    summary = "baseline: one EVALSHA of an empty script, which admits every call"

    def __init__(self, redis: redis.Redis, config: LimiterConfig, now: Callable[[], float]) -> None:
        super().__init__(redis, config, now)
        self.decide = self.redis.register_script("return 1")

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Strict(limit=config.limit, window_s=config.window_s)

    def hit(self, subject: str) -> Decision:
        self.decide([self.key(subject)], [])
        limit = self.config.limit
        return Decision(allowed=True, limit=limit, remaining=limit, retry_after_s=0.0, reset_after_s=0.0)


BASELINES: dict[str, type[CachePattern]] = {"bare-get": BareGet}
EDGE_BASELINES: dict[str, type[CachePattern]] = {"no-op": NoOp}
"""They run once before the rounds and once after, not in every round."""
LIMITER_BASELINES: dict[str, type[RateLimiter]] = {"bare-evalsha": BareEvalsha}
