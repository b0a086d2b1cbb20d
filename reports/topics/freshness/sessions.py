"""Session guarantees: reads that break read-your-writes or monotonic reads."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stampede.reports.topics.freshness.version_history import NEVER, History


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
    frame = pd.DataFrame(
        {
            "session": np.concatenate([w.session[acked], r.session[online]]),
            "key": np.concatenate([w.key[acked], r.key[online]]),
            "at": np.concatenate([w.acknowledged[acked], r.start[online]]),
            "read": np.concatenate([np.full(int(acked.sum()), -1), r.version[online]]),
            "written": np.concatenate([w.version[acked], np.full(int(online.sum()), -1)]),
            "counts": np.concatenate([np.zeros(int(acked.sum()), dtype=bool), r.measured[online]]),
        }
    )
    frame = frame.sort_values(["session", "key", "at"], kind="stable")
    lanes = frame.groupby(["session", "key"], sort=False)
    written = lanes["written"].cummax()
    seen = lanes["read"].cummax()
    counts = frame["counts"]
    return Sessions(
        reads=int(counts.sum()),
        own_writes_missed=int((counts & (frame["read"] < written)).sum()),
        gone_back=int((counts & (frame["read"] < seen)).sum()),
    )
