"""A second pair of eyes: counts the requests in the system at random instants, from a thread of its own.

It knows when requests are due and how many were answered, and nothing of when each one was: what it counts can be held
against the recorded times (Little's law). It looks at Poisson instants, because a regular grid can miss what recurs.
"""

import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Protocol

from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow

LOOKS_PER_S = 50.0
"""On average, in each process: a hundred in a cell of two seconds, for 0.1 % of a core."""

Look = tuple[int, int]
"""The instant, and how many requests were due and not yet answered then."""


class Watched(Protocol):
    """A cell, as it is watched."""

    begin_ns: int
    window_start_ns: int
    window_end_ns: int
    answered: int
    """Requests that have ended so far."""
    abandoned: bool


class InflightSampler:
    """Watches one cell's window. A native thread even in a process of greenlets: a busy hub must not choose its
    instants."""

    def __init__(self, cell: Watched, due_ns: Sequence[int], seed: int) -> None:
        """`due_ns`: from the cell's beginning, ascending."""
        self.looks: list[Look] = []
        self._cell = cell
        self._due_ns = due_ns
        self._rng = random.Random(seed)

    def start(self) -> None:
        from gevent.monkey import get_original

        start_new_thread, self._sleep = get_original("_thread", "start_new_thread"), get_original("time", "sleep")
        start_new_thread(self._watch, ())

    def _watch(self) -> None:
        at_ns = self._cell.window_start_ns
        while not self._cell.abandoned:
            at_ns += round(self._rng.expovariate(LOOKS_PER_S) * 1e9)
            if at_ns >= self._cell.window_end_ns:
                return
            self._sleep(max(0, at_ns - now_ns()) / 1e9)
            seen_ns = now_ns()
            due = bisect_right(self._due_ns, seen_ns - self._cell.begin_ns)
            self.looks.append((seen_ns, due - self._cell.answered))


def look_rows(cell: int, process: int, looks: Iterable[Look]) -> list[TimelineRow]:
    """A gauge of one process: its requests in the system."""
    return [(cell, at_ns, f"process-{process}", "in_the_system", float(count), None) for at_ns, count in looks]
