"""Virtual time for scheduled clients. It advances only if no client can take a step without it.

`time.sleep`, `time.time` and `time.monotonic` are replaced for as long as an exploration lasts, and only for the
threads of scheduled clients, so a library that sleeps costs no real time either.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

START_S = 1_700_000_000.0
"""The time at the begin of every schedule, in seconds since 1970."""


class VirtualClock(Protocol):
    """The clock of a schedule, as one of its clients sees it."""

    def now(self) -> float: ...

    def read_clock(self) -> float:
        """What `now` is, as the code that is explored reads it."""

    def sleep(self, seconds: float) -> None: ...

    def record_failure(self, error: BaseException) -> BaseException: ...


_local = threading.local()
_real_sleep, _real_time, _real_monotonic = time.sleep, time.time, time.monotonic


def set_clock_of_this_thread(clock: VirtualClock | None) -> None:
    """From here on this thread lives in the clock's time; None: in real time again."""
    _local.clock = clock


def clock_of_this_thread() -> VirtualClock | None:
    """Whose time it lives in; None: real time."""
    clock: VirtualClock | None = getattr(_local, "clock", None)
    return clock


@contextmanager
def real_time() -> Iterator[None]:
    """Inside the block this thread is the explorer's own: real time, and nothing of it is scheduled."""
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


def _held(real: Callable[[], float]) -> Callable[[], float]:
    def now() -> float:
        clock = clock_of_this_thread()
        return real() if clock is None else clock.read_clock()

    return now


@contextmanager
def virtual_time() -> Iterator[None]:
    """Inside the block scheduled threads see virtual time only."""
    replaced: Any = (_sleep, _held(_real_time), _held(_real_monotonic))
    time.sleep, time.time, time.monotonic = replaced
    try:
        yield
    finally:
        time.sleep, time.time, time.monotonic = _real_sleep, _real_time, _real_monotonic
