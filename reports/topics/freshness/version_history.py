"""History of one cell's records: every write and every read, with its version, client and times.

Times are integers: nanoseconds since the cell's earliest instant. NEVER stands for a missing instant.
"""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import NONE, Bools, Ints, Rows

NEVER = np.iinfo(np.int64).max // 4
"""An instant that never comes; small enough that sums with it do not overflow."""
AFTER_DRAIN = "rest"
"""Operation of a read that was made after the cell's last request had ended (after the drain)."""


@dataclass(frozen=True, kw_only=True)
class Writes:
    """COMMITs that were sent, including those of the warm-up. If a COMMIT failed, two writes can have one version."""

    key: Ints
    version: Ints
    """Numbered inside the row lock: the order of versions is the order of commits."""
    begin: Ints
    """b: begin of the COMMIT's round trip, as the gateway saw it."""
    end: Ints
    """e: end of the COMMIT's round trip; NEVER if it failed or timed out."""
    acknowledged: Ints
    """a: the call returned to its caller; NEVER if it raised."""
    session: Ints
    """Number of the (process, client) that wrote."""
    measured: Bools
    """Whether the write was due in the window, not in the warm-up."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, kw_only=True)
class Reads:
    """Reads that returned a version."""

    key: Ints
    version: Ints
    start: Ints
    """s: begin of the call."""
    end: Ints
    """f: end of the call."""
    session: Ints
    """Number of the (process, client) that read."""
    measured: Bools
    """Whether the read counts: due in the window, not in the warm-up, not after the drain."""
    after_drain: Bools
    """Made after the drain to check what the cache returns then."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, kw_only=True)
class History:
    """Writes and reads of one cell."""

    writes: Writes
    reads: Reads


def history(rows: Rows, uncertainty_ns: int = 0) -> History:
    """The history of one cell from its samples (columns as in the run folder's schema).

    `uncertainty_ns`: largest error of an instant. Every interval becomes longer by it at both ends, so the certain
    verdicts hold for any clock error up to it.
    """
    times = [rows.ints(name)[rows.known(name)] for name in ("start_ns", "end_ns", "commit_start_ns", "commit_end_ns")]
    origin = min((int(instants.min()) for instants in times if len(instants)), default=0)
    session = rows.ints("process") * 2**32 + rows.ints("client")
    operation = rows.labels("operation")
    drained = operation.equal(AFTER_DRAIN)
    measured = ~rows.flags("warm_up")
    start, end = rows.ints("start_ns"), rows.ints("end_ns")
    wrote = operation.equal("write") & rows.known("version_written") & rows.known("commit_start_ns")
    read = operation.equal("read", AFTER_DRAIN) & rows.known("version_read") & (end != NONE)
    acknowledged = np.where(rows.known("error"), NONE, end)
    others_end = end[~drained & (end != NONE)]
    if len(others_end):
        drained = drained & (start != NONE) & (start + 2 * uncertainty_ns >= others_end.max())

    def at(values: Ints, which: Bools, moved_ns: int) -> Ints:
        """Instants since the origin, moved by some nanoseconds."""
        kept = values[which]
        return np.where(kept == NONE, NEVER, kept - origin + moved_ns)

    return History(
        writes=Writes(
            key=rows.ints("key")[wrote],
            version=rows.ints("version_written")[wrote],
            begin=at(rows.ints("commit_start_ns"), wrote, -uncertainty_ns),
            end=at(rows.ints("commit_end_ns"), wrote, uncertainty_ns),
            acknowledged=at(acknowledged, wrote, uncertainty_ns),
            session=session[wrote],
            measured=measured[wrote],
        ),
        reads=Reads(
            key=rows.ints("key")[read],
            version=rows.ints("version_read")[read],
            start=at(start, read, -uncertainty_ns),
            end=at(end, read, uncertainty_ns),
            session=session[read],
            measured=(operation.equal("read") & measured)[read],
            after_drain=drained[read],
        ),
    )
