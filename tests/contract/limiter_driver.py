"""Drives one limiter on a real Redis and keeps the facts, as samples do."""

import time
from collections.abc import Callable, Iterable

import redis

from stampede.patterns.contender_registry import limiters
from stampede.patterns.rate_limiting.rate_limiter import Decision, LimiterConfig, RateLimiter
from stampede.reports.topics.rate_limiting.calls import Calls, calls

SCRIPTED = sorted(limiters().keys() - {"sliding-window"})
"""Those that decide by Redis' clock."""


def build(name: str, client: redis.Redis, config: LimiterConfig, now: Callable[[], float] = time.time) -> RateLimiter:
    return limiters()[name].limiter(client, config, now)


def at_once(limiter: RateLimiter, count: int, subject: str = "s") -> list[Decision]:
    return [limiter.hit(subject) for _ in range(count)]


def paced(limiter: RateLimiter, gaps_s: Iterable[float], subject: str = "s") -> tuple[Calls, list[Decision]]:
    """A call after each gap, in real time; starts and ends on the monotonic clock."""
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
    """Until that instant of the monotonic clock, when something is due."""
    left = instant_s - time.monotonic()
    if left > 0:
        time.sleep(left)


def server_us(client: redis.Redis) -> int:
    """Redis' own clock, in microseconds."""
    seconds, microseconds = client.time()
    return int(seconds) * 1_000_000 + int(microseconds)


class SettableClock:
    """A clock that a spec sets: an app server's own."""

    def __init__(self, at_s: float = 1_000_000.0) -> None:
        self.at_s = at_s

    def __call__(self) -> float:
        return self.at_s
