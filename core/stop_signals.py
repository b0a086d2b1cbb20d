"""Signals that end a command: SIGTERM and SIGHUP are handled as Ctrl-C is. The exit code is 128 + the number."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from stampede.core.text.safe_text import ReportProgress

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A signal asked the command to end: raised in the main thread, and handled wherever Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_code(stopped: KeyboardInterrupt) -> int:
    """128 + the signal's number: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + int(getattr(stopped, "number", signal.SIGINT))


def stopped_line(stopped: KeyboardInterrupt) -> str:
    """What the command says last."""
    by = "" if exit_code(stopped) == exit_code(KeyboardInterrupt()) else f" by {stopped}"
    return f"stampede: stopped{by}; what was finished is kept"


def end_at_once(say: ReportProgress) -> None:
    """Until a command has begun its work: say that a signal came, and end. For the front door's process."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        say(stopped_line(Stopped(number)))
        os._exit(exit_code(Stopped(number)))

    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a job in the background: it stays ignored
            signal.signal(number, on_signal)


@contextmanager
def raised_as_stopped() -> Iterator[None]:
    """Raise Stopped at the first of these signals. The next SIGTERM and SIGHUP are ignored: the command already ends.
    Another Ctrl-C interrupts that as well. Outside the main thread nothing is changed.
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
