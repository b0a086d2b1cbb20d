"""Power: the number of rounds that a finding needs."""

import math

from stampede.reports.statistics.comparison import Comparison
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL
from stampede.reports.statistics.verdict import COARSE

EFFICIENCY = 3 / math.pi
"""Efficiency of the rank test relative to the t test for normal values."""


def rounds_needed(spread: float, difference: float, alpha: float = 1 - PAIRED_LEVEL, power: float = 0.95) -> float:
    """Rounds that a paired interval needs to exclude zero with that power, if `difference` is the true difference.

    Spread and difference have the same scale: logarithms of ratios, or a unit. The result is at least MIN_ROUNDS and
    at least the number of rounds with which the exact test can reach alpha; it is infinity without a difference. The
    formula is n ≥ (t(1 − α/2) + t(power))² · spread² / difference², divided by the efficiency of ranks.
    """
    from scipy.special import ndtri, stdtrit

    if not difference or math.isnan(spread) or math.isnan(difference):
        return math.inf
    least = max(MIN_ROUNDS, math.ceil(1 + math.log2(1 / alpha)))
    if spread == 0:
        return float(least)
    far = (spread / abs(difference)) ** 2 / EFFICIENCY
    if not math.isfinite(far):
        return math.inf
    n = max(float(least), math.ceil(float(ndtri(1 - alpha / 2) + ndtri(power)) ** 2 * far))
    while n < 1000 and (stdtrit(n - 1, 1 - alpha / 2) + stdtrit(n - 1, power)) ** 2 * far > n:
        n += 1
    return n


def rounds_to_decide(comparison: Comparison, m: float, alpha: float = 1 - PAIRED_LEVEL) -> float:
    """About how many paired rounds would replace "cannot tell" by a verdict, if the estimate is true.

    The smaller of two numbers: the rounds to exclude "no difference", and the rounds to fit the interval into ± m.
    Infinity if neither can be expected.
    """
    test = comparison.ratio or comparison.difference
    if test is None or math.isnan(comparison.spread):
        return math.inf
    centre = abs(math.log(test.estimate)) if comparison.ratio else abs(test.estimate)
    to_differ = rounds_needed(comparison.spread, centre, alpha)
    if comparison.ratio is None or m > COARSE or centre >= math.log1p(m):
        return to_differ
    return min(to_differ, rounds_needed(comparison.spread, math.log1p(m) - centre))
