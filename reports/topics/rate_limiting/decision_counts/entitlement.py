"""Entitlement: the calls that users were entitled to, and the share that was admitted.

Entitled(t) is the number of the made calls that the exact sliding log (stampede.core.models.greedy_log) would have
admitted by t. A token bucket admits more at once and less later, so it is compared with the greedy bucket.
"""

from dataclasses import dataclass

import numpy as np

from stampede.core.models.greedy_log import greedy_log
from stampede.reports.analysis.rows import Bools, Floats
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls


def greedy_bucket(instants_s: Floats, capacity: float, refill_per_s: float) -> Bools:
    """Whether an exact, initially full token bucket admits each of the calls (ascending instants)."""
    found = np.zeros(len(instants_s), dtype=bool)
    tokens, last = capacity, float(instants_s[0]) if len(instants_s) else 0.0
    for i, instant in enumerate(instants_s):
        tokens = min(capacity, tokens + refill_per_s * (float(instant) - last))
        last = float(instant)
        if tokens >= 1 - 1e-9:
            tokens -= 1
            found[i] = True
    return found


@dataclass(frozen=True, kw_only=True)
class Share:
    """Admitted over entitled calls of one subject."""

    admitted: int
    entitled: int
    lowest: float
    """The lowest ratio after the first window; nan if there were no calls after it."""

    @property
    def at_end(self) -> float:
        """The ratio at the end."""
        return self.admitted / self.entitled if self.entitled else np.nan


def share(calls: Calls, limit: int, window_s: float) -> Share:
    """Admitted over entitled calls of a subject."""
    instants = calls.instant_s
    entitled = np.cumsum(greedy_log(instants, limit, window_s))
    admitted = np.cumsum(calls.allowed)
    if not len(instants):
        return Share(admitted=0, entitled=0, lowest=np.nan)
    late = instants >= instants[0] + window_s
    lowest = float((admitted[late] / entitled[late]).min()) if late.any() else np.nan
    return Share(admitted=int(admitted[-1]), entitled=int(entitled[-1]), lowest=lowest)


def jain(values: Floats) -> float:
    """Jain's fairness index: 1 if all values are equal, 1/n if one has everything."""
    known = values[~np.isnan(values)]
    squares = float((known**2).sum())
    return float(known.sum()) ** 2 / (len(known) * squares) if squares else np.nan
