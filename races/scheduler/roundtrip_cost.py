"""What a round trip costs by itself, measured among the schedules: on the same machine in the same second."""

import time

from stampede.races.hooks.sandbox import Sandbox

EVERY_SCHEDULES = 50
WARM_UP = 1
TIMED = 5
"""So many pairs of a GET and a load are timed, every so many schedules."""


class RoundTripTimer:
    """Round trips in one thread by the drivers as they come, a few between schedules."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._schedules = 0
        self._timed_s = 0.0
        self._trips = 0
        self.spent_s = 0.0
        """What measuring took, warming up included."""

    def tick(self) -> None:
        """A schedule is over."""
        self._schedules += 1
        if self._schedules % EVERY_SCHEDULES == 1:
            self._measure()

    def mean_s(self) -> float:
        """Seconds a round trip, over all that were timed."""
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
