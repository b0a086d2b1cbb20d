"""Each read judged: fresh, possibly stale, certainly stale (and by which cause), or from the future.

Version order is commit order. A read [s, f] that returned v is stale where v + 1 was known before s, possibly stale
where the COMMIT of v + 1 began before f, from the future where the COMMIT of v itself began after f.
"""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import Bools, Ints
from stampede.reports.topics.freshness.version_history import History, Reads
from stampede.reports.topics.freshness.versions import Register, register


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict a read, in the order of the history's reads."""

    reads: Reads
    register: Register
    history: History
    written: Bools
    """The key was written at least once in the cell, warm-up included."""
    stale: Bools
    """A newer version was known before the read began."""
    after_told: Bools
    """Of them: the caller of a newer version had been told by then. The others are stale before told."""
    possible: Bools
    """The read may have been stale: what `stale` says, and what the samples cannot exclude."""
    future: Bools
    """It returned what nobody had begun to commit: the books are wrong."""
    age: Ints
    """At least how old what it returned was, in nanoseconds since the next version was known; 0 where fresh."""
    behind: Ints
    """How many newer versions were known when it began."""


def classify_reads(history: History) -> Judged:
    """Judge every read of a cell, those of the warm-up and at rest included. O(n log n)."""
    r, w = history.reads, history.writes
    book = register(history)
    key = book.key_of(r.key)
    following = book.next_version(key, r.version)
    known, told, begun = (book.at(x, key, following) for x in (book.known, book.told, book.begun))
    stale = known < r.start
    newest = book.rows_before(book.known, key, r.start)
    return Judged(
        reads=r,
        register=book,
        history=history,
        written=np.isin(r.key, w.key),
        stale=stale,
        after_told=told < r.start,
        possible=stale | (begun < r.end),
        future=from_the_future(history),
        age=np.where(stale, r.start - known, 0),
        behind=np.where(stale, newest - following, 0),
    )


def from_the_future(history: History) -> Bools:
    """Reads that ended before any COMMIT that claims their version began. A version nobody claims was there before."""
    r, w = history.reads, history.writes
    if not len(w) or not len(r):
        return np.zeros(len(r), dtype=bool)
    pairs = np.column_stack([np.concatenate([w.key, r.key]), np.concatenate([w.version, r.version])])
    _, number = np.unique(pairs, axis=0, return_inverse=True)
    number = number.reshape(-1)
    earliest = np.full(int(number.max()) + 1, -1, dtype=np.int64)
    claimed, of_read = number[: len(w)], number[len(w) :]
    earliest[claimed] = np.iinfo(np.int64).max
    np.minimum.at(earliest, claimed, w.begin)
    return np.asarray(earliest[of_read] > r.end, dtype=bool)
