"""A knee as text: the rate with its interval and level, and the resource that saturated first."""

import math

import pytest

from stampede.reports.statistics.estimate import median
from stampede.reports.topics.selftests.capacity_result import Knee, mostly


def text_of(*knees_per_s: float) -> str:
    return str(Knee(contender="coalescing", rate_per_s=median(knees_per_s), cells=20, full="Redis' core"))


def test_six_rounds_have_an_interval_with_its_exact_level() -> None:
    assert text_of(400, 410, 420, 430, 440, 450) == (
        "coalescing: 425/s (400 – 450, 96.9 % interval over 6 rounds); saturated first: Redis' core"
    )


def test_fewer_rounds_have_a_range_and_no_level() -> None:
    assert "420/s (400 – 430, range of 3 rounds; an interval needs 6" in text_of(400, 420, 430)


@pytest.mark.parametrize(
    ("knees_per_s", "words"),
    [
        ((), "no round finished"),
        ((0.0,) * 6, "no tried rate met the objective"),
        ((math.inf,) * 6, "every tried rate met the objective"),
        ((400, 410, 420, 430, 440, math.inf), "425/s (400 – above all tried rates"),
    ],
)
def test_missing_bracket_is_reported(knees_per_s: tuple[float, ...], words: str) -> None:
    assert words in text_of(*knees_per_s)


def test_saturated_resource_is_that_of_most_rounds() -> None:
    assert mostly([("Redis' core", 0.9), ("the machine's cores", 0.95), ("Redis' core", 0.88)]) == (
        "Redis' core (89 %), in 2 of 3 rounds"
    )
    assert mostly([]) == "no rate missed the objective"
