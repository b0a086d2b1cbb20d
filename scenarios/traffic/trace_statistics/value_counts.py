"""Counts of values such as TTLs in bounded memory, and quantiles of numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST_VALUES = 10_000
DIGITS = 2
"""Significant digits that are kept when there are more different values."""
QUANTILES = (0.1, 0.5, 0.9, 0.99)


class ValueCounts:
    """How often each value occurs. With more than MOST_VALUES different ones, values are rounded to two digits."""

    def __init__(self) -> None:
        self.counts: Counter[float] = Counter()
        self.rounded = False

    def add(self, values: Floats) -> None:
        """Count positive values."""
        distinct, counts = np.unique(values, return_counts=True)
        for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
            self.counts[to_digits(value) if self.rounded else value] += count
        if len(self.counts) > MOST_VALUES and not self.rounded:
            self.rounded = True
            exact, self.counts = self.counts, Counter()
            for value, count in exact.items():
                self.counts[to_digits(value)] += count

    @property
    def total(self) -> int:
        """How many values were counted."""
        return self.counts.total()

    def quantiles(self, shares: Sequence[float] = QUANTILES) -> list[float]:
        """The smallest value that at least that share of the values does not exceed; NaN without values."""
        if not self.counts:
            return [math.nan] * len(shares)
        values = np.array(sorted(self.counts))
        sums = np.cumsum([self.counts[value] for value in values.tolist()])
        places = np.searchsorted(sums, np.asarray(shares) * sums[-1] - 1e-9)
        return [float(values[place]) for place in np.minimum(places, len(values) - 1)]

    def commonest(self) -> tuple[float, float]:
        """The most frequent value, and its share of all, 0 to 1; NaN without values."""
        if not self.counts:
            return math.nan, math.nan
        value, count = max(self.counts.items(), key=lambda item: (item[1], -item[0]))
        return value, count / self.total


def to_digits(value: float) -> float:
    """The value, rounded to DIGITS significant digits."""
    return float(f"{value:.{DIGITS - 1}e}")


def number_or_none(value: float) -> float | None:
    """The value for JSON: null where it was not estimated."""
    return value if math.isfinite(value) else None


def quantile_dict(values: Sequence[float]) -> dict[str, Any]:
    """The QUANTILES by their names: p10, p50, p90, p99."""
    return {f"p{share * 100:g}": number_or_none(value) for share, value in zip(QUANTILES, values, strict=True)}
