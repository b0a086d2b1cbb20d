"""Staleness curve: share of fresh reads against the time since a write was acknowledged.

Probabilistically bounded staleness (Bailis et al., VLDB 2012): the share of reads that return version v or newer, among
the reads that begin t after v was acknowledged. Unlike the share of stale reads, it does not depend on the mix of reads
and writes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stampede.reports.analysis.rows import Ints
from stampede.reports.topics.freshness.classify import ClassifiedReads

PER_DECADE = 8
"""Classes of time per factor of ten."""
MIN_PAIRS = 20
"""A class with fewer pairs is not drawn and decides nothing."""
FIRST_NS = 100_000
"""Upper bound of the first class, in nanoseconds after the acknowledgement: the samples resolve nothing finer."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Pairs of a write and a later read of its key, by the time between them. Curves of cells can be added."""

    edges_ns: Ints
    """Bounds of the classes in nanoseconds; the first begins at 0."""
    pairs: Ints
    fresh: Ints

    @property
    def share(self) -> npt.NDArray[np.float64]:
        """Share of fresh pairs in each class; nan for a class without pairs."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.fresh / self.pairs, dtype=np.float64)

    def fresh_after_ms(self, level: float) -> float:
        """Milliseconds after which at least this share is fresh: the end of the last class below it.

        Infinity if no later class has enough pairs to decide (with n pairs the largest share below 1 is 1 − 1/n);
        nan if no class has enough.
        """
        enough = self.pairs * (1 - level) >= 1 - 1e-9
        if not enough.any():
            return math.nan
        short = np.flatnonzero((self.pairs >= MIN_PAIRS) & (self.fresh < level * self.pairs - 1e-9))
        if not len(short):
            return 0.0
        return float(self.edges_ns[short[-1] + 1]) / 1e6 if enough[short[-1] + 1 :].any() else math.inf


def classes(longest_ns: int) -> Ints:
    """Bounds of the classes in nanoseconds, equally spaced on a log axis, up to the longest time."""
    steps = max(1, math.ceil(PER_DECADE * math.log10(max(longest_ns, FIRST_NS * 2) / FIRST_NS)))
    bounds = FIRST_NS * 10 ** (np.arange(steps + 1) / PER_DECADE)
    return np.concatenate([[0], np.round(bounds)]).astype(np.int64)


def curve(judged: ClassifiedReads, edges_ns: Ints) -> Curve:
    """The curve of one cell: every pair of an acknowledged version and a measured read that began later.

    A version counts as acknowledged when it, or a newer version, was first acknowledged. Within a key these instants
    never decrease, so the pairs of a class are a range of rows: O(n log n) per class for any number of pairs.
    """
    versions, r = judged.versions, judged.reads
    key = versions.key_of(r.key[r.measured])
    start = r.start[r.measured]
    missing_from = versions.next_version(key, r.version[r.measured])
    writes_before = np.concatenate([[0], np.cumsum(versions.was_acknowledged)])
    pairs, fresh = [], []
    lookup = versions.lookup(versions.acknowledged)
    upper = lookup.rows_before(key, start)
    for edge in edges_ns[1:]:
        lower = lookup.rows_before(key, start - edge)
        missed_from = np.clip(missing_from, lower, upper)
        pairs.append(int((writes_before[upper] - writes_before[lower]).sum()))
        fresh.append(int((writes_before[missed_from] - writes_before[lower]).sum()))
        upper = lower
    return Curve(edges_ns=edges_ns, pairs=np.array(pairs, dtype=np.int64), fresh=np.array(fresh, dtype=np.int64))


def sum_curves(curves: Sequence[Curve]) -> Curve:
    """Sum of curves over the same classes."""
    return Curve(
        edges_ns=curves[0].edges_ns,
        pairs=np.sum([c.pairs for c in curves], axis=0),
        fresh=np.sum([c.fresh for c in curves], axis=0),
    )
