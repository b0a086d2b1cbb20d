"""Measures the time of a bare round trip between the schedules, so on the same machine under the same load."""

import time

from stampede.races.hooks.sandbox import Sandbox

EVERY_SCHEDULES = 50
"""The number of schedules between two measurements."""
WARM_UP = 1
"""The number of pairs of a GET and a load that precede each measurement."""
TIMED = 5
"""The number of pairs of a GET and a load in each measurement."""


class RoundTripTimer:
    """Times round trips of the unmodified drivers in one thread, a few between schedules."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._schedules = 0
        self._timed_s = 0.0
        self._trips = 0
        self.spent_s = 0.0
        """The seconds that all measurements took, including the warm-up."""

    def tick(self) -> None:
        """Count a finished schedule, and measure if it is time."""
        self._schedules += 1
        if self._schedules % EVERY_SCHEDULES == 1:
            self._measure()

    def mean_s(self) -> float:
        """The mean seconds of a round trip. 0 if none was measured."""
        return self._timed_s / self._trips if self._trips else 0.0

    def _measure(self) -> None:
        began_s = time.perf_counter()
        for _ in range(WARM_UP):
            self._sandbox.bare_trips()
        warm_s = time.perf_counter()
        self._trips += sum(self._sandbox.bare_trips() for _ in range(TIMED))
        end_s = time.perf_counter()
        self._timed_s += end_s - warm_s
        self.spent_s += end_s - began_s
