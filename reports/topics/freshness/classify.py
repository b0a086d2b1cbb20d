"""Classification of reads: fresh, possibly stale, certainly stale (before or after acknowledgement), from the future.

Version order is commit order. A read [s, f] that returned v is stale if v + 1 was known before s, possibly stale if the
COMMIT of v + 1 began before f, and from the future if the COMMIT of v itself began after f.
"""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import Bools, Ints
from stampede.reports.topics.freshness.version_history import History, Reads
from stampede.reports.topics.freshness.versions import KnownVersions, known_versions


@dataclass(frozen=True, kw_only=True)
class ClassifiedReads:
    """One verdict per read, in the order of the history's reads."""

    reads: Reads
    versions: KnownVersions
    history: History
    written: Bools
    """The key was written at least once in the cell, warm-up included."""
    stale: Bools
    """A newer version was known before the read began."""
    after_acknowledgement: Bools
    """The subset of `stale` for which a newer version had been acknowledged when the read began. The rest is stale
    before acknowledgement."""
    possible: Bools
    """The read may have been stale: `stale`, and the reads for which the samples cannot exclude it."""
    future: Bools
    """The read returned a version whose COMMIT had not begun: the recorded timestamps are inconsistent."""
    age: Ints
    """Lower bound of the age of the returned value: nanoseconds since the next version was known; 0 if fresh."""
    behind: Ints
    """Number of newer versions that were known when the read began; 0 if fresh."""


def classify_reads(history: History) -> ClassifiedReads:
    """Classify every read of a cell, including those of the warm-up and those after the drain. O(n log n)."""
    r, w = history.reads, history.writes
    versions = known_versions(history)
    key = versions.key_of(r.key)
    following = versions.next_version(key, r.version)
    known, acknowledged, begun = (
        versions.at(x, key, following) for x in (versions.known, versions.acknowledged, versions.begun)
    )
    stale = known < r.start
    newest = versions.rows_before(versions.known, key, r.start)
    return ClassifiedReads(
        reads=r,
        versions=versions,
        history=history,
        written=np.isin(r.key, w.key),
        stale=stale,
        after_acknowledgement=acknowledged < r.start,
        possible=stale | (begun < r.end),
        future=from_the_future(history),
        age=np.where(stale, r.start - known, 0),
        behind=np.where(stale, newest - following, 0),
    )


def from_the_future(history: History) -> Bools:
    """Whether each read ended before any COMMIT of its version began.

    A version without a recorded COMMIT existed before the cell.
    """
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
