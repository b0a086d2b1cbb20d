"""How long after a write the old value can still be read: share of fresh reads against the time since told.

Probabilistically bounded staleness (Bailis et al., VLDB 2012): of the reads that begin t after the caller of version v
was told, the share that returns v or newer. Unlike the share of stale reads it does not move with the mix of reads and
writes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stampede.reports.analysis.rows import Ints
from stampede.reports.topics.freshness.classify import Judged

PER_DECADE = 8
FEWEST = 20
"""Pairs below which a class is neither drawn nor held against anyone."""
FIRST_NS = 100_000
"""What happens sooner after the caller was told is one class: the samples hold nothing finer."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Pairs of a write and a later read of its key, by the time between them. Cells add up."""

    edges_ns: Ints
    """Bounds of the classes; the first begins at 0."""
    pairs: Ints
    fresh: Ints

    @property
    def share(self) -> npt.NDArray[np.float64]:
        """Of each class; nan where it has no pair."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.fresh / self.pairs, dtype=np.float64)

    def reaches(self, level: float) -> float:
        """Milliseconds after which at least this share is fresh: the end of the last class that falls short.

        Infinite where no later class has the pairs to tell (with n of them the largest share short of 1 is 1 − 1/n);
        nan where no class has them at all.
        """
        tells = self.pairs * (1 - level) >= 1 - 1e-9
        if not tells.any():
            return math.nan
        short = np.flatnonzero((self.pairs >= FEWEST) & (self.fresh < level * self.pairs - 1e-9))
        if not len(short):
            return 0.0
        return float(self.edges_ns[short[-1] + 1]) / 1e6 if tells[short[-1] + 1 :].any() else math.inf


def classes(longest_ns: int) -> Ints:
    """Bounds, even on a log axis, up to the longest time."""
    steps = max(1, math.ceil(PER_DECADE * math.log10(max(longest_ns, FIRST_NS * 2) / FIRST_NS)))
    bounds = FIRST_NS * 10 ** (np.arange(steps + 1) / PER_DECADE)
    return np.concatenate([[0], np.round(bounds)]).astype(np.int64)


def curve(judged: Judged, edges_ns: Ints) -> Curve:
    """The curve of one cell: every pair of a version that its caller was told of and a measured read that began later.

    A version counts as told with the first caller that was told of it or of a newer one. Within a key those instants
    never go back, so that the pairs of a class are a range of rows: O(n log n) a class, however many pairs there are.
    """
    book, r = judged.register, judged.reads
    key = book.key_of(r.key[r.measured])
    start = r.start[r.measured]
    missing_from = book.next_version(key, r.version[r.measured])
    writes_before = np.concatenate([[0], np.cumsum(book.was_told)])
    pairs, fresh = [], []
    lookup = book.lookup(book.told)
    upper = lookup.rows_before(key, start)
    for edge in edges_ns[1:]:
        lower = lookup.rows_before(key, start - edge)
        missed_from = np.clip(missing_from, lower, upper)
        pairs.append(int((writes_before[upper] - writes_before[lower]).sum()))
        fresh.append(int((writes_before[missed_from] - writes_before[lower]).sum()))
        upper = lower
    return Curve(edges_ns=edges_ns, pairs=np.array(pairs, dtype=np.int64), fresh=np.array(fresh, dtype=np.int64))


def together(curves: Sequence[Curve]) -> Curve:
    """Curves over the same classes as one."""
    return Curve(
        edges_ns=curves[0].edges_ns,
        pairs=np.sum([c.pairs for c in curves], axis=0),
        fresh=np.sum([c.fresh for c in curves], axis=0),
    )
