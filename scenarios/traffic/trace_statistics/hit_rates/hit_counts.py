"""A hit rate estimated from a sample of keys, with its standard error from groups of keys."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

GROUPS = 16
"""Groups of keys, by the last bits of their hashes; the first bits decide on the sample."""


class HitRate(NamedTuple):
    """Hits over reads, 0 to 1, and its standard error. The error is 0 if all keys were counted."""

    rate: float
    error: float

    def as_dict(self) -> dict[str, Any]:
        """The rate, and its standard error; null where it was not estimated."""
        finite = math.isfinite(self.rate)
        return {"hit_rate": self.rate if finite else None, "standard_error": self.error if finite else None}


NOT_ESTIMATED = HitRate(math.nan, math.nan)


def group_of(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The group of each key, 0 to GROUPS - 1."""
    return (keys & np.uint64(GROUPS - 1)).astype(np.int64)


def estimated_rate(hits: Floats, sampled: Floats, reads: int, *, exact: bool) -> HitRate:
    """The hit rate of all reads. `hits` and `sampled`: hits and reads of the sample by group, over its share.

    Popular keys may be missing from a sample or be in it. As in SHARDS-adj, the reads that the sample has too few of
    count as hits, since such keys hit almost always. The error is that of the jackknife over groups of keys.
    """
    if reads == 0:
        return NOT_ESTIMATED
    rate = adjusted(float(hits.sum()), float(sampled.sum()), reads)
    if exact:
        return HitRate(rate, 0.0)
    larger = GROUPS / (GROUPS - 1)
    without = np.array(
        [
            adjusted(larger * float(hits.sum() - hits[g]), larger * float(sampled.sum() - sampled[g]), reads)
            for g in range(GROUPS)
        ]
    )
    error = math.sqrt((GROUPS - 1) / GROUPS * float(((without - without.mean()) ** 2).sum()))
    return HitRate(rate, error)


def adjusted(hits: float, sampled: float, reads: int) -> float:
    """The hit rate if the reads that the sample lacks, or has too many of, are hits. 0 to 1."""
    return min(max((hits + reads - sampled) / reads, 0.0), 1.0)
