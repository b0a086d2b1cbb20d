"""Calls of one subject to a rate limiter, as arrays.

A decision is made at an unknown instant between the start and the end of a call's round trips (without the simulated
RTT, recorded since schema 2), or of the whole call in older runs. A statement that holds for every such instant is
*certain*; one that holds for some instant is *possible*. If one instant is needed, it is the middle.
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
    """Answered calls, sorted by their middle; seconds since a common origin."""

    start_s: Floats
    end_s: Floats
    allowed: Bools
    remaining: Floats
    retry_after_s: Floats

    @cached_property
    def instant_s(self) -> Floats:
        """Middle of each call."""
        return (self.start_s + self.end_s) / 2

    @cached_property
    def admitted(self) -> "Calls":
        """The admitted calls."""
        return self.where(self.allowed)

    def where(self, mask: Bools) -> "Calls":
        """The calls that a mask selects."""
        return Calls(
            self.start_s[mask], self.end_s[mask], self.allowed[mask], self.remaining[mask], self.retry_after_s[mask]
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
    """Calls from arrays in any order."""
    start, end = np.asarray(start_s, dtype=np.float64), np.asarray(end_s, dtype=np.float64)
    left = np.full(len(start), np.nan) if remaining is None else np.asarray(remaining, dtype=np.float64)
    retry = np.zeros(len(start)) if retry_after_s is None else np.asarray(retry_after_s, dtype=np.float64)
    order = np.argsort(start + end, kind="stable")
    return Calls(start[order], end[order], np.asarray(allowed, dtype=bool)[order], left[order], retry[order])


def by_subject(rows: Rows, uncertainty_s: float = 0.0) -> Iterator[tuple[int, Calls]]:
    """(number of the subject, its calls) from a cell's rows. Calls without a decision are left out.

    `uncertainty_s`: largest error of an instant; a call's interval becomes longer by it at both ends.
    """
    decided = rows.where(rows.known("allowed"))
    subjects = decided.ints("key")
    for subject in np.unique(subjects):
        group = decided.where(subjects == subject)
        yield (
            int(subject),
            calls(
                known_or(group, "served_start_s", "start_s") - uncertainty_s,
                known_or(group, "served_end_s", "end_s") + uncertainty_s,
                group.flags("allowed"),
                group.floats("remaining"),
                np.nan_to_num(group.floats("retry_after_ns"), nan=0.0) / 1e9,
            ),
        )


def known_or(rows: Rows, name: str, otherwise: str) -> Floats:
    """A column; missing values are taken from another column."""
    return np.where(rows.known(name), rows.floats(name), rows.floats(otherwise))
