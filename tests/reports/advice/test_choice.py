"""Who is taken by one figure, and how certain the advice may be: each rule on planted figures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.advice.choice import Candidate, choose
from reports.statistics import Estimate, missing

FLOOR = 0.05


def has(name: str, low: float, value: float, high: float, *, rounds: int = 8, p99_ms: float = math.inf) -> Candidate:
    level = 0.95 if rounds >= 6 else None
    figure = Estimate(value=value, low=low, high=high, level=level, rounds=rounds)
    return Candidate(name=name, figure=figure, waits_ms=(p99_ms, math.inf))


def test_who_is_told_apart_from_all_others_is_taken_for_sure() -> None:
    choice = choose([has("b", 9, 10, 11), has("a", 1, 1.1, 1.2)], FLOOR)
    assert choice.taken is not None
    assert (choice.taken.name, choice.sure, choice.tied) == ("a", True, ())
    assert choice.next is not None
    assert choice.next.name == "b"


def test_intervals_that_overlap_cannot_be_told_apart_and_the_wait_suggests_one() -> None:
    choice = choose([has("a", 1, 2, 4, p99_ms=90), has("b", 3, 3.5, 5, p99_ms=20), has("c", 8, 9, 10)], FLOOR)
    assert choice.taken is not None
    assert choice.taken.name == "b"
    assert not choice.sure
    assert [c.name for c in choice.tied] == ["a"]
    assert [c.name for c in choice.beaten] == ["c"]


def test_what_lies_within_the_noise_floor_is_not_told_apart_however_narrow_the_intervals() -> None:
    assert not choose([has("a", 1.0, 1.0, 1.0), has("b", 1.04, 1.04, 1.04)], FLOOR).sure
    assert choose([has("a", 1.0, 1.0, 1.0), has("b", 1.06, 1.06, 1.06)], FLOOR).sure


def test_few_rounds_are_as_seen_and_no_verdict_however_far_apart() -> None:
    choice = choose([has("a", 1, 1, 1, rounds=3), has("b", 900, 1000, 1100, rounds=3)], FLOOR)
    assert choice.seen_only
    assert not choice.sure


def test_nobody_is_taken_where_nobody_has_the_figure() -> None:
    assert choose([Candidate(name="a", figure=missing("not measured"))], FLOOR).taken is None
    assert choose([], FLOOR).taken is None


def test_the_order_of_the_run_decides_where_nothing_else_does() -> None:
    choice = choose([has("later", 1, 1, 1), has("first", 1, 1, 1)], FLOOR)
    assert choice.taken is not None
    assert choice.taken.name == "later"


FIGURES = st.tuples(st.floats(0.1, 1e4), st.floats(1.0, 1.5), st.floats(1.0, 1.5))


@given(mine=FIGURES, other=FIGURES, m=st.floats(0.05, 0.25))
def test_the_sensitivity_is_where_the_answer_turns(
    mine: tuple[float, float, float], other: tuple[float, float, float], m: float
) -> None:
    """Grown just below `touches_at`, the one taken is still told apart; grown to `turns_at`, the next leads."""
    a, b = (has(name, v / down, v, v * up) for name, (v, down, up) in (("a", mine), ("b", other)))
    choice = choose([a, b], m)
    if not choice.sure or choice.taken is None or choice.next is None:
        assert choice.touches_at is None
        return
    assert choice.touches_at is not None
    assert choice.turns_at is not None

    def grown(by: float) -> Candidate:
        assert choice.taken is not None
        f = choice.taken.figure
        return has(choice.taken.name, f.low * by, f.value * by, f.high * by)

    if choice.turns_at / (1 + m) > choice.touches_at:
        assert choose([grown(choice.touches_at * 0.999), choice.next], m).sure
    assert not choose([grown(choice.touches_at * 1.001), choice.next], m).sure
    turned = choose([grown(choice.turns_at * 1.001), choice.next], m)
    assert choice.next.name in {turned.taken and turned.taken.name, *(c.name for c in turned.tied)}


@pytest.mark.parametrize("low", [0.0, 1.0])
def test_a_figure_of_zero_has_no_factor_to_grow_by(low: float) -> None:
    choice = choose([has("none", 0, 0, 0), has("some", 1 + low, 2 + low, 3 + low)], FLOOR)
    assert choice.sure
    assert choice.turns_at is None
