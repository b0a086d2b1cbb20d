"""SIGTERM and SIGHUP end a command like Ctrl-C, each with its exit code."""

import os
import signal
from collections.abc import Iterator

import pytest

from stampede.core.stop_signals import Stopped, exit_code, raised_as_stopped, stopped_line


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Set SIGINT as in a terminal, and restore the handlers after the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_each_signal_is_raised_with_its_exit_code(number: int, code: int) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, raised_as_stopped():
        os.kill(os.getpid(), number)
    assert exit_code(caught.value) == code
    assert "what was finished is kept" in stopped_line(caught.value)


def test_last_line_names_the_signal() -> None:
    assert "by SIGTERM" in stopped_line(Stopped(signal.SIGTERM))


def interrupted_twice(second: int) -> None:
    """Send SIGTERM, and another signal while the command ends."""
    with raised_as_stopped():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), second)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP])
def test_second_signal_does_not_interrupt_the_cleanup(second: int) -> None:
    with pytest.raises(Stopped) as caught:
        interrupted_twice(second)
    assert caught.value.number == signal.SIGTERM


def test_ctrl_c_interrupts_the_cleanup() -> None:
    with pytest.raises(Stopped) as caught:
        interrupted_twice(signal.SIGINT)
    assert caught.value.number == signal.SIGINT


def test_ignored_signal_stays_ignored() -> None:
    """nohup ignores SIGHUP, and a shell ignores SIGINT in background jobs."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with raised_as_stopped():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
