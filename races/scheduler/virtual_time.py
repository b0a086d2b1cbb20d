"""Virtual time for scheduled clients. It advances only if no client can take a step otherwise.

During an exploration `time.sleep`, `time.time` and `time.monotonic` are replaced for the threads of scheduled clients,
so a library that sleeps takes no real time either.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

START_S = 1_700_000_000.0
"""The time at the start of every schedule, in seconds since 1970."""


class VirtualClock(Protocol):
    """The clock of one client of a schedule."""

    def now(self) -> float: ...

    def read_clock(self) -> float:
        """The time that the explored code reads."""

    def sleep(self, seconds: float) -> None: ...

    def record_failure(self, error: BaseException) -> BaseException: ...


_local = threading.local()
_real_sleep, _real_time, _real_monotonic = time.sleep, time.time, time.monotonic


def set_clock_of_this_thread(clock: VirtualClock | None) -> None:
    """From now on this thread sees the time of the clock. None: real time."""
    _local.clock = clock


def clock_of_this_thread() -> VirtualClock | None:
    """The clock whose time this thread sees. None: real time."""
    clock: VirtualClock | None = getattr(_local, "clock", None)
    return clock


@contextmanager
def real_time() -> Iterator[None]:
    """Inside the block, this thread sees real time and is not scheduled."""
    clock = clock_of_this_thread()
    set_clock_of_this_thread(None)
    try:
        yield
    finally:
        set_clock_of_this_thread(clock)


def _sleep(seconds: float) -> None:
    clock = clock_of_this_thread()
    if clock is None:
        _real_sleep(seconds)
    else:
        clock.sleep(seconds)


def _virtual(real: Callable[[], float]) -> Callable[[], float]:
    def now() -> float:
        clock = clock_of_this_thread()
        return real() if clock is None else clock.read_clock()

    return now


@contextmanager
def virtual_time() -> Iterator[None]:
    """Inside the block, scheduled threads see virtual time only."""
    replaced: Any = (_sleep, _virtual(_real_time), _virtual(_real_monotonic))
    time.sleep, time.time, time.monotonic = replaced
    try:
        yield
    finally:
        time.sleep, time.time, time.monotonic = _real_sleep, _real_time, _real_monotonic
