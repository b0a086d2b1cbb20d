"""How many writes were right soon: of those whose entry a later read has checked, the share found current in time.

After Meta's Polaris, which counts in nines: so many of the writes were consistent within five minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.topics.freshness.classify import Judged
from stampede.reports.topics.freshness.version_history import NEVER
from stampede.reports.topics.freshness.versions import running_maximum


@dataclass(frozen=True, kw_only=True)
class Nines:
    """Writes of one cell or more that a read begun later than `within_ns` after them has checked."""

    within_ns: int
    writes: int
    wrong: int
    """Of them, those that such a read did not find: it returned an older version."""

    @property
    def share(self) -> float:
        """Of the writes that were right in time; without one wrong the bound that so many can carry (the rule of
        three: with 95 % confidence at least 1 − 3/n), never 1. nan without writes.
        """
        if not self.writes:
            return math.nan
        return 1 - self.wrong / self.writes if self.wrong else max(0.0, 1 - 3 / self.writes)


def nines(judged: Judged, within_ns: int) -> Nines:
    """One cell's writes, warm-up's left out. Reads at rest check too."""
    book, r, w = judged.register, judged.reads, judged.history.writes
    key = book.key_of(r.key)
    mine = w.measured & (w.told < NEVER)
    row = book.next_version(book.key_of(w.key[mine]), w.version[mine]) - 1
    row = np.unique(row)
    deadline = book.told[row] + within_ns
    latest = np.full(len(book.keys), -1, dtype=np.int64)
    np.maximum.at(latest, key, r.start)
    following = book.next_version(key, r.version)
    misses = following < book.first[key + 1]
    missed = np.full(len(book.key), -1, dtype=np.int64)
    np.maximum.at(missed, following[misses], r.start[misses])
    missed = running_maximum(missed, book.key)
    checked = latest[book.key[row]] > deadline
    return Nines(within_ns=within_ns, writes=int(checked.sum()), wrong=int((checked & (missed[row] > deadline)).sum()))


def added(parts: Sequence[Nines]) -> Nines:
    """The same question over several cells."""
    return Nines(within_ns=parts[0].within_ns, writes=sum(p.writes for p in parts), wrong=sum(p.wrong for p in parts))
