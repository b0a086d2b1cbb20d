"""Estimates: a figure over rounds with its interval; medians and quantiles."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MIN_ROUNDS = 6
MEDIAN_LEVEL = 0.9296
"""The lowest level of a median's interval: that of order statistics 2 and 7 of eight rounds (92.97 %)."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure over rounds. Infinity is printed as "> D"."""

    value: float
    """nan: the figure is missing, and `why` has the reason."""
    low: float = math.nan
    high: float = math.nan
    level: float | None = None
    """Confidence level of the interval low to high, 0 to 1; None: low to high is the range of the rounds."""
    rounds: int = 0
    how: str = "median of the rounds"
    """How the value was computed."""
    why: str = ""
    """Why the figure is missing, or a caveat that must be printed with it."""

    @property
    def missing(self) -> bool:
        """Whether there is no value."""
        return math.isnan(self.value)


def missing(why: str, rounds: int = 0) -> Estimate:
    """An estimate without a value, for that reason."""
    return Estimate(value=math.nan, why=why, rounds=rounds)


def median(values: Sequence[float], level: float = MEDIAN_LEVEL) -> Estimate:
    """The median over rounds with its order-statistic interval, which is valid for any distribution.

    The interval is the narrowest [x(k), x(n+1−k)] whose level 1 − 2·P(Bin(n, ½) < k) is at least `level`. Below
    MIN_ROUNDS it is the range. Rounds without a value are left out.
    """
    x = np.sort(np.array([v for v in values if not math.isnan(v)], dtype=np.float64))
    n = len(x)
    if n == 0:
        return missing("not measured")
    middle = float(x[n // 2]) if n % 2 else float(x[n // 2 - 1] + x[n // 2]) / 2
    if n < MIN_ROUNDS:
        return Estimate(value=middle, low=float(x[0]), high=float(x[-1]), rounds=n)
    k = 1
    while k + 1 <= n // 2 and median_level(n, k + 1) >= level:
        k += 1
    return Estimate(value=middle, low=float(x[k - 1]), high=float(x[n - k]), level=median_level(n, k), rounds=n)


def median_level(n: int, k: int) -> float:
    """The probability that the k-th smallest and the k-th largest of n values enclose the median."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / float(2**n)


def quantile(values: Floats, q: float) -> float:
    """The smallest value that at least a share q of the values do not exceed, without interpolation; nan if empty."""
    n = len(values)
    if n == 0:
        return math.nan
    return float(np.partition(values, rank(n, q))[rank(n, q)])


def rank(n: int, q: float) -> int:
    """Index of the q-quantile among n sorted values. Subtracting 1e-9 undoes binary rounding: 0.99 × 100 is 99."""
    return min(n - 1, max(0, math.ceil(q * n - 1e-9) - 1))


def overlap(a: Estimate, b: Estimate) -> bool:
    """Whether two intervals overlap; False if either estimate has no interval."""
    return a.level is not None and b.level is not None and a.low <= b.high and b.low <= a.high
