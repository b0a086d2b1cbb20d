"""Concurrent calls of one subject at a rate limiter: with equal clocks, on one tick, with clocks that differ."""

from stampede.scenarios.interleavings.situation import CacheState, Operation, Situation

HIT: tuple[Operation, ...] = ("hit",)
LIMIT = 2
"""Calls in a window: the smallest limit with which calls can affect each other."""
WINDOW_S = 60.0
CALLS = (HIT,) * (2 * LIMIT + 1)
"""One call more than the loosest contract admits, which is twice the limit."""

SITUATIONS = (
    Situation(name="calls-at-once", clients=CALLS),
    Situation(name="calls-on-one-tick", clients=CALLS, one_tick=True),
    Situation(name="calls-with-skewed-clocks", clients=CALLS, skew_s=2 * WINDOW_S),
    Situation(name="calls-at-the-limit", clients=(HIT, HIT), start=CacheState.AT_LIMIT, skew_s=1.0),
)
