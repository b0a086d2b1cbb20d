"""Calls a rate limiter on a real Redis and records its decisions."""

import time
from collections.abc import Callable, Iterable

import redis

from stampede.patterns.contender_registry import limiters
from stampede.patterns.rate_limiting.rate_limiter import Decision, LimiterConfig, RateLimiter
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls, calls

SCRIPTED = sorted(limiters().keys() - {"sliding-window"})
"""The limiters that use Redis' clock."""


def build(name: str, client: redis.Redis, config: LimiterConfig, now: Callable[[], float] = time.time) -> RateLimiter:
    """A limiter of that name."""
    return limiters()[name].limiter(client, config, now)


def at_once(limiter: RateLimiter, count: int, subject: str = "s") -> list[Decision]:
    """The decisions about calls without pauses."""
    return [limiter.hit(subject) for _ in range(count)]


def paced(limiter: RateLimiter, gaps_s: Iterable[float], subject: str = "s") -> tuple[Calls, list[Decision]]:
    """One call after each gap in real time. Starts and ends are instants of the monotonic clock."""
    facts, decisions = [], []
    due = time.monotonic()
    for gap in gaps_s:
        due += gap
        wait_until(due)
        start = time.monotonic()
        decision = limiter.hit(subject)
        facts.append((start, time.monotonic(), decision.allowed, decision.remaining, decision.retry_after_s))
        decisions.append(decision)
    return calls(*zip(*facts, strict=True)), decisions


def wait_until(instant_s: float) -> None:
    """Wait until that instant of the monotonic clock."""
    left = instant_s - time.monotonic()
    if left > 0:
        time.sleep(left)


def server_us(client: redis.Redis) -> int:
    """The time of Redis' clock, in microseconds."""
    seconds, microseconds = client.time()
    return int(seconds) * 1_000_000 + int(microseconds)


class SettableClock:
    """The clock of an application server, which a test sets."""

    def __init__(self, at_s: float = 1_000_000.0) -> None:
        self.at_s = at_s

    def __call__(self) -> float:
        return self.at_s
