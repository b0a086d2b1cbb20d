"""A part of a recorded trace: columns of equal length, one element for each request, in the order of the file."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt


class TraceOperation(IntEnum):
    """What a request of a trace does with its key. The column `operation` holds the number."""

    READ = 0
    WRITE = 1
    DELETE = 2
    OTHER = 3
    """Concerns no single key that is read or written, or its effect is not known: PING, EVAL, OPTIONS, touch."""


@dataclass(frozen=True, kw_only=True)
class TraceChunk:
    """Some consecutive requests of a trace."""

    time_s: npt.NDArray[np.float64]
    """Seconds since the first request of the trace. Not always ascending. NaN: the trace has no times."""
    key: npt.NDArray[np.uint64]
    """A hash of the key, uniform over all 64-bit numbers. The same text has the same hash on every machine. Requests of
    operation OTHER have no key: their number means nothing."""
    operation: npt.NDArray[np.int8]
    """A TraceOperation."""
    size_bytes: npt.NDArray[np.int64]
    """Length of the value in bytes. -1: not known."""
    ttl_s: npt.NDArray[np.float64]
    """Lifetime that a write gives to the entry, in seconds. NaN: not known, or without end."""

    def __len__(self) -> int:
        return len(self.key)

    def where(self, chosen: npt.NDArray[np.bool_]) -> "TraceChunk":
        """The requests for which the mask is true."""
        return TraceChunk(
            time_s=self.time_s[chosen],
            key=self.key[chosen],
            operation=self.operation[chosen],
            size_bytes=self.size_bytes[chosen],
            ttl_s=self.ttl_s[chosen],
        )

    def sampled(self, share: float) -> "TraceChunk":
        """The requests of about that share of the keys, 0 to 1: all requests of a key, or none.

        So the reuse of each key stays as it was, and a cache of `share` times the size has about the hit rate of the
        whole trace: spatially hashed sampling (SHARDS; Waldspurger et al., FAST 2015).
        """
        return self if share >= 1 else self.where(sampled_keys(self.key, share))


def sampled_keys(keys: npt.NDArray[np.uint64], share: float) -> npt.NDArray[np.bool_]:
    """Which keys belong to the sample of that share, 0 to 1. A smaller share keeps a subset of the keys."""
    if share >= 1:
        return np.ones(len(keys), dtype=np.bool_)
    return np.asarray(keys < np.uint64(max(share, 0.0) * 2.0**64))
