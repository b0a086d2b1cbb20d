"""SIGTERM and SIGHUP end a command as Ctrl-C does, each with its own exit code."""

import os
import signal
from collections.abc import Iterator

import pytest

from stampede.core.stop_signals import Stopped, exit_code, raised_as_stopped, stopped_line


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """SIGINT as a terminal has it; whatever was set before stands again afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_each_signal_is_raised_as_an_interruption_with_its_exit_code(number: int, code: int) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, raised_as_stopped():
        os.kill(os.getpid(), number)
    assert exit_code(caught.value) == code
    assert "what was finished is kept" in stopped_line(caught.value)


def test_the_line_names_the_signal() -> None:
    assert "by SIGTERM" in stopped_line(Stopped(signal.SIGTERM))


def interrupted_twice(second: int) -> None:
    """SIGTERM, and while the command ends because of it, another signal."""
    with raised_as_stopped():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), second)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_interrupt_the_end_of_the_command(second: int) -> None:
    with pytest.raises(Stopped) as caught:
        interrupted_twice(second)
    assert caught.value.number == signal.SIGTERM


def test_a_second_ctrl_c_does() -> None:
    with pytest.raises(Stopped) as caught:
        interrupted_twice(signal.SIGINT)
    assert caught.value.number == signal.SIGINT


def test_a_signal_that_was_ignored_from_the_start_stays_ignored() -> None:
    """nohup ignores SIGHUP, and a shell ignores SIGINT in background jobs."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with raised_as_stopped():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
