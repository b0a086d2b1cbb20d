"""The history of one cell's records: who wrote which version when, and who read which version when.

Times are integers: nanoseconds since the cell's earliest instant. NEVER stands where there is none.
"""

from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.rows import NONE, Bools, Ints, Rows

NEVER = np.iinfo(np.int64).max // 4
"""An instant that never comes; far enough from the end of the integers that sums with it stay in them."""
AT_REST = "rest"
"""The operation of a read that was made after the last request had ended."""


@dataclass(frozen=True, kw_only=True)
class Writes:
    """COMMITs that were sent, warm-up's too. A version is claimed by more than one where a COMMIT failed."""

    key: Ints
    version: Ints
    """Numbered inside the row lock: their order is the order of the commits."""
    begin: Ints
    """b: the COMMIT's round trip began, as the gateway saw it."""
    end: Ints
    """e: its answer was there; NEVER where it failed or timed out: an interval without an end."""
    told: Ints
    """a: the call returned to its caller; NEVER where it raised."""
    session: Ints
    """Who wrote: a number per (process, client)."""
    measured: Bools
    """Whether it was due in the window: not warm-up."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, kw_only=True)
class Reads:
    """Reads that returned a version."""

    key: Ints
    version: Ints
    start: Ints
    """s: the call began."""
    end: Ints
    """f: it returned."""
    session: Ints
    measured: Bools
    """Whether it counts: due in the window, not warm-up, not at rest."""
    at_rest: Bools
    """Made for the judgement, after the cell's last request had ended."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, kw_only=True)
class History:
    writes: Writes
    reads: Reads


def history(rows: Rows, uncertainty_ns: int = 0) -> History:
    """The history of one cell, out of its samples (columns as the run folder's schema names them).

    `doubt_ns`: how wrong an instant can be. Every interval is made as much longer at both ends: what is certain then
    was so whatever the clocks read.
    """
    times = [rows.ints(name)[rows.known(name)] for name in ("start_ns", "end_ns", "commit_start_ns", "commit_end_ns")]
    origin = min((int(instants.min()) for instants in times if len(instants)), default=0)
    session = rows.ints("process") * 2**32 + rows.ints("client")
    operation = rows.labels("operation")
    resting = operation.equal(AT_REST)
    measured = ~rows.flags("warm_up")
    start, end = rows.ints("start_ns"), rows.ints("end_ns")
    wrote = operation.equal("write") & rows.known("version_written") & rows.known("commit_start_ns")
    read = operation.equal("read", AT_REST) & rows.known("version_read") & (end != NONE)
    told = np.where(rows.known("error"), NONE, end)
    others_end = end[~resting & (end != NONE)]
    if len(others_end):
        resting = resting & (start != NONE) & (start + 2 * uncertainty_ns >= others_end.max())

    def at(values: Ints, which: Bools, moved_ns: int) -> Ints:
        """Instants since the origin."""
        kept = values[which]
        return np.where(kept == NONE, NEVER, kept - origin + moved_ns)

    return History(
        writes=Writes(
            key=rows.ints("key")[wrote],
            version=rows.ints("version_written")[wrote],
            begin=at(rows.ints("commit_start_ns"), wrote, -uncertainty_ns),
            end=at(rows.ints("commit_end_ns"), wrote, uncertainty_ns),
            told=at(told, wrote, uncertainty_ns),
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
            at_rest=resting[read],
        ),
    )
