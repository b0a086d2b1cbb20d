"""The hit rate of a cache that evicts the least recently used entry, for every capacity, in one pass over a trace.

A read hits if fewer distinct other keys than the capacity were requested since the last request for its key: Mattson
et al., 1970. The distances are counted over a sample of the keys and divided by its share (SHARDS, FAST 2015).
"""

import math

import numpy as np
import numpy.typing as npt

from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation
from stampede.scenarios.traffic.trace_statistics.hit_rates.hit_counts import (
    GROUPS,
    NOT_ESTIMATED,
    HitRate,
    estimated_rate,
    group_of,
)
from stampede.scenarios.traffic.trace_statistics.sampled_key_table import SampledKeyTable

Counts = npt.NDArray[np.int64]

MOST_KEYS = 1 << 15
LINEAR = 8192
"""Distances below this have a bin each; above, an octave has PER_OCTAVE bins, within which hits are spread evenly."""
PER_OCTAVE = 32
OCTAVES = 40
EDGES = np.concatenate(
    [np.arange(LINEAR + 1), np.ceil(LINEAR * 2.0 ** (np.arange(1, OCTAVES * PER_OCTAVE + 1) / PER_OCTAVE))]
)
"""Bin number b holds the distances from EDGES[b] to below EDGES[b + 1]."""


def earlier_and_not_greater(values: Counts) -> Counts:
    """For each value, how many earlier ones are not greater.

    The ranks of the values are split by one bit after the other, the highest first, as in a wavelet tree: a value with
    the bit 1 is greater than the earlier values of its group with the bit 0.
    """
    size = len(values)
    ranks = np.empty(size, dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(size)
    counts = np.zeros(size, dtype=np.int64)
    places = np.arange(size)
    owners = np.arange(size)
    for bit in reversed(range((size - 1).bit_length() if size else 0)):
        is_one = ((ranks >> bit) & 1).astype(np.bool_)
        zeros_before: Counts = np.cumsum(~is_one) - ~is_one
        starts = (ranks >> (bit + 1)) << (bit + 1)
        zeros_before = zeros_before - zeros_before[starts]
        counts[owners[is_one]] += zeros_before[is_one]
        after_zeros = starts + np.minimum(1 << bit, size - starts) + (places - starts - zeros_before)
        targets = np.where(is_one, after_zeros, starts + zeros_before)
        moved_ranks, moved_owners = np.empty_like(ranks), np.empty_like(owners)
        moved_ranks[targets], moved_owners[targets] = ranks, owners
        ranks, owners = moved_ranks, moved_owners
    return counts


class ReuseDistances:
    """Counts the reuse distances of reads. Writes refresh an entry too; after a delete the next read misses.

    A deleted entry keeps its place until its key comes back, so hit rates of traces with many deletes are a little low.
    """

    def __init__(self, share: float = 1.0, most_keys: int = MOST_KEYS) -> None:
        columns = {"last": np.zeros(1, dtype=np.int64), "deleted": np.zeros(1, dtype=np.bool_)}
        self.table = SampledKeyTable(most_keys, columns, share)
        self.requests = 0
        self.reads = 0
        """Reads of the trace, with those outside the sample."""
        self.sampled_reads = np.zeros(GROUPS)
        """Reads of the sample by group of keys, each divided by the sample's share."""
        self.hits = np.zeros((GROUPS, len(EDGES)))
        """Reads with a distance, by group and bin, each divided by the sample's share."""

    @property
    def share(self) -> float:
        """The share of the keys that the sample has."""
        return self.table.share

    def add(self, chunk: TraceChunk) -> None:
        """Count the requests of a chunk, without those of operation OTHER."""
        self.reads += int((chunk.operation == TraceOperation.READ).sum())
        chosen = self.table.belong(chunk.key)
        keys, operations = chunk.key[chosen], chunk.operation[chosen]
        if not len(keys):
            return
        distinct, owners = np.unique(keys, return_inverse=True)
        slots = self.table.slots(distinct)
        missed = self.after_delete(owners, slots, operations)
        accesses = operations != TraceOperation.DELETE
        self.count(distinct, owners[accesses], slots, operations[accesses], missed[accesses])
        self.table.shrink()

    def after_delete(self, owners: Counts, slots: Counts, operations: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
        """Which requests follow a delete of their key. Keeps which keys end deleted."""
        order = np.argsort(owners, kind="stable")
        deletes = operations[order] == TraceOperation.DELETE
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = owners[order][1:] != owners[order][:-1]
        before = np.empty(len(order), dtype=np.bool_)
        before[1:] = deletes[:-1]
        deleted = self.table.columns["deleted"]
        before[first] = deleted[slots]
        last = np.append(first[1:], True)
        deleted[slots] = deletes[last]
        missed = np.empty(len(order), dtype=np.bool_)
        missed[order] = before
        return missed

    def count(
        self,
        distinct: npt.NDArray[np.uint64],
        owners: Counts,
        slots: Counts,
        operations: npt.NDArray[np.int8],
        missed: npt.NDArray[np.bool_],
    ) -> None:
        """Count the distances of consecutive accesses. `owners`: for each the number of its key in `distinct`."""
        last = self.table.columns["last"]
        known = np.flatnonzero(last)
        places = np.full(len(last), -1, dtype=np.int64)
        places[known[np.argsort(last[known])]] = np.arange(len(known))
        before = previous(owners, places[slots], len(known))
        distances = len(known) + earlier_and_not_greater(before) - before - 1
        weight = 1 / self.share
        groups = group_of(distinct)[owners]
        reads = operations == TraceOperation.READ
        self.sampled_reads += weight * np.bincount(groups[reads], minlength=GROUPS)
        hits = reads & (before >= 0) & ~missed
        bins = np.searchsorted(EDGES, distances[hits] / self.share, side="right") - 1
        cells = groups[hits] * len(EDGES) + np.minimum(bins, len(EDGES) - 1)
        self.hits += weight * np.bincount(cells, minlength=self.hits.size).reshape(self.hits.shape)
        last[slots[owners]] = self.requests + 1 + np.arange(len(owners))
        self.requests += len(owners)

    def hit_rate(self, entries: float) -> HitRate:
        """The hit rate of a cache with room for that many entries, which begins empty.

        Its error has two parts: which keys the sample has, and how many of the keys in a cache of this size it has.
        """
        if not self.table.is_enough:
            return NOT_ESTIMATED
        found = self.hit_rate_by_groups(entries)
        if found.error == 0:
            return found
        spread = min(math.sqrt((1 - self.share) / (entries * self.share)), 0.5)
        larger, smaller = (self.hit_rate_by_groups(entries * (1 + sign * spread)).rate for sign in (1, -1))
        return HitRate(found.rate, math.hypot(found.error, (larger - smaller) / 2))

    def hit_rate_by_groups(self, entries: float) -> HitRate:
        """The hit rate, with the error that the groups of keys show."""
        below = int(np.searchsorted(EDGES, entries, side="right")) - 1
        hits = self.hits[:, :below].sum(axis=1)
        if below < len(EDGES) - 1:
            hits += self.hits[:, below] * (entries - EDGES[below]) / (EDGES[below + 1] - EDGES[below])
        return estimated_rate(hits, self.sampled_reads, self.reads, exact=self.share >= 1)


def previous(owners: Counts, before: Counts, known: int) -> Counts:
    """The place of the access before each, for the same key: 0 to `known` - 1 before these accesses, then on; or -1.

    `before`: for each key the place of its last access before these, or -1.
    """
    order = np.argsort(owners, kind="stable")
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = owners[order][1:] != owners[order][:-1]
    places = np.empty(len(order), dtype=np.int64)
    places[1:] = known + order[:-1]
    places[first] = before[owners[order][first]]
    found = np.empty(len(order), dtype=np.int64)
    found[order] = places
    return found
