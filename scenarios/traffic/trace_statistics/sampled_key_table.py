"""Values for each key of a sample of bounded size: all keys while there are few, then those with the lowest hashes.

This is the fixed-size sample of SHARDS (Waldspurger, Park, Garthwaite and Ahmad, FAST 2015): a key belongs to it if
its hash is below a threshold, and the threshold falls whenever there are too many keys. The sample has all requests of
its keys or none, so reuse is kept, and the number of its keys over its share estimates that of all keys.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Slots = npt.NDArray[np.int64]

ALL = 2**64
"""The threshold below which every hash is."""
FEWEST_KEYS = 100
"""With fewer keys in a sample, no hit rate is estimated."""
KEPT_SHARE = 0.9
"""The share of the most keys that remains when there are too many, so that the threshold rarely falls."""


class SampledKeyTable:
    """Sorted keys and, in columns of the same length, their values. A key's slot changes when keys come or go."""

    def __init__(self, most_keys: int, columns: Mapping[str, npt.NDArray[Any]], share: float = 1.0) -> None:
        """`columns`: name to an array of one element, the value of a new key; it may have more dimensions.

        `share`: of the keys, above 0 to 1, that the sample has at the most.
        """
        self.most_keys = most_keys
        self.threshold = ALL if share >= 1 else int(share * ALL)
        self.keys: Hashes = np.empty(0, dtype=np.uint64)
        self.new = dict(columns)
        self.columns = {name: value[:0] for name, value in columns.items()}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def share(self) -> float:
        """The share of all keys that the sample has, above 0 to 1."""
        return self.threshold / ALL

    @property
    def distinct(self) -> float:
        """The number of all keys, estimated; NaN if the sample has none. Exact if the share is 1."""
        return len(self.keys) / self.share if len(self.keys) else math.nan

    @property
    def is_enough(self) -> bool:
        """Whether hit rates can be estimated: all keys are counted, or at least FEWEST_KEYS of them."""
        return self.threshold >= ALL or len(self.keys) >= FEWEST_KEYS

    def belong(self, keys: Hashes) -> npt.NDArray[np.bool_]:
        """Which keys belong to the sample."""
        if self.threshold >= ALL:
            return np.ones(len(keys), dtype=np.bool_)
        return np.asarray(keys < np.uint64(self.threshold))

    def slots(self, keys: Hashes) -> Slots:
        """The slots of distinct sorted keys of the sample. Unknown keys are added."""
        places = np.searchsorted(self.keys, keys)
        known = np.zeros(len(keys), dtype=np.bool_)
        inside = places < len(self.keys)
        known[inside] = self.keys[places[inside]] == keys[inside]
        fresh = ~known
        if fresh.any():
            at = places[fresh]
            self.keys = np.insert(self.keys, at, keys[fresh])
            for name, column in self.columns.items():
                new = np.repeat(self.new[name], len(at), axis=0)
                self.columns[name] = np.insert(column, at, new, axis=0)
            places = places + np.cumsum(fresh) - fresh
        return np.asarray(places, dtype=np.int64)

    def shrink(self) -> None:
        """Lower the threshold if there are too many keys."""
        if len(self.keys) <= self.most_keys:
            return
        kept = int(self.most_keys * KEPT_SHARE)
        self.threshold = int(self.keys[kept])
        self.keys = self.keys[:kept].copy()
        self.columns = {name: column[:kept].copy() for name, column in self.columns.items()}
