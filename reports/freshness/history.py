"""The history of one cell's records: who wrote which version when, and who read which version when.

Times are integers: nanoseconds since the cell's earliest instant. NEVER stands where there is none.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

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


def history(rows: pd.DataFrame, doubt_ns: int = 0) -> History:
    """The history of one cell, out of its samples (columns as the run folder's schema names them).

    `doubt_ns`: how wrong an instant can be. Every interval is made as much longer at both ends: what is certain then
    was so whatever the clocks read.
    """
    times = ["start_ns", "end_ns", "commit_start_ns", "commit_end_ns"]
    origin = min((int(rows[name].min()) for name in times if rows[name].notna().any()), default=0)
    session = rows["process"].astype("int64") * 2**32 + rows["client"].astype("int64")
    operation = rows["operation"].astype(str)
    warm_up = rows["warm_up"].to_numpy(dtype=bool)
    wrote = (operation.eq("write") & rows["version_written"].notna() & rows["commit_start_ns"].notna()).to_numpy()
    read = (operation.isin(["read", AT_REST]) & rows["version_read"].notna() & rows["end_ns"].notna()).to_numpy()
    told = rows["end_ns"].where(rows["error"].isna())
    others_end = rows.loc[operation.ne(AT_REST), "end_ns"].max()
    resting = operation.eq(AT_REST).to_numpy()
    if pd.notna(others_end):
        resting = resting & (rows["start_ns"] + 2 * doubt_ns >= others_end).fillna(False).to_numpy(dtype=bool)

    def at(values: pd.Series, which: Bools, moved_ns: int) -> Ints:
        """Instants since the origin."""
        return (values[which] - origin + moved_ns).to_numpy(dtype=np.int64, na_value=NEVER)

    def whole(values: pd.Series, which: Bools) -> Ints:
        return values[which].to_numpy(dtype=np.int64)

    return History(
        writes=Writes(
            key=whole(rows["key"], wrote),
            version=whole(rows["version_written"], wrote),
            begin=at(rows["commit_start_ns"], wrote, -doubt_ns),
            end=at(rows["commit_end_ns"], wrote, doubt_ns),
            told=at(told, wrote, doubt_ns),
            session=whole(session, wrote),
            measured=~warm_up[wrote],
        ),
        reads=Reads(
            key=whole(rows["key"], read),
            version=whole(rows["version_read"], read),
            start=at(rows["start_ns"], read, -doubt_ns),
            end=at(rows["end_ns"], read, doubt_ns),
            session=whole(session, read),
            measured=(operation.eq("read").to_numpy() & ~warm_up)[read],
            at_rest=resting[read],
        ),
    )
