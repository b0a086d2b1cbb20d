"""Exact rank tests with their intervals, paired and independent, and Holm's adjustment of their p-values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

PAIRED_LEVEL = 0.95


@cache
def signed_rank_below(n: int) -> tuple[float, ...]:
    """Exact P(T ≤ t) for t = 0 … n(n+1)/2: the signed-rank statistic under the null hypothesis."""
    counts = [1]
    for rank in range(1, n + 1):
        counts = [
            (counts[t] if t < len(counts) else 0) + (counts[t - rank] if t >= rank else 0)
            for t in range(len(counts) + rank)
        ]
    total, running, below = 2**n, 0, []
    for count in counts:
        running += count
        below.append(running / total)
    return tuple(below)


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A location shift with its interval and p-value."""

    estimate: float
    low: float
    high: float
    level: float
    p: float
    """Two-sided; at most 1 − level if and only if the interval excludes zero."""
    rounds: int

    @property
    def as_ratio(self) -> "Shift":
        """The shift of logarithms, converted to the scale of the ratio."""
        low, estimate, high = (math.exp(x) for x in (self.low, self.estimate, self.high))
        return replace(self, low=low, estimate=estimate, high=high)


def shift(differences: Sequence[float], level: float = PAIRED_LEVEL) -> Shift:
    """The Hodges–Lehmann estimate (median of the Walsh averages) with the exact signed-rank interval.

    Exact for symmetric continuous differences; conservative with ties. Raises ValueError without differences.
    Source: Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 3.1–3.3.
    """
    d = np.asarray(differences, dtype=np.float64)
    n = len(d)
    if n == 0:
        raise ValueError("no differences")
    i, j = np.triu_indices(n)
    walsh = np.sort((d[i] + d[j]) / 2)
    m = len(walsh)
    below = signed_rank_below(n)
    k = 0
    while k + 1 < m - 1 - k and 1 - 2 * below[k + 1] >= level:
        k += 1
    least = int(min(np.count_nonzero(walsh <= 0), np.count_nonzero(walsh >= 0)))
    return Shift(
        estimate=float(np.median(walsh)),
        low=float(walsh[k]),
        high=float(walsh[m - 1 - k]),
        level=1 - 2 * below[k],
        p=min(1.0, 2 * below[least]),
        rounds=n,
    )


@cache
def rank_sum_below(m: int, n: int) -> tuple[float, ...]:
    """Exact P(U ≤ u) for u = 0 … m·n: the Mann–Whitney statistic of m and n values under the null hypothesis.

    The number of ways to reach u is the coefficient of q^u in the Gaussian binomial (m + n choose m), the product of
    (1 − q^(n + i)) / (1 − q^i) for i = 1 … m. The loops multiply and divide term by term.
    """
    counts = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for u in range(m * n, n + i - 1, -1):
            counts[u] -= counts[u - n - i]
        for u in range(i, m * n + 1):
            counts[u] += counts[u - i]
    total, running, below = math.comb(m + n, m), 0, []
    for count in counts:
        running += count
        below.append(running / total)
    return tuple(below)


def independent_shift(x: Sequence[float], y: Sequence[float], level: float = PAIRED_LEVEL) -> Shift:
    """The shift of x relative to y for unpaired values, for example of two runs.

    The Hodges–Lehmann estimate (median of all differences x − y) with the exact Mann–Whitney interval. Exact for
    continuous distributions of one shape; conservative with ties. Raises ValueError if either is empty.
    Source: Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 4.1–4.3.
    """
    m, n = len(x), len(y)
    if not m or not n:
        raise ValueError("no rounds")
    differences = np.sort(np.subtract.outer(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)).ravel())
    below = rank_sum_below(m, n)
    last = m * n - 1
    k = 0
    while k + 1 < last - k and 1 - 2 * below[k + 1] >= level:
        k += 1
    least = int(min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0)))
    return Shift(
        estimate=float(np.median(differences)),
        low=float(differences[k]),
        high=float(differences[last - k]),
        level=1 - 2 * below[k],
        p=min(1.0, 2 * below[least]),
        rounds=min(m, n),
    )


def one_sided_p(x: Sequence[float], y: Sequence[float]) -> float:
    """One-sided p-value of the exact Mann–Whitney test that x is above y; conservative with ties.

    Raises ValueError if either is empty.
    """
    if not len(x) or not len(y):
        raise ValueError("no rounds")
    below = np.subtract.outer(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)) <= 0
    return rank_sum_below(len(x), len(y))[int(np.count_nonzero(below))]


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given. They bound the probability of any false finding in the table."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, running = [1.0] * len(p), 0.0
    for position, i in enumerate(order):
        running = max(running, min(1.0, (len(p) - position) * p[i]))
        adjusted[i] = running
    return adjusted
