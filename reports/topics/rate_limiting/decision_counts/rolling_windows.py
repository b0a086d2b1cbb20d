"""Admissions in a rolling window and beyond a refill rate: the quantities that limiter contracts bound."""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import Floats
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls


@dataclass(frozen=True)
class Rolling:
    """A count over time as a step function: `counts[i]` from `at_s[i]` up to `at_s[i + 1]`."""

    at_s: Floats
    counts: Floats

    @property
    def most(self) -> int:
        """Largest count."""
        return int(self.counts.max(initial=0))

    def above(self, limit: float) -> float:
        """Seconds during which the count is above the limit."""
        if len(self.at_s) < 2:
            return 0.0
        return float(np.diff(self.at_s)[self.counts[:-1] > limit].sum())


def steps(opens_s: Floats, closes_s: Floats) -> Rolling:
    """Number of spans [open, close) that cover each instant."""
    real = closes_s > opens_s
    at = np.concatenate([opens_s[real], closes_s[real]])
    change = np.concatenate([np.ones(real.sum()), -np.ones(real.sum())])
    instants, place = np.unique(at, return_inverse=True)
    return Rolling(instants, np.cumsum(np.bincount(place, weights=change, minlength=len(instants))))


def rolling_certain(admitted: Calls, window_s: float) -> Rolling:
    """At t: number of calls that are certainly in (t − W, t]: they ended by t and began after t − W."""
    return steps(admitted.end_s, admitted.start_s + window_s)


def rolling_possible(admitted: Calls, window_s: float) -> Rolling:
    """At t: number of calls that are possibly in (t − W, t]: they began by t and ended after t − W."""
    return steps(admitted.start_s, admitted.end_s + window_s)


def excess(admitted: Calls, window_s: float, limit: int) -> int:
    """Number of admissions at which the certain rolling count was above the limit."""
    rolling = rolling_certain(admitted, window_s)
    if not len(rolling.at_s):
        return 0
    place = np.searchsorted(rolling.at_s, admitted.end_s, side="right") - 1
    own = admitted.start_s + window_s > admitted.end_s
    return int((rolling.counts[place][own] > limit).sum())


def most_beyond_refill(admitted: Calls, refill_per_s: float) -> tuple[float, float]:
    """Maximum of N − R·t over all intervals of length t with N admissions: (certain, possible).

    A bucket of capacity B keeps its contract if this is at most B. The certain value takes the time from the first
    start to the last end of the counted calls, the possible value from the first end to the last start.
    """
    if not len(admitted):
        return 0.0, 0.0
    start, end = np.sort(admitted.start_s), admitted.end_s[np.argsort(admitted.start_s, kind="stable")]
    reach = np.maximum.accumulate(end)
    number = np.arange(len(start), dtype=np.float64)
    best_from = np.maximum.accumulate(refill_per_s * start - number)
    certain = float((number + 1 - refill_per_s * reach + best_from).max())
    ends = np.sort(admitted.end_s)
    begun = np.searchsorted(start, start, side="right")  # calls that began by each start
    over = np.searchsorted(ends, ends, side="left")  # calls that were over before each end
    best_end = np.maximum.accumulate(refill_per_s * ends - over)
    before = np.searchsorted(ends, start, side="right") - 1
    spans = np.where(before >= 0, begun - refill_per_s * start + best_end[np.maximum(before, 0)], -np.inf)
    at_once = begun - np.searchsorted(ends, start, side="left")
    return certain, float(max(spans.max(), at_once.max()))
