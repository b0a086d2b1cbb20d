"""Which records have an entry at an instant of a trace, by the requests before it and a contender's own law."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stampede.core.models.closed_forms import Floats
from stampede.scenarios.traffic.key_distributions import Ids

TTLS_LOOKED_BACK = 10
"""The number of TTLs whose requests determine the entries; earlier requests have no effect."""


@dataclass(frozen=True, kw_only=True)
class RequestHistory:
    """The requests before an instant that concern the records of a cell."""

    time_s: Floats
    """Seconds before or after any origin, ascending."""
    key: Ids
    """The position of each request's record."""
    writes: npt.NDArray[np.bool_]
    records: int
    """The number of positions."""
    begins_s: float
    """From when on all requests are known."""
    ends_s: float
    """The instant."""

    def recent(self, ttl_s: float) -> "RequestHistory":
        """The requests of the last TTLs only."""
        begins_s = max(self.begins_s, self.ends_s - TTLS_LOOKED_BACK * ttl_s)
        inside = (self.time_s >= begins_s) & (self.time_s < self.ends_s)
        return RequestHistory(
            time_s=self.time_s[inside],
            key=self.key[inside],
            writes=self.writes[inside],
            records=self.records,
            begins_s=begins_s,
            ends_s=self.ends_s,
        )


def left_shares(
    history: RequestHistory, *, ttl_s: float, on_write: str, refresh_below_share: float, rng: np.random.Generator
) -> Floats:
    """The share of its TTL that each record's entry has left at the end of the history, 0 to 1; 0: it has no entry.

    A read without an entry fills it, and so does a read of an entry with less than `refresh_below_share` of its TTL
    left. A write deletes the entry, fills it, or keeps it. The entries at the beginning of the history are drawn, from
    the rate at which it reads each record; a record that it never concerns has none.
    """
    history = history.recent(ttl_s)
    step_s = max(ttl_s * (1 - refresh_below_share), 1e-3)
    filled_s = drawn_fills_s(history, ttl_s, step_s, rng)
    earliest_s = np.full(history.records, -np.inf)
    if on_write != "keeps":
        np.maximum.at(earliest_s, history.key[history.writes], history.time_s[history.writes])
        written = np.isfinite(earliest_s)
        filled_s[written] = earliest_s[written] if on_write == "fills" else np.nan
    filled_s = last_fills_s(history, filled_s, earliest_s, step_s)
    left_s = filled_s + ttl_s - history.ends_s
    return np.asarray(np.clip(np.where(np.isnan(left_s), 0.0, left_s) / ttl_s, 0.0, 1.0), dtype=np.float64)


def drawn_fills_s(history: RequestHistory, ttl_s: float, step_s: float, rng: np.random.Generator) -> Floats:
    """When each record's entry was filled that exists at the beginning of the history; NaN: it has none."""
    present, age = rng.random(history.records), rng.random(history.records)
    reads = np.bincount(history.key[~history.writes], minlength=history.records)
    span_s = max(history.ends_s - history.begins_s, 1e-9)
    of_ttl = reads / span_s * ttl_s
    return np.asarray(np.where(present < of_ttl / (1 + of_ttl), history.begins_s - age * step_s, np.nan))


def last_fills_s(history: RequestHistory, filled_s: Floats, earliest_s: Floats, step_s: float) -> Floats:
    """When each record's entry was last filled by a read; NaN: never. A read fills if the last fill is `step_s` ago.

    `filled_s`: fills before the reads; NaN: none. Reads up to `earliest_s` are ignored.
    """
    reads = ~history.writes
    order = np.argsort(history.key[reads], kind="stable")
    keys, times_s = history.key[reads][order], history.time_s[reads][order]
    ends = np.cumsum(np.bincount(keys, minlength=history.records))
    width_s = 2 * (history.ends_s - history.begins_s + step_s) + 1.0
    sorted_by = keys * width_s + (times_s - history.begins_s)
    filled_s = filled_s.copy()
    active = np.arange(history.records)
    while len(active):
        due_s = np.where(np.isnan(filled_s[active]), earliest_s[active], filled_s[active] + step_s)
        after_s = np.maximum(due_s - history.begins_s, 0.0)
        found = np.searchsorted(sorted_by, active * width_s + after_s, side="left")
        active, found = active[found < ends[active]], found[found < ends[active]]
        filled_s[active] = times_s[found]
    return filled_s
