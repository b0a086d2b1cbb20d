"""Misses of the most-read key, by cause: the entry expired, or a write deleted it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.rows import Floats
from stampede.reports.metrics.database_loads import ttl_of
from stampede.reports.statistics.clustered import counted_mean
from stampede.reports.statistics.estimate import Estimate, missing


@dataclass(frozen=True, kw_only=True)
class KeyMisses:
    """The reads of the most-read key that found no entry, in the window of one cell or of several."""

    reads: int
    after_writes: int
    """Misses between which and the last sign of the entry a write of the key ended. The write deleted the entry."""
    after_expiry: int
    """All other misses."""
    expiries: int
    """Expiries with at least one miss: misses less than half a TTL apart belong to one expiry."""
    ttls: float
    """The length of the window, in TTLs."""


def key_misses(cell: Cell) -> KeyMisses | None:
    """The misses of the most-read key in a cell; None if nothing was read."""
    keys = cell.reads.ints("key")[cell.reads.known("key")]
    if not len(keys):
        return None
    values, counts = np.unique(keys, return_counts=True)
    key = int(values[counts.argmax()])
    ttl_s = ttl_of(cell, key)
    of_key = cell.reads.where(cell.reads.ints("key") == key)
    missed = of_key.where(of_key.labels("first_cache_reply").equal("none")).sorted_by("start_s")
    by_write = deleted_by_write(cell, key, missed.floats("start_s"), missed.floats("end_s"))
    expired_s = missed.floats("start_s")[~by_write]
    return KeyMisses(
        reads=len(of_key),
        after_writes=int(np.count_nonzero(by_write)),
        after_expiry=len(expired_s),
        expiries=int(len(expired_s) > 0) + int(np.count_nonzero(np.diff(expired_s) > ttl_s / 2)),
        ttls=cell.window_s / ttl_s,
    )


def deleted_by_write(cell: Cell, key: int, start_s: Floats, end_s: Floats) -> np.typing.NDArray[np.bool_]:
    """For each miss of the key, whether a write of the key ended after the last sign that the entry existed.

    Signs are the start of a read that hit, and the end of a load, which fills the entry. A write deletes the entry
    between its COMMIT and its end.
    """
    rows = cell.rows.where(cell.rows.ints("key") == key)
    writes = rows.where(rows.labels("operation").equal("write"))
    hits = rows.where(rows.labels("outcome").equal("hit") & rows.labels("operation").equal("read"))
    fills = rows.where(rows.known("load_end_s"))
    signs_s = np.sort(np.concatenate([hits.floats("start_s"), fills.floats("load_end_s"), [-np.inf]]))
    last_s = signs_s[np.searchsorted(signs_s, start_s, side="left") - 1]
    began_s, ended_s = writes.floats("start_s"), writes.floats("end_s")
    return np.array(
        [
            bool(np.any((ended_s >= last) & (began_s < end)))
            for last, end in zip(last_s.tolist(), end_s.tolist(), strict=True)
        ],
        dtype=bool,
    )


@per_group
def expiries_with_a_miss(cells: Sequence[Cell]) -> Estimate:
    """Expiries of the most-read key that caused a miss, per TTL of the windows, clustered by round."""
    found = [misses for cell in cells if (misses := key_misses(cell)) is not None]
    if not found:
        return missing("nothing was read", len(cells))
    return counted_mean([float(misses.expiries) for misses in found], [misses.ttls for misses in found])


@per_group
def all_key_misses(cells: Sequence[Cell]) -> KeyMisses | None:
    """The misses of all rounds of a group; None if nothing was read."""
    found = [misses for cell in cells if (misses := key_misses(cell)) is not None]
    if not found:
        return None
    return KeyMisses(
        reads=sum(m.reads for m in found),
        after_writes=sum(m.after_writes for m in found),
        after_expiry=sum(m.after_expiry for m in found),
        expiries=sum(m.expiries for m in found),
        ttls=sum(m.ttls for m in found),
    )
