"""Key distributions: which records the requests concern.

Zipf's law: the record of rank k is requested with probability proportional to k^-skew. Twitter's 54 cache clusters had
a median skew of 1.21 in 2020 (Yang et al., OSDI 2020); the usual benchmark has 0.99.
"""

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


def by_popularity(ids: Ids, seed: int) -> Ids:
    """The ids in a random order of popularity, so that popular records are not stored next to each other."""
    return np.random.default_rng(seed).permutation(ids)


def draw_keys(ids: Ids, shares: Shares, count: int, rng: np.random.Generator) -> Ids:
    """`count` ids, drawn independently with the given shares."""
    picked = np.searchsorted(np.cumsum(shares), rng.random(count), side="right")
    return ids[np.minimum(picked, len(ids) - 1)]
