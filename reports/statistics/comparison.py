"""Comparison of a contender's rounds with the reference's: paired within one run, independent between two runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import Shift, independent_shift, shift


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A contender against the reference, paired by round."""

    ratio: Shift | None
    """On the scale of the ratio; None: a value is zero, or there are too few rounds."""
    difference: Shift | None
    rounds: int
    low_seen: float = math.nan
    high_seen: float = math.nan
    """Range of the rounds' ratios."""
    why: str = ""
    """Why there is no interval."""
    spread: float = math.nan
    """Standard deviation of the rounds' log ratios; without a ratio, of their differences."""

    @property
    def p(self) -> float:
        test = self.ratio or self.difference
        return test.p if test else 1.0


def compare(values: Sequence[float], reference: Sequence[float]) -> Comparison:
    """Value over reference, paired by round. The sequences are aligned; nan marks a round without a value.

    If a value is zero there is no ratio, and the absolute difference is tested instead.
    """
    pairs = [(v, r) for v, r in zip(values, reference, strict=True) if math.isfinite(v) and math.isfinite(r)]
    n = len(pairs)
    if n == 0:
        return Comparison(ratio=None, difference=None, rounds=0, why="no round has both")
    v, r = np.array(pairs, dtype=np.float64).T
    positive = bool(np.all(v > 0) and np.all(r > 0))
    ratios = v / r if positive else np.array([math.nan])
    low, high = float(ratios.min()), float(ratios.max())
    if n < MIN_ROUNDS:
        return Comparison(
            ratio=None, difference=None, rounds=n, low_seen=low, high_seen=high, why=f"range of {n} rounds"
        )
    tested = np.log(v) - np.log(r) if positive else v - r
    ratio = shift([float(x) for x in tested]).as_ratio if positive else None
    difference = shift([float(x) for x in v - r])
    spread = float(np.std(tested, ddof=1))
    return Comparison(ratio=ratio, difference=difference, rounds=n, low_seen=low, high_seen=high, spread=spread)


def compare_independent(values: Sequence[float], base: Sequence[float]) -> Comparison:
    """As `compare`, for two runs, whose rounds are not paired. Either may have more rounds; nan marks a missing value.

    The rounds of each run are one sample. The spread is that of the difference of two rounds, one from each run.
    """
    x, y = (np.array([v for v in side if math.isfinite(v)], dtype=np.float64) for side in (values, base))
    n = min(len(x), len(y))
    if n == 0:
        return Comparison(ratio=None, difference=None, rounds=0, why="no round of one of the runs has it")
    positive = bool(np.all(x > 0) and np.all(y > 0))
    low, high = (float(x.min() / y.max()), float(x.max() / y.min())) if positive else (math.nan, math.nan)
    if n < MIN_ROUNDS:
        return Comparison(
            ratio=None, difference=None, rounds=n, low_seen=low, high_seen=high, why=f"range of {n} rounds"
        )
    a, b = (np.log(x), np.log(y)) if positive else (x, y)
    logs = independent_shift(list(a), list(b)).as_ratio if positive else None
    spread = math.sqrt(float(np.var(a, ddof=1)) + float(np.var(b, ddof=1)))
    difference = independent_shift(list(x), list(y))
    return Comparison(ratio=logs, difference=difference, rounds=n, low_seen=low, high_seen=high, spread=spread)
