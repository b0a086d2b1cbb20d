"""The verdict on a comparison (better, worse, same or cannot tell) and the noise floor that it uses."""

import math
from typing import Literal

from stampede.reports.statistics.comparison import Comparison
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL

LEAST_DIFFERENCE = 0.05
"""Smaller differences are "same", even if the noise floor is lower."""

COARSE = 0.25
"""If the noise floor is above this, the verdict is "cannot tell" in place of "same"."""

Sentence = Literal["better", "worse", "same", "cannot tell", ""]


def noise_floor(aa: Comparison | None) -> float:
    """m: the larger of 5 % and the distance from 1 of the farther end of the A/A pair's interval. 0.05 is ± 5 %."""
    if aa is None or aa.ratio is None:
        return LEAST_DIFFERENCE
    return max(LEAST_DIFFERENCE, math.exp(max(abs(math.log(aa.ratio.low)), abs(math.log(aa.ratio.high)))) - 1)


def sentence(comparison: Comparison, m: float, adjusted_p: float, better: Literal["lower", "higher"]) -> Sentence:
    """The verdict on a comparison with noise floor `m`; empty with fewer than MIN_ROUNDS rounds.

    same: the whole interval lies inside ± m on the log scale. This rule comes first; if m is above COARSE, the verdict
    is "cannot tell" instead. better, worse: the interval excludes 1, and Holm's adjusted p is at most 5 %. Otherwise:
    cannot tell.
    """
    if comparison.rounds < MIN_ROUNDS:
        return ""
    test = comparison.ratio or comparison.difference
    assert test is not None
    if comparison.ratio is not None:
        low, high = math.log(test.low), math.log(test.high)
        if -math.log1p(m) <= low and high <= math.log1p(m):
            return "same" if m <= COARSE else "cannot tell"
    else:
        low, high = test.low, test.high
        if low == high == 0:
            return "same"
    if (low > 0 or high < 0) and adjusted_p <= 1 - PAIRED_LEVEL + 1e-12:
        return "better" if (high < 0) == (better == "lower") else "worse"
    return "cannot tell"
