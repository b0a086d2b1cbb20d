"""Adapts a rate limiter to the explorer: a pattern whose only operation is `hit`."""

from typing import ClassVar

from stampede.patterns.caching.cache_pattern import CachePattern, Config, Context, Guarantee, Record
from stampede.patterns.contender_registry import Contender, LimitingContender, find
from stampede.patterns.rate_limiting.rate_limiter import Decision, RateLimiter, Strict
from stampede.scenarios.interleavings.limiters import LIMIT, WINDOW_S


class LimiterAdapter(CachePattern):
    """A rate limiter as a caching pattern. Only `hit` can be called."""

    summary = "a rate limiter"
    guarantees = frozenset({Guarantee.ADMITS_AT_MOST_ITS_BOUND})
    limiter: ClassVar[type[RateLimiter]]

    def __init__(self, context: Context, config: Config) -> None:
        super().__init__(context, config)
        settings = self.limiter.config_type(limit=LIMIT, window_s=WINDOW_S, key_prefix=config.key_prefix)
        self.limits = self.limiter(context.redis, settings, context.now)

    @classmethod
    def calls_at_once(cls) -> int:
        """The number of concurrent calls that the limiter's contract admits."""
        contract = cls.limiter.contract_for(cls.limiter.config_type(limit=LIMIT, window_s=WINDOW_S))
        return contract.limit if isinstance(contract, Strict) else contract.capacity

    def hit(self) -> Decision:
        """One call of the only subject."""
        return self.limits.hit("1")

    def get(self, record_id: int) -> Record | None:
        raise NotImplementedError

    def update(self, record_id: int, changes: Record) -> Record | None:
        raise NotImplementedError

    def invalidate(self, record_id: int) -> None:
        raise NotImplementedError


def as_contender(contender: LimitingContender) -> Contender:
    """The limiter as a contender of the explorer."""
    name = f"Adapted{contender.limiter.__name__}"
    members = {"limiter": contender.limiter, "summary": contender.limiter.summary}
    return Contender(name=contender.name, pattern=type(name, (LimiterAdapter,), members), file=contender.file)


def find_explorable(name_or_path: str) -> Contender:
    """The caching pattern or rate limiter with this name or file. Raises ConfigError."""
    found = find(name_or_path)
    return found if isinstance(found, Contender) else as_contender(found)
