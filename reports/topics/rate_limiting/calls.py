"""The calls of one subject, as arrays: what is judged.

A decision falls at an unknown instant between a call's start and its end: of its round trips, without the simulated
distance on both sides, where the run tells (since schema 2), else of the whole call. What would hold at every such
instant is *certain*; what could hold at some is *possible*. Where one instant is needed, it is the middle.
Windows are half-open: (t − W, t].
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stampede.reports.analysis.rows import Bools, Floats, Rows


@dataclass(frozen=True)
class Calls:
    """Calls that were answered, in the order of their middles; seconds from a common origin."""

    start_s: Floats
    end_s: Floats
    allowed: Bools
    remaining: Floats
    retry_after_s: Floats

    @cached_property
    def instant_s(self) -> Floats:
        return (self.start_s + self.end_s) / 2

    @cached_property
    def admitted(self) -> "Calls":
        return self.where(self.allowed)

    def where(self, kept: Bools) -> "Calls":
        return Calls(
            self.start_s[kept], self.end_s[kept], self.allowed[kept], self.remaining[kept], self.retry_after_s[kept]
        )

    def __len__(self) -> int:
        return len(self.start_s)


def calls(
    start_s: npt.ArrayLike,
    end_s: npt.ArrayLike,
    allowed: npt.ArrayLike,
    remaining: npt.ArrayLike | None = None,
    retry_after_s: npt.ArrayLike | None = None,
) -> Calls:
    """Calls in the order of their middles."""
    start, end = np.asarray(start_s, dtype=np.float64), np.asarray(end_s, dtype=np.float64)
    left = np.full(len(start), np.nan) if remaining is None else np.asarray(remaining, dtype=np.float64)
    retry = np.zeros(len(start)) if retry_after_s is None else np.asarray(retry_after_s, dtype=np.float64)
    order = np.argsort(start + end, kind="stable")
    return Calls(start[order], end[order], np.asarray(allowed, dtype=bool)[order], left[order], retry[order])


def by_subject(rows: Rows, doubt_s: float = 0.0) -> Iterator[tuple[int, Calls]]:
    """(subject's number, its calls) of a cell's rows (stampede.reports.analysis.frames). Calls without a decision are left out.

    `doubt_s`: how wrong an instant can be; a call's interval is made as much longer at both ends.
    """
    decided = rows.where(rows.known("allowed"))
    subjects = decided.ints("key")
    for subject in np.unique(subjects):
        group = decided.where(subjects == subject)
        yield (
            int(subject),
            calls(
                known_or(group, "served_start_s", "start_s") - doubt_s,
                known_or(group, "served_end_s", "end_s") + doubt_s,
                group.flags("allowed"),
                group.floats("remaining"),
                np.nan_to_num(group.floats("retry_after_ns"), nan=0.0) / 1e9,
            ),
        )


def known_or(rows: Rows, name: str, otherwise: str) -> Floats:
    """A column, with the values of another one where it has none."""
    return np.where(rows.known(name), rows.floats(name), rows.floats(otherwise))
