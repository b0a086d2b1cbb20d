"""How many rounds a finding needs."""

import math

from stampede.reports.statistics.comparison import Comparison
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL
from stampede.reports.statistics.verdict import COARSE

EFFICIENCY = 3 / math.pi
"""Of ranks against means where values are normal: so many rounds of a t test do what one round of ours does."""


def rounds_needed(spread: float, difference: float, alpha: float = 1 - PAIRED_LEVEL, power: float = 0.95) -> float:
    """How many rounds a paired interval needs to exclude zero with that power, where the truth is that difference.

    Spread and difference on one scale: logarithms of ratios, or a unit. At least MIN_ROUNDS, and what the exact test
    needs to reach alpha at all; infinity where there is no difference. The t formula n ≥ (t(1 − α/2) + t(power))² ·
    spread² / difference², over the efficiency of ranks.
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


def rounds_to_tell(comparison: Comparison, m: float, alpha: float = 1 - PAIRED_LEVEL) -> float:
    """About how many rounds would end a "cannot tell", if the estimate is the truth: the fewer of those that exclude
    no difference, and those that fit the interval into ± m. Infinity where neither can be expected. Of paired rounds.
    """
    test = comparison.ratio or comparison.difference
    if test is None or math.isnan(comparison.spread):
        return math.inf
    centre = abs(math.log(test.estimate)) if comparison.ratio else abs(test.estimate)
    apart = rounds_needed(comparison.spread, centre, alpha)
    if comparison.ratio is None or m > COARSE or centre >= math.log1p(m):
        return apart
    return min(apart, rounds_needed(comparison.spread, math.log1p(m) - centre))
