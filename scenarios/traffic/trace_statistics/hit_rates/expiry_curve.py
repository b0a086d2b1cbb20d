"""The hit rate of a cache without eviction whose entries live for a fixed time, for several lifetimes in one pass.

A read that finds no entry fills it; hits do not renew it. A write fills the entry again and a delete removes it. The
requests are those of a sample of the keys, as for reuse distances.
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

MOST_KEYS = 1 << 15
LIFETIMES_S = (1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, math.inf)


class ExpiryCurve:
    """Counts the misses of reads for each lifetime of LIFETIMES_S."""

    def __init__(self, share: float = 1.0, most_keys: int = MOST_KEYS) -> None:
        filled = np.full((1, len(LIFETIMES_S)), -np.inf)
        exists = np.zeros(1, dtype=np.bool_)
        self.table = SampledKeyTable(most_keys, {"filled": filled, "exists": exists}, share)
        self.reads = 0
        """Reads of the trace, with those outside the sample."""
        self.sampled_reads = np.zeros(GROUPS)
        self.misses = np.zeros((len(LIFETIMES_S), GROUPS))
        self.latest_s = 0.0

    @property
    def share(self) -> float:
        """The share of the keys that the sample has."""
        return self.table.share

    def add(self, chunk: TraceChunk) -> None:
        """Count the requests of a chunk with times, without those of operation OTHER."""
        self.reads += int((chunk.operation == TraceOperation.READ).sum())
        chosen = self.table.belong(chunk.key)
        keys, operations = chunk.key[chosen], chunk.operation[chosen]
        if not len(keys):
            return
        times = np.maximum.accumulate(np.maximum(chunk.time_s[chosen], self.latest_s))
        self.latest_s = float(times[-1])
        distinct, owners = np.unique(keys, return_inverse=True)
        slots = self.table.slots(distinct)
        order = np.argsort(owners, kind="stable")
        events = SortedEvents(owners[order], times[order], operations[order])
        weight = 1 / self.share
        groups = group_of(distinct)
        reads = operations == TraceOperation.READ
        self.sampled_reads += weight * np.bincount(groups[owners[reads]], minlength=GROUPS)
        filled, exists = self.table.columns["filled"], self.table.columns["exists"]
        for number, lifetime_s in enumerate(LIFETIMES_S):
            before = np.where(exists[slots], filled[slots, number], -np.inf)
            misses, after = events.misses(before, lifetime_s)
            self.misses[number] += weight * np.bincount(groups, weights=misses, minlength=GROUPS)
            filled[slots, number] = after
        exists[slots] = True
        self.table.shrink()

    def hit_rate(self, number: int) -> HitRate:
        """The hit rate for LIFETIMES_S[number]; the cache begins empty."""
        if not self.table.is_enough:
            return NOT_ESTIMATED
        hits = self.sampled_reads - self.misses[number]
        return estimated_rate(hits, self.sampled_reads, self.reads, exact=self.share >= 1)


class SortedEvents:
    """The requests of some time, sorted by key and then by time, as segments.

    A segment begins with the first request of a key, and after each write and delete; all others in it are reads.
    """

    def __init__(
        self,
        owners: npt.NDArray[np.int64],
        times: npt.NDArray[np.float64],
        operations: npt.NDArray[np.int8],
    ) -> None:
        self.owners, self.operations = owners, operations
        self.begins_s = float(times.min())
        self.times = times - self.begins_s
        self.room_s = float(self.times.max()) + 2.0
        changes = operations != TraceOperation.READ
        first = np.ones(len(owners), dtype=np.bool_)
        first[1:] = owners[1:] != owners[:-1]
        starts = np.flatnonzero(first | changes)
        self.starts = starts
        self.ends = np.append(starts[1:], len(owners))
        self.of_key = owners[starts]
        self.is_change = changes[starts]
        self.is_write = operations[starts] == TraceOperation.WRITE
        segment = np.cumsum(first | changes) - 1
        self.line = segment * self.room_s + self.times
        """All segments one after another on one line of time, so that one search serves all of them."""

    def misses(
        self, filled: npt.NDArray[np.float64], lifetime_s: float
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """How many reads of each key find no entry, and when its entry was filled last; -inf: there is none.

        `filled`: the same of the time before.
        """
        misses = np.zeros(len(filled))
        since = np.where(self.is_change, np.where(self.is_write, self.times[self.starts], -np.inf), 0.0)
        plain = ~self.is_change
        since[plain] = filled[self.of_key[plain]] - self.begins_s
        next_read = self.starts + self.is_change
        active = np.flatnonzero(next_read < self.ends)
        while len(active):
            absent = np.isneginf(since[active])
            ended = np.where(absent, -np.inf, np.where(absent, 0.0, since[active]) + lifetime_s)
            due = active * self.room_s + np.clip(ended, 0.0, self.room_s - 1.0)
            found = np.maximum(np.searchsorted(self.line, due), next_read[active])
            is_miss = found < self.ends[active]
            active, found = active[is_miss], found[is_miss]
            misses += np.bincount(self.of_key[active], minlength=len(filled))
            since[active] = self.times[found]
            next_read[active] = found + 1
        last = np.append(self.of_key[1:] != self.of_key[:-1], True)
        after = filled.copy()
        after[self.of_key[last]] = since[last] + self.begins_s
        return misses, after
