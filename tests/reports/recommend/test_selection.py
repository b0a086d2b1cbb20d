"""Selection by one metric: which contender it selects and how certain that is. Each rule on planted figures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.reports.recommend.selection import Candidate, choose
from stampede.reports.statistics.estimate import Estimate, missing

FLOOR = 0.05


def has(name: str, low: float, value: float, high: float, *, rounds: int = 8, p99_ms: float = math.inf) -> Candidate:
    level = 0.95 if rounds >= 6 else None
    figure = Estimate(value=value, low=low, high=high, level=level, rounds=rounds)
    return Candidate(name=name, figure=figure, waits_ms=(p99_ms, math.inf))


def test_a_contender_that_differs_from_all_others_is_taken_with_certainty() -> None:
    choice = choose([has("b", 9, 10, 11), has("a", 1, 1.1, 1.2)], FLOOR)
    assert choice.taken is not None
    assert (choice.taken.name, choice.sure, choice.tied) == ("a", True, ())
    assert choice.next is not None
    assert choice.next.name == "b"


def test_overlapping_intervals_are_tied_and_the_read_p99_suggests_one() -> None:
    choice = choose([has("a", 1, 2, 4, p99_ms=90), has("b", 3, 3.5, 5, p99_ms=20), has("c", 8, 9, 10)], FLOOR)
    assert choice.taken is not None
    assert choice.taken.name == "b"
    assert not choice.sure
    assert [c.name for c in choice.tied] == ["a"]
    assert [c.name for c in choice.worse] == ["c"]


def test_figures_within_the_noise_floor_are_tied_even_with_narrow_intervals() -> None:
    assert not choose([has("a", 1.0, 1.0, 1.0), has("b", 1.04, 1.04, 1.04)], FLOOR).sure
    assert choose([has("a", 1.0, 1.0, 1.0), has("b", 1.06, 1.06, 1.06)], FLOOR).sure


def test_few_rounds_give_no_verdict_even_for_large_differences() -> None:
    choice = choose([has("a", 1, 1, 1, rounds=3), has("b", 900, 1000, 1100, rounds=3)], FLOOR)
    assert choice.seen_only
    assert not choice.sure


def test_no_contender_is_taken_if_none_has_the_figure() -> None:
    assert choose([Candidate(name="a", figure=missing("not measured"))], FLOOR).taken is None
    assert choose([], FLOOR).taken is None


def test_the_order_of_the_run_breaks_the_last_tie() -> None:
    choice = choose([has("later", 1, 1, 1), has("first", 1, 1, 1)], FLOOR)
    assert choice.taken is not None
    assert choice.taken.name == "later"


def test_the_second_metric_breaks_a_tie() -> None:
    """Two p99 overlap, but the p50 is 2.9 ms against 55.8 ms."""
    quick, slow = has("quick", 70, 86, 107).figure, has("slow", 80, 95, 147).figure
    seconds = has("a", 2.8, 2.9, 3.0).figure, has("b", 50, 55.8, 60).figure
    quick_one = Candidate(name="quick", figure=quick, second=seconds[0], waits_ms=(86, 2.9))
    slow_one = Candidate(name="slow", figure=slow, second=seconds[1], waits_ms=(95, 55.8))
    beaten = Candidate(name="last", figure=has("c", 300, 310, 320).figure, second=seconds[0])
    choice = choose([slow_one, quick_one, beaten], FLOOR, FLOOR)
    assert choice.taken is quick_one
    assert choice.sure
    assert (choice.tied, choice.lost_tie_break, choice.worse) == ((), (slow_one,), (beaten,))
    assert choice.next is slow_one
    assert choice.switch_ratio == pytest.approx(55.8 / 2.9)
    ignored = choose([slow_one, quick_one], FLOOR, math.inf)
    assert ignored.tied == (slow_one,)


def test_a_contender_that_lost_the_tie_break_is_no_longer_compared_with_others() -> None:
    """The slow one has the lowest p99. A third is worse than the slow one only; it stays tied with the quick one."""
    p50 = [has("", v * 0.9, v, v * 1.1).figure for v in (55.0, 2.9, 3.0)]
    names = [("slow", 80, 84, 88), ("quick", 86, 90, 95), ("third", 90, 94, 99)]
    slow, quick, third = (
        Candidate(name=n, figure=has(n, low, v, high).figure, second=s, waits_ms=(v, s.value))
        for (n, low, v, high), s in zip(names, p50, strict=True)
    )
    choice = choose([slow, quick, third], FLOOR, 1.0, 1.0)
    assert (choice.taken, choice.tied, choice.lost_tie_break, choice.worse) == (quick, (third,), (slow,), ())


def test_a_second_figure_that_differs_by_less_than_its_floor_leaves_the_tie() -> None:
    """A difference of 0.7 ms in the median does not drop the contender whose p99 may be the lowest."""
    lead = Candidate(name="lead", figure=has("", 5.8, 9.3, 44.8).figure, second=has("", 1.6, 1.7, 1.8).figure)
    other = Candidate(name="other", figure=has("", 44, 45, 46).figure, second=has("", 0.9, 1.0, 1.1).figure)
    choice = choose([lead, other], FLOOR, 1.0, 1.0)
    assert choice.lost_tie_break == ()
    assert choice.taken is lead
    assert choice.tied == (other,)


def test_an_infinite_noise_floor_ties_all_contenders() -> None:
    choice = choose([has("a", 0, 0, 0), has("b", 900, 1000, 1100)], math.inf)
    assert len(choice.tied) == 1
    assert not choice.sure


FIGURES = st.tuples(st.floats(0.1, 1e4), st.floats(1.0, 1.5), st.floats(1.0, 1.5))


@given(mine=FIGURES, other=FIGURES, m=st.floats(0.05, 0.25))
def test_the_sensitivity_is_the_point_where_the_answer_changes(
    mine: tuple[float, float, float], other: tuple[float, float, float], m: float
) -> None:
    """Just below `overlap_ratio` the choice is still sure; at `switch_ratio` the next contender leads."""
    a, b = (has(name, v / down, v, v * up) for name, (v, down, up) in (("a", mine), ("b", other)))
    choice = choose([a, b], m)
    if not choice.sure or choice.taken is None or choice.next is None:
        assert choice.overlap_ratio is None
        return
    assert choice.overlap_ratio is not None
    assert choice.switch_ratio is not None

    def grown(by: float) -> Candidate:
        assert choice.taken is not None
        f = choice.taken.figure
        return has(choice.taken.name, f.low * by, f.value * by, f.high * by)

    if choice.switch_ratio / (1 + m) > choice.overlap_ratio:
        assert choose([grown(choice.overlap_ratio * 0.999), choice.next], m).sure
    assert not choose([grown(choice.overlap_ratio * 1.001), choice.next], m).sure
    turned = choose([grown(choice.switch_ratio * 1.001), choice.next], m)
    assert choice.next.name in {turned.taken and turned.taken.name, *(c.name for c in turned.tied)}


@pytest.mark.parametrize("low", [0.0, 1.0])
def test_a_figure_of_zero_has_no_factor_to_grow_by(low: float) -> None:
    choice = choose([has("none", 0, 0, 0), has("some", 1 + low, 2 + low, 3 + low)], FLOOR)
    assert choice.sure
    assert choice.switch_ratio is None
