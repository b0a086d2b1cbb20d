"""Clocks that wait until an instant of the monotonic clock, accurate to about a tenth of a millisecond.

gevent's timers wake at whole milliseconds (libev's epoll), twice the time of a cache hit. On Linux these clocks arm a
timerfd for the instant and wait for it through the hub; such a wait is no later than the machine itself. Other systems
use gevent's timer, and the report shows how late requests started.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

now_ns = time.monotonic_ns

CLOCK_MONOTONIC = 1
TFD_NONBLOCK = os.O_NONBLOCK
TFD_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
TFD_TIMER_ABSTIME = 1


class Clock(Protocol):
    """Waits until an instant, in a thread or a greenlet."""

    def wait_until(self, instant_ns: int) -> None:
        """Return as soon as possible after the instant; at once if it has passed."""


class ThreadClock:
    """For real threads: the kernel's own sleep."""

    def __init__(self) -> None:
        self._sleep: Callable[[float], None] = time.sleep

    def wait_until(self, instant_ns: int) -> None:
        left_ns = instant_ns - now_ns()
        if left_ns > 0:
            self._sleep(left_ns / 1e9)


class HubClock:
    """For greenlets: gevent's hub waits for a timerfd; each waiting greenlet borrows one."""

    def __init__(self) -> None:
        import gevent

        self._hub: Any = gevent.get_hub()
        self._idle: list[tuple[int, Any]] = []

    def wait_until(self, instant_ns: int) -> None:
        if instant_ns <= now_ns():
            return
        timer = self._idle.pop() if self._idle else self._new_timer()
        fd, watcher = timer
        try:
            arm(fd, instant_ns)
            self._hub.wait(watcher)
            os.read(fd, 8)
        except BaseException:  # the greenlet was killed while it waited: the timer must not fire for the next one
            os.close(fd)
            raise
        self._idle.append(timer)

    def _new_timer(self) -> tuple[int, Any]:
        fd = create_timer()
        return fd, self._hub.loop.io(fd, 1)


class CoarseHubClock:
    """For greenlets on systems without timerfd: gevent's timer, in whole milliseconds."""

    def wait_until(self, instant_ns: int) -> None:
        import gevent

        left_ns = instant_ns - now_ns()
        if left_ns > 0:
            gevent.sleep(left_ns / 1e9)


def hub_clock() -> Clock:
    """The most precise clock for greenlets on this system."""
    return HubClock() if sys.platform == "linux" else CoarseHubClock()


class Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class Itimerspec(ctypes.Structure):
    _fields_ = (("it_interval", Timespec), ("it_value", Timespec))


def create_timer() -> int:
    """A timerfd on the monotonic clock (timerfd_create(2); in the standard library only since Python 3.13)."""
    fd = int(libc().timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    return fd


def arm(fd: int, instant_ns: int) -> None:
    """Have the timerfd become readable at the instant."""
    seconds, rest = divmod(instant_ns, 1_000_000_000)
    spec = Itimerspec(Timespec(0, 0), Timespec(seconds, rest))
    if libc().timerfd_settime(fd, TFD_TIMER_ABSTIME, ctypes.byref(spec), None) != 0:
        raise OSError(ctypes.get_errno(), "timerfd_settime")


_libc: Any = None


def libc() -> Any:
    global _libc
    if _libc is None:
        _libc = ctypes.CDLL(None, use_errno=True)
    return _libc


def machine_floor_ns(rate_per_s: float, waits: int = 200) -> list[int]:
    """How late this machine wakes a plain thread that sleeps until due times at the given rate: in ns, sorted.

    The harness's own lateness is compared with these values: an idle virtual machine wakes later than a busy one.
    """
    clock = ThreadClock()
    step_ns = round(1e9 / rate_per_s)
    due_ns = now_ns()
    late = []
    for _ in range(waits):
        due_ns += step_ns
        clock.wait_until(due_ns)
        late.append(now_ns() - due_ns)
    return sorted(late)
