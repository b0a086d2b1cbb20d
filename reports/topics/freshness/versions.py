"""Known versions of each record, and since when: vectorised lookup for many reads, O(n log n).

One row per (key, version) that was written or read, sorted. Within a key the instants never decrease from one version
to the next, because each is the earliest instant of that version and all newer ones.
"""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import Bools, Ints
from stampede.reports.topics.freshness.version_history import NEVER, History


@dataclass(frozen=True, kw_only=True)
class KnownVersions:
    """Versions of a cell's records and the instants since when they were committing, known and acknowledged."""

    keys: Ints
    """The distinct keys, ascending; all other columns use the index of a key in this array."""
    key: Ints
    version: Ints
    begun: Ints
    """Begin of the earliest COMMIT of this or a newer version: it cannot have been visible before."""
    known: Ints
    """Earliest end of a COMMIT of this or a newer version, or of a read that returned one."""
    acknowledged: Ints
    """Earliest acknowledgement of this or a newer version."""
    was_acknowledged: Bools
    """Whether this version itself was acknowledged: false for versions from before the cell and for failed writes."""
    first: Ints
    """Index of each key's first row; one more entry for the end."""

    def key_of(self, key: Ints) -> Ints:
        """Indices of the keys; each key must be among `keys`."""
        return np.searchsorted(self.keys, key).astype(np.int64)

    def next_version(self, key: Ints, version: Ints) -> Ints:
        """Rows of the next newer version; if there is none, the row after the key's last."""
        codes = PairCodes(np.unique(np.concatenate([self.version, version])))
        rows = np.searchsorted(codes.of(self.key, self.version), codes.of(key, version), side="right")
        return rows.astype(np.int64)

    def at(self, instants: Ints, key: Ints, row: Ints) -> Ints:
        """instants[row] if the row belongs to the key, else NEVER."""
        padded = np.append(instants, NEVER)
        return np.where(row < self.first[key + 1], padded[row], NEVER)

    def rows_before(self, instants: Ints, key: Ints, moment: Ints) -> Ints:
        """The first row of the key whose instant (known or acknowledged) is not before the moment."""
        return self.lookup(instants).rows_before(key, moment)

    def lookup(self, instants: Ints) -> "Lookup":
        """For many questions about the same instants (known or acknowledged), of which each key's are ascending."""
        return Lookup(self.key, instants)


class Lookup:
    """Finds rows by key and instant. The rows are in the order of their keys, and of their instants within a key."""

    def __init__(self, key: Ints, instants: Ints) -> None:
        self.codes = PairCodes(np.unique(instants))
        self.rows = self.codes.of(key, instants)

    def rows_before(self, key: Ints, moment: Ints) -> Ints:
        """The first row of each key whose instant is not before the moment."""
        return np.searchsorted(self.rows, self.codes.of(key, moment), side="left").astype(np.int64)


@dataclass(frozen=True)
class PairCodes:
    """Encodes (key, value) as one integer with the sort order of the pair.

    It holds ranks and not the values themselves: nanoseconds times keys can exceed 64 bits.
    """

    values: Ints
    """Distinct and ascending. A value that is not among them gets the code of the next larger one."""

    def of(self, key: Ints, value: Ints) -> Ints:
        """Codes of the pairs."""
        place = np.searchsorted(self.values, value).astype(np.int64)
        return np.asarray(key * (len(self.values) + 1) + place, dtype=np.int64)


def known_versions(history: History) -> KnownVersions:
    """Known versions from a cell's history."""
    w, r = history.writes, history.reads
    key = np.concatenate([w.key, r.key])
    version = np.concatenate([w.version, r.version])
    begun = np.concatenate([w.begin, np.full(len(r), NEVER)])
    known = np.concatenate([w.end, r.end])
    acknowledged = np.concatenate([w.acknowledged, np.full(len(r), NEVER)])
    keys, place = np.unique(key, return_inverse=True)
    order = np.lexsort((version, place))
    place, version = place[order].astype(np.int64), version[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (place[1:] != place[:-1]) | (version[1:] != version[:-1])
    starts = np.flatnonzero(new)
    place, version = place[starts], version[starts]

    def earliest(instants: Ints) -> Ints:
        """Earliest instant of the version itself and all newer ones of its key."""
        own = np.minimum.reduceat(instants[order], starts) if len(starts) else instants[:0]
        return running_minimum(own, place)

    return KnownVersions(
        keys=keys.astype(np.int64),
        key=place,
        version=version,
        begun=earliest(begun),
        known=earliest(known),
        acknowledged=earliest(acknowledged),
        was_acknowledged=(
            np.minimum.reduceat(acknowledged[order], starts) < NEVER if len(starts) else np.zeros(0, dtype=bool)
        ),
        first=np.searchsorted(place, np.arange(len(keys) + 1)).astype(np.int64),
    )


def running_minimum(values: Ints, key: Ints) -> Ints:
    """Running minimum from each key's newest version to its oldest.

    Values are replaced by their ranks, and the key is put in front of the rank. One running minimum then serves all
    keys, because a key's numbers are all smaller than those of the next key.
    """
    if not len(values):
        return values
    distinct, rank = np.unique(values, return_inverse=True)
    packed = key * len(distinct) + rank
    running = np.minimum.accumulate(packed[::-1])[::-1]
    return np.asarray(distinct[running - key * len(distinct)], dtype=np.int64)


def running_maximum(values: Ints, key: Ints) -> Ints:
    """Running maximum from each key's first row to its last. Rows are grouped by key, and keys ascend."""
    if not len(values):
        return values
    distinct, rank = np.unique(values, return_inverse=True)
    packed = np.maximum.accumulate(key * len(distinct) + rank)
    return np.asarray(distinct[packed - key * len(distinct)], dtype=np.int64)
