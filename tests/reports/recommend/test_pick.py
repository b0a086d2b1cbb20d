"""The pick is the simplest candidate that no other beats by more than the minimum; resamples say how sure that is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.reports.recommend.rule.certainty import certainty_of, same_pick_share
from stampede.reports.recommend.rule.pick import LEAST_EFFECT, Candidates, Minimum, centre, minimum_effect
from stampede.reports.recommend.rule.simplicity import by_simplicity, printed_order
from stampede.reports.statistics.comparison import compare
from tests.reports.planted_runs.planted import contender

ROUNDS = np.array([100.0, 104.0, 97.0, 101.0, 99.0, 103.0, 98.0, 102.0])
SCATTER = np.array([0.01, -0.02, 0.015, 0.0, -0.01, 0.02, -0.015, 0.005])


def candidates(*factors: float, rounds: int = 8, scatter: float = 1.0, minimum: float = LEAST_EFFECT) -> Candidates:
    """Candidates whose values are those factors of the first one's, with a scatter of up to 2 % per round."""
    values = [f * ROUNDS * np.exp(scatter * np.roll(SCATTER, 3 * i)) for i, f in enumerate(factors)]
    return Candidates(
        names=tuple("abcdefgh"[: len(factors)]),
        values=np.array(values)[:, :rounds],
        minimum=Minimum(share=minimum, difference=1.0),
    )


@pytest.mark.parametrize(
    ("factors", "pick"),
    [
        ((1.0, 0.92, 0.95), 0),  # 8 % less does not justify a more complex candidate
        ((1.0, 0.8, 0.5), 2),
        ((1.0, 0.8, 0.78), 1),  # the third is better than the second, but by less than the minimum
        ((1.0, 1.3, 0.8), 2),
        ((1.0,), 0),
    ],
)
def test_the_simplest_candidate_that_is_not_beaten_is_picked(factors: tuple[float, ...], pick: int) -> None:
    """Candidates are in the order of simplicity, and lower is better."""
    assert candidates(*factors).pick == pick


def test_a_candidate_beats_another_only_if_the_difference_is_significant() -> None:
    """The estimate alone exceeds the minimum, but the rounds disagree about the sign."""
    values = np.array([ROUNDS, ROUNDS * np.array([0.5, 1.6, 0.5, 0.6, 1.5, 0.6, 0.7, 1.4])])
    loose = Candidates(names=("a", "b"), values=values, minimum=Minimum(share=0.1, difference=1.0))
    assert compare(list(values[1]), list(values[0])).ratio.estimate < 0.9  # type: ignore[union-attr]
    assert loose.pick == 0
    assert certainty_of(loose, same_pick_share(loose)) == "low"


def test_candidates_within_the_minimum_are_tied() -> None:
    """One that is far worse is not tied."""
    assert candidates(1.0, 0.95, 1.5, 1.05).tied == (1, 3)


def test_with_a_zero_the_difference_decides_in_the_unit_of_the_metric() -> None:
    """No ratio exists if a value is zero."""
    values = np.array(
        [[5.0, 6, 5, 7, 6, 5, 6, 7], [0.0, 0, 1, 0, 0, 1, 0, 0], [4.5, 5.5, 4.5, 6.5, 5.5, 4.5, 5.5, 6.5]]
    )
    found = Candidates(names=("a", "b", "c"), values=values, minimum=Minimum(share=0.1, difference=1.0))
    assert not found.has_ratio(0, 1)
    assert found.pick == 1
    strict = Candidates(names=("a", "b", "c"), values=values, minimum=Minimum(share=0.1, difference=50.0))
    assert strict.beats(np.arange(8)[None])[0].any(axis=0).tolist() == [False, False, False]


def test_below_six_rounds_only_a_factor_of_two_counts_and_the_answer_is_not_sure() -> None:
    """The noise of a single round is no reason for another pattern."""
    assert candidates(1.0, 0.7, rounds=1).pick == 0
    assert candidates(1.0, 0.7, rounds=3).pick == 0
    few = candidates(1.0, 0.4, rounds=3)
    assert few.pick == 1
    share = same_pick_share(few)
    assert share is None
    assert certainty_of(few, share) == "low"


def test_the_share_of_equal_picks_is_one_where_all_rounds_agree_and_lower_at_the_minimum() -> None:
    """At an effect of just the minimum, resamples fall on both sides."""
    clear, edge = candidates(1.0, 0.6), candidates(1.0, 0.9, scatter=3.0)
    assert same_pick_share(clear) == 1.0
    assert certainty_of(clear, 1.0) == "high"
    share = same_pick_share(edge)
    assert share is not None
    assert 0.2 < share < 0.95
    assert certainty_of(edge, share) == "low"


def test_an_interval_that_reaches_beyond_the_minimum_makes_an_answer_tied() -> None:
    """The same pick comes out, but the other candidate may be better by more than the minimum."""
    wide = candidates(1.0, 0.93, scatter=4.0)
    assert wide.pick == 0
    assert wide.may_be_beaten()
    assert certainty_of(wide, 1.0) == "tied"
    assert certainty_of(candidates(1.0, 1.0), 1.0) == "high"


def test_the_same_rounds_give_the_same_share() -> None:
    """The seed is fixed, so that a report of the same run is the same."""
    assert same_pick_share(candidates(1.0, 0.9, scatter=3.0)) == same_pick_share(candidates(1.0, 0.9, scatter=3.0))


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=12))
def test_the_estimate_of_the_resamples_is_that_of_the_tests(differences: list[float]) -> None:
    """One statistic: the Hodges–Lehmann estimate of compare() and of the bootstrap agree."""
    values, zeros = [10 + d for d in differences], [10.0] * len(differences)
    shift = compare(values, zeros).difference
    assert shift is not None
    found = float(centre(np.array(values) - np.array(zeros))[0])
    assert math.isclose(found, shift.estimate, abs_tol=1e-9)


def test_the_minimum_is_ten_percent_or_what_the_copies_may_differ_by() -> None:
    """For pairs without a ratio it is the stated difference, or that of the copies."""
    same = compare(list(ROUNDS), list(ROUNDS * np.exp(SCATTER)))
    assert minimum_effect(None, 2.0) == Minimum(share=0.1, difference=2.0)
    assert minimum_effect(same, 2.0) == Minimum(share=0.1, difference=2.0)
    noisy = compare(list(ROUNDS), list(ROUNDS * np.exp(20 * SCATTER)))
    assert 0.1 < minimum_effect(noisy, 2.0).share < 0.5
    zeros = compare([0.0, 9, 0, 9, 0, 9, 0, 9], [9.0, 0, 9, 0, 9, 0, 9, 0])
    assert minimum_effect(zeros, 2.0).difference == pytest.approx(9.0)


def test_fewer_stated_parts_are_simpler_and_unstated_ones_come_last() -> None:
    """Equal ones keep the order of the run."""
    found = [contender(name) for name in ("unstated", "two", "none", "also-two")]
    for info, parts in zip(found, (None, ["x", "y"], [], ["x", "z"]), strict=True):
        info.moving_parts = parts
    assert [c.name for c in by_simplicity(found)] == ["none", "two", "also-two", "unstated"]
    assert printed_order(found)[0] == ("none", "none")
    assert printed_order(found)[-1] == ("unstated", "not stated, so it ranks last")
