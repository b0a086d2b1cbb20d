"""The search for a knee brackets the true knee again in each round, even if one cell gives a wrong result."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.core.errors import ConfigError
from stampede.loadtests.selftests.capacity import MAX_PER_S, MIN_PER_S, Bracket, Search, read_objective


def run_bracket(bracket: Bracket, knee: float) -> int:
    cells = 0
    while (rate := bracket.next_rate()) is not None:
        bracket.note(rate, rate <= knee, cells)
        cells += 1
    return cells


def run_search(search: Search, knee: float, spread: float = 0.0, seed: int = 1) -> None:
    """Run a search on simulated outcomes: the knee of each cell varies around the true one."""
    noise = random.Random(seed)
    while (rate := search.next_rate()) is not None:
        search.note(rate, rate <= knee * math.exp(noise.gauss(0, spread)), search.cells)


def search(**values: float) -> Search:
    settings = {"start_per_s": 300.0, "rounds": 6, "max_cells": 200} | values
    return Search(rng=random.Random(7), **settings)  # type: ignore[arg-type]


@given(start=st.floats(1, 20_000), knee=st.floats(2, 19_000), step=st.sampled_from([1.15, 2.0]))
def test_a_bracket_contains_the_knee_and_is_as_narrow_as_required(start: float, knee: float, step: float) -> None:
    bracket = Bracket(start_per_s=start, step=step)
    assert run_bracket(bracket, knee) <= 30
    assert bracket.low is not None
    assert bracket.high is not None
    assert bracket.low <= knee < bracket.high
    assert bracket.high / bracket.low <= 1.15 + 1e-9
    assert bracket.low < bracket.knee_per_s < bracket.high


def test_a_bracket_ends_if_every_rate_is_met_and_if_none_is() -> None:
    always, never = Bracket(start_per_s=300.0), Bracket(start_per_s=300.0)
    run_bracket(always, 1e9)
    run_bracket(never, 0.0)
    assert (always.low, always.high, always.knee_per_s) == (MAX_PER_S, None, math.inf)
    assert (never.low, never.high, never.knee_per_s) == (None, MIN_PER_S, 0.0)


@given(knee=st.floats(5, 15_000), seed=st.integers(0, 1000))
def test_each_round_has_its_own_bracket_around_the_true_knee(knee: float, seed: int) -> None:
    found = search()
    run_search(found, knee, spread=0.05, seed=seed)
    knees = [bracket.knee_per_s for bracket in found.brackets]
    assert len(knees) == 6
    assert len({bracket.low for bracket in found.brackets}) == 6
    assert all(knee / 1.5 < x < knee * 1.5 for x in knees)
    assert found.cells <= 60


def test_one_wrong_cell_does_not_decide_the_result() -> None:
    """The locating bracket misses at a tenth of the true knee; the rounds still find the true knee."""
    found = search()
    first = found.next_rate()
    assert first is not None
    found.note(first, False, 0)
    while found.locating and (rate := found.next_rate()) is not None and found.locating:
        found.note(rate, rate <= first / 3, found.cells)
    run_search(found, 3000.0)
    assert all(3000 / 1.15 < bracket.knee_per_s < 3000 * 1.15 for bracket in found.brackets)


def test_a_search_without_cells_left_keeps_its_finished_rounds() -> None:
    found = search(max_cells=12)
    run_search(found, 1000.0)
    assert found.cells == 12
    assert 0 < len(found.brackets) < 6


@pytest.mark.parametrize(
    ("text", "share", "within_ms"), [("p99<50ms", 0.99, 50.0), ("p99.9 <= 1.5 s", 0.999, 1500.0), ("p50<1ms", 0.5, 1.0)]
)
def test_an_objective_is_a_percentile_and_a_time(text: str, share: float, within_ms: float) -> None:
    found = read_objective(text)
    assert found.share == pytest.approx(share)
    assert found.within_ms == within_ms


@pytest.mark.parametrize("text", ["", "p99", "p100<1ms", "p0<1ms", "p99<0ms", "99<5ms", "p99>5ms", "p99<5"])
def test_an_objective_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="objective"):
        read_objective(text)
