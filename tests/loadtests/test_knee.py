"""A knee's search brackets where the truth turns, and one bad moment decides nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.knee import LEAST_PER_S, MOST_PER_S, Search, read_objective
from patterns.errors import ConfigError


def searched(search: Search, knee: float) -> int:
    cells = 0
    while (rate := search.next_rate()) is not None:
        search.note(rate, rate <= knee, cells)
        cells += 1
    return cells


@given(start=st.floats(1, 20_000), knee=st.floats(2, 19_000))
def test_the_bracket_holds_the_knee_and_is_as_narrow_as_asked(start: float, knee: float) -> None:
    search = Search(start_per_s=start)
    assert searched(search, knee) <= 45
    assert search.low is not None
    assert search.high is not None
    assert search.low <= knee < search.high
    assert search.high / search.low <= 1.15


def test_a_search_ends_where_every_rate_is_met_and_where_none_is() -> None:
    always, never = Search(start_per_s=300.0), Search(start_per_s=300.0)
    searched(always, 1e9)
    searched(never, 0.0)
    assert (always.low, always.high) == (MOST_PER_S, None)
    assert (never.low, never.high) == (None, LEAST_PER_S)


def test_a_rate_that_is_missed_once_is_tried_again() -> None:
    search = Search(start_per_s=300.0)
    search.note(300.0, False)
    assert search.next_rate() == 300.0
    search.note(300.0, True)
    assert (search.low, search.high) == (300.0, None)


@pytest.mark.parametrize(
    ("text", "share", "within_ms"), [("p99<50ms", 0.99, 50.0), ("p99.9 <= 1.5 s", 0.999, 1500.0), ("p50<1ms", 0.5, 1.0)]
)
def test_an_objective_is_a_percentile_and_a_time(text: str, share: float, within_ms: float) -> None:
    found = read_objective(text)
    assert found.share == pytest.approx(share)
    assert found.within_ms == within_ms


@pytest.mark.parametrize("text", ["", "p99", "p100<1ms", "p0<1ms", "p99<0ms", "99<5ms", "p99>5ms", "p99<5"])
def test_another_objective_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="objective"):
        read_objective(text)
