"""Caller profiles: how one subject of a rate limiter calls. Each profile draws the instants of the calls.

A profile takes the limit L, the window W in seconds, the span in seconds, and a random generator. Instants are seconds
from the start, ascending, below the span. The start is an edge of the windows of the server's clock.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Instants = npt.NDArray[np.float64]
CallerProfile = Callable[[int, float, float, np.random.Generator], Instants]

EDGE_SHARE = 0.05
"""How close to the edge an edge burst comes, as a share of the window."""
DRIP_SHARE = 0.02
"""How far the gaps of a drip differ from W / L, as a share."""


def steady(multiple: float) -> CallerProfile:
    """Evenly spaced calls at that multiple of the limit."""

    def draw(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
        gap_s = window_s / (limit * multiple)
        return np.arange(rng.random() * gap_s, span_s, gap_s)

    return draw


def poisson(multiple: float) -> CallerProfile:
    """Calls of many independent users, on average at that multiple of the limit."""

    def draw(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
        calls = rng.poisson(limit * multiple / window_s * span_s)
        return np.sort(rng.random(calls) * span_s)

    return draw


def edge_burst(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
    """L calls just before an edge of the clock's windows and L just after it, at every second edge."""
    reach_s = EDGE_SHARE * window_s
    edges = np.arange(window_s, span_s, 2 * window_s)
    offsets = np.sort(np.concatenate([-reach_s * rng.uniform(0.2, 1, limit), reach_s * rng.uniform(0.2, 1, limit)]))
    return within((edges[:, None] + offsets).ravel(), span_s)


def idle_then_three_limits(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
    """No call for a window or more, then 3 L calls at once."""
    instant = min(window_s * rng.uniform(1.0, 1.8), 0.9 * span_s)
    return np.full(3 * limit, instant)


def ties(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
    """2 L calls on one tick, every 1.25 windows."""
    ticks = np.arange(rng.random() * 0.5 * window_s, span_s, 1.25 * window_s)
    return np.repeat(ticks, 2 * limit)


def drip(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
    """One call every W / L, a little earlier or later each time."""
    calls = int(span_s / window_s * limit) + 1
    gaps = window_s / limit * (1 + DRIP_SHARE * rng.uniform(-1, 1, calls))
    return within(np.cumsum(gaps), span_s)


def flood_then_half(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
    """20 times the limit for one window, then half the limit: shows when a limiter admits the caller again."""
    flood = steady(20)(limit, window_s, min(window_s, span_s), rng)
    rest = steady(0.5)(limit, window_s, max(0.0, span_s - window_s), rng) + window_s
    return within(np.concatenate([flood, rest]), span_s)


def burst_then_steady(multiple: float) -> CallerProfile:
    """L calls at once, then evenly spaced calls at that multiple of the limit.

    The burst empties a bucket, so that a few windows show whether a refusal discards the refill since the previous
    refusal.
    """

    def draw(limit: int, window_s: float, span_s: float, rng: np.random.Generator) -> Instants:
        calls = steady(multiple)(limit, window_s, span_s, rng)
        return np.concatenate([np.full(limit, calls[0]), calls[1:]])

    return draw


def within(instants: Instants, span_s: float) -> Instants:
    """The instants inside the span, ascending."""
    return np.sort(instants[(instants >= 0) & (instants < span_s)])


CALLER_PROFILES: Mapping[str, CallerProfile] = {
    **{f"steady {multiple:g} ×": steady(multiple) for multiple in (0.5, 0.9, 1.0, 1.1)},
    "Poisson 0.5 ×": poisson(0.5),
    "Poisson 1 ×": poisson(1),
    "flood 10 ×": steady(10),
    "flood 20 ×": steady(20),
    "edge burst": edge_burst,
    "idle, then 3 L": idle_then_three_limits,
    "ties": ties,
    "drip": drip,
    "flood, then half": flood_then_half,
    **{f"burst, then {multiple:g} ×": burst_then_steady(multiple) for multiple in (1.1, 1.5)},
}
"""The profiles by the name that reports print."""
