"""Sampler of requests in flight: counts the requests in the system at random instants, in a separate thread.

It uses the due times and the number of answered requests, but no recorded end times. Its counts are therefore an
independent check of the recorded times (Little's law). The instants are a Poisson process, because a regular grid can
miss periodic events.
"""

import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Protocol

from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow

SAMPLES_PER_S = 50.0
"""On average, in each process: a hundred samples in a cell of two seconds cost 0.1 % of a core."""

InflightSample = tuple[int, int]
"""The instant, and the number of requests that were due and not yet answered."""


class SampledCell(Protocol):
    """The fields of a cell that the sampler reads."""

    begin_ns: int
    window_start_ns: int
    window_end_ns: int
    answered: int
    """Requests that have ended so far."""
    abandoned: bool


class InflightSampler:
    """Samples the window of one cell. It is a native thread even in a process of greenlets, so that a busy hub does not
    shift its instants."""

    def __init__(self, cell: SampledCell, due_ns: Sequence[int], seed: int) -> None:
        """`due_ns`: from the cell's beginning, ascending."""
        self.samples: list[InflightSample] = []
        self._cell = cell
        self._due_ns = due_ns
        self._rng = random.Random(seed)

    def start(self) -> None:
        from gevent.monkey import get_original

        start_new_thread, self._sleep = get_original("_thread", "start_new_thread"), get_original("time", "sleep")
        start_new_thread(self._sample, ())

    def _sample(self) -> None:
        at_ns = self._cell.window_start_ns
        while not self._cell.abandoned:
            at_ns += round(self._rng.expovariate(SAMPLES_PER_S) * 1e9)
            if at_ns >= self._cell.window_end_ns:
                return
            self._sleep(max(0, at_ns - now_ns()) / 1e9)
            seen_ns = now_ns()
            due = bisect_right(self._due_ns, seen_ns - self._cell.begin_ns)
            self.samples.append((seen_ns, due - self._cell.answered))


def inflight_rows(cell: int, process: int, samples: Iterable[InflightSample]) -> list[TimelineRow]:
    """The samples of one process as timeline rows: its requests in the system."""
    return [(cell, at_ns, f"process-{process}", "in_the_system", float(count), None) for at_ns, count in samples]
