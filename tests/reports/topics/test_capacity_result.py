"""A knee on the terminal: the rate with its interval and level, and the resource that saturated first."""

import io
import math

import pytest

from stampede.core.text.terminal import PlainConsole
from stampede.reports.statistics.estimate import median
from stampede.reports.topics.selftests.capacity_result import (
    NO_RESOURCE,
    THREADS,
    Knee,
    headline,
    mostly,
    print_knees,
)

SIX = (400, 410, 420, 430, 440, 450)


def knee(*knees_per_s: float, contender: str = "coalescing", full: str = "Redis core 89 % (6 of 6)") -> Knee:
    return Knee(contender=contender, rate_per_s=median(knees_per_s), cells=20, full=full)


def lines(*knees: Knee) -> list[str]:
    """What is printed on a terminal of 80 columns."""
    console = PlainConsole(file=io.StringIO(), width=80, record=True)
    print_knees(knees, "stampede", "p99 < 50 ms", console)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_six_rounds_have_an_interval_with_its_exact_level() -> None:
    head, _, row, last = lines(knee(*SIX))
    assert head == "coalescing sustains the highest rate: 425/s."
    assert row.split() == ["coalescing", "425/s", "400", "–", "450", "Redis", "core", "89", "%", "(6", "of", "6)"]
    assert last == "stampede, open rate with p99 < 50 ms. 96.9 % intervals over 6 rounds."


def test_fewer_rounds_have_a_range_and_no_verdict() -> None:
    head, _, row, last = lines(knee(400, 420, 430))
    assert head == "No verdict: fewer than 6 rounds. Highest median: coalescing."
    assert "400 – 430" in row
    assert last.endswith("Ranges of 3 rounds; an interval needs 6.")


def test_a_contender_whose_interval_overlaps_is_tied() -> None:
    """The headline counts the contenders that may sustain as much."""
    lower, close = knee(*(x / 2 for x in SIX), contender="no-cache"), knee(*(x + 5 for x in SIX), contender="ttl-only")
    assert headline([knee(*SIX), lower]) == "coalescing sustains the highest rate: 425/s."
    assert headline([knee(*SIX), lower, close]) == "ttl-only sustains the highest rate: 430/s, tied with 1 other."


@pytest.mark.parametrize(
    ("knees_per_s", "rate", "interval", "words"),
    [
        ((), "not estimated", "", "No round finished"),
        ((0.0,) * 6, "below all", "", "No contender met the objective"),
        ((math.inf,) * 6, "above all", "", "at every rate that was tried"),
        ((400, 410, 420, 430, 440, math.inf), "425/s", "400 – above all", "425/s"),
    ],
)
def test_missing_bracket_is_reported(knees_per_s: tuple[float, ...], rate: str, interval: str, words: str) -> None:
    found = knee(*knees_per_s)
    assert (found.rate_text, found.interval) == (rate, interval)
    assert words in headline([found])


def test_saturated_resource_is_that_of_most_rounds() -> None:
    assert mostly([("Redis core", 0.9), ("all cores", 0.95), ("Redis core", 0.88)]) == "Redis core 89 % (2 of 3)"
    assert mostly([("server core", 0.9), (NO_RESOURCE, math.nan)]) == "server core 90 % (1 of 2)"
    assert mostly([]) == "no rate missed the objective"


def test_output_fits_25_lines_of_80_columns() -> None:
    """Long names are cut; contenders beyond the table are counted."""
    many = [
        knee(*(1e6 + n + x for x in SIX), contender="a-very-long-name" * 4, full=f"{THREADS} 100 % (6 of 6)")
        for n in range(40)
    ]
    printed = lines(*many)
    assert len(printed) + 1 <= 25  # the path of the file comes first
    assert max(map(len, printed)) <= 80
    assert "22 more contenders in the file" in printed
