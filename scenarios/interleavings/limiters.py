"""Calls of one subject at a rate limiter, at once: by clocks that agree, on one tick, by clocks that differ."""

from stampede.scenarios.interleavings.situation import CacheState, Operation, Situation

HIT: tuple[Operation, ...] = ("hit",)
LIMIT = 2
"""Calls in a window: the fewest with which calls can get into each other's way."""
WINDOW_S = 60.0
CROWD = (HIT,) * (2 * LIMIT + 1)
"""One more than the loosest contract lets in: twice the limit."""

SITUATIONS = (
    Situation(name="calls-at-once", clients=CROWD),
    Situation(name="calls-on-one-tick", clients=CROWD, one_tick=True),
    Situation(name="calls-with-skewed-clocks", clients=CROWD, skew_s=2 * WINDOW_S),
    Situation(name="calls-at-the-limit", clients=(HIT, HIT), start=CacheState.AT_LIMIT, skew_s=1.0),
)
