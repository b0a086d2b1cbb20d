"""What one client sees: its own writes, and versions that never go back."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stampede.reports.topics.freshness.version_history import NEVER, History


@dataclass(frozen=True, kw_only=True)
class Sessions:
    reads: int
    """Measured reads."""
    own_writes_missed: int
    """Reads that returned an older version than one that the same client had written, and been told so."""
    gone_back: int
    """Reads that returned an older version than an earlier read of the same client."""


def sessions(history: History) -> Sessions:
    """Session violations of one cell. Clients work on one request at a time, so their own order is that of starts."""
    w, r = history.writes, history.reads
    told = w.told < NEVER
    mine = ~r.at_rest
    frame = pd.DataFrame(
        {
            "session": np.concatenate([w.session[told], r.session[mine]]),
            "key": np.concatenate([w.key[told], r.key[mine]]),
            "at": np.concatenate([w.told[told], r.start[mine]]),
            "read": np.concatenate([np.full(int(told.sum()), -1), r.version[mine]]),
            "written": np.concatenate([w.version[told], np.full(int(mine.sum()), -1)]),
            "counts": np.concatenate([np.zeros(int(told.sum()), dtype=bool), r.measured[mine]]),
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
