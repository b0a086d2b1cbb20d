"""Zipf's exponent of the keys of a trace, from how often each key was requested."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FEWEST_REQUESTS = (30, 10)
"""Keys with fewer requests say little about their rates. The second number holds if too few keys reach the first."""
ENOUGH_KEYS = 200
FEWEST_KEYS = 30
"""With fewer keys the exponent is not estimated."""


class ZipfExponent(NamedTuple):
    """An exponent with its standard error, and the number of keys that it is estimated from. NaN: not estimated."""

    exponent: float
    error: float
    keys: int


def zipf_exponent(requests: npt.NDArray[np.int64]) -> ZipfExponent:
    """The exponent s of a law in which the key of rank k has requests in proportion to k^-s.

    Such keys have requests above a minimum by a Pareto law with the index 1/s, whichever sample of the keys is looked
    at. So s is the mean of ln(requests / minimum) (Hill, 1975), here with the exact sum of ln(rank) in place of its
    limit. The minimum is that of the more popular half of the keys, and at least FEWEST_REQUESTS. For keys by Zipf's
    law from 0.3 to 2 the mean of the estimate is within 5 %; keys without any skew appear to have one of 0.1.

    `requests`: for each key of all keys or of a sample, in any order.
    """
    ranked = np.sort(requests)[::-1].astype(np.float64)
    enough = [int((ranked >= fewest).sum()) for fewest in FEWEST_REQUESTS]
    fewest = FEWEST_REQUESTS[0] if enough[0] >= ENOUGH_KEYS else FEWEST_REQUESTS[1]
    keys = min(int((ranked >= fewest).sum()), len(ranked) // 2)
    if keys < FEWEST_KEYS:
        return ZipfExponent(math.nan, math.nan, keys)
    minimum = max(float(ranked[keys]), fewest - 0.5)
    logs = float(np.log(ranked[:keys] / minimum).sum())
    exponent = logs / (keys * math.log(keys + 1) - math.lgamma(keys + 1))
    return ZipfExponent(exponent, exponent / math.sqrt(keys), keys)
