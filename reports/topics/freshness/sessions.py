"""Session guarantees: reads that break read-your-writes or monotonic reads."""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import Bools, Ints
from stampede.reports.topics.freshness.version_history import NEVER, History
from stampede.reports.topics.freshness.versions import running_maximum


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Counts of one cell."""

    reads: int
    """Measured reads."""
    own_writes_missed: int
    """Reads that returned an older version than an acknowledged write of the same client."""
    gone_back: int
    """Reads that returned an older version than an earlier read of the same client."""


def sessions(history: History) -> Sessions:
    """Session violations of one cell.

    A client makes one request at a time, so the starts of its requests give their order.
    """
    w, r = history.writes, history.reads
    acked = w.acknowledged < NEVER
    online = ~r.after_drain
    writes, reads = int(acked.sum()), int(online.sum())
    session = np.concatenate([w.session[acked], r.session[online]])
    key = np.concatenate([w.key[acked], r.key[online]])
    order = np.lexsort([np.concatenate([w.acknowledged[acked], r.start[online]]), key, session])
    lane = np.cumsum(changes(session[order]) | changes(key[order]), dtype=np.int64)
    read = np.concatenate([np.full(writes, -1), r.version[online]])[order]
    written = np.concatenate([w.version[acked], np.full(reads, -1)])[order]
    counts = np.concatenate([np.zeros(writes, dtype=bool), r.measured[online]])[order]
    return Sessions(
        reads=int(counts.sum()),
        own_writes_missed=int((counts & (read < running_maximum(written, lane))).sum()),
        gone_back=int((counts & (read < running_maximum(read, lane))).sum()),
    )


def changes(values: Ints) -> Bools:
    """Whether each value differs from the one before; the first one does not."""
    return np.concatenate([np.zeros(min(1, len(values)), dtype=bool), values[1:] != values[:-1]])
