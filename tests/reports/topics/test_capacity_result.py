"""A knee in words: a rate with its interval and level, and what was full first."""

import math

import pytest

from stampede.reports.statistics.estimate import median
from stampede.reports.topics.selftests.capacity_result import Knee, mostly


def told(*knees_per_s: float) -> str:
    return str(Knee(contender="coalescing", rate_per_s=median(knees_per_s), cells=20, full="Redis' core"))


def test_six_rounds_have_an_interval_with_its_exact_level() -> None:
    assert told(400, 410, 420, 430, 440, 450) == (
        "coalescing: 425/s (400 – 450, 96.9 % interval over 6 rounds); first to be full: Redis' core"
    )


def test_fewer_rounds_have_a_range_and_no_level() -> None:
    assert "420/s (400 – 430, range of 3 rounds, no level" in told(400, 420, 430)


@pytest.mark.parametrize(
    ("knees_per_s", "words"),
    [
        ((), "no round came to its end"),
        ((0.0,) * 6, "met at no rate"),
        ((math.inf,) * 6, "no rate that was tried missed"),
        ((400, 410, 420, 430, 440, math.inf), "425/s (400 – beyond all that was tried"),
    ],
)
def test_what_was_not_bracketed_is_said(knees_per_s: tuple[float, ...], words: str) -> None:
    assert words in told(*knees_per_s)


def test_what_was_full_is_what_was_full_in_most_rounds() -> None:
    assert mostly([("Redis' core", 0.9), ("the machine's cores", 0.95), ("Redis' core", 0.88)]) == (
        "Redis' core (89 %), in 2 of 3 rounds"
    )
    assert mostly([]) == "nothing was missed"
