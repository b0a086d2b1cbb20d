"""Signals that end a command: SIGTERM and SIGHUP are handled like Ctrl-C. The exit code is 128 + the number."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from stampede.core.text.safe_text import ReportProgress

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Raised in the main thread when a signal ends the command. Code that handles Ctrl-C handles it too."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_code(stopped: KeyboardInterrupt) -> int:
    """128 + the signal's number: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + int(getattr(stopped, "number", signal.SIGINT))


def stopped_line(stopped: KeyboardInterrupt) -> str:
    """The last line of the command's output."""
    by = "" if exit_code(stopped) == exit_code(KeyboardInterrupt()) else f" by {stopped}"
    return f"stampede: stopped{by}; what was finished is kept"


def end_at_once(report: ReportProgress) -> None:
    """Print a line and exit when a signal comes. For the time before a command begins its work."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        report(stopped_line(Stopped(number)))
        os._exit(exit_code(Stopped(number)))

    for number in ENDING:
        if (
            signal.getsignal(number) is not signal.SIG_IGN
        ):  # ignored under nohup or for a background job: keep it ignored
            signal.signal(number, on_signal)


@contextmanager
def raised_as_stopped() -> Iterator[None]:
    """Raise Stopped at the first of these signals, inside the block.

    Further SIGTERM and SIGHUP are ignored, because the command already ends. Another Ctrl-C interrupts its cleanup. In
    other threads than the main thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1 or number == signal.SIGINT:
            raise Stopped(number)

    before = {number: signal.getsignal(number) for number in ENDING}
    taken = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in taken:
            signal.signal(number, on_signal)
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number] or signal.SIG_DFL)
