"""Analysis of limiters, checked by brute force and planted arrivals."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.core.models.greedy_log import greedy_log
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls, calls
from stampede.reports.topics.rate_limiting.decision_counts.decisions import (
    overlapping,
    peak_to_mean,
    recovery_s,
    retry_outcomes,
    wrong,
)
from stampede.reports.topics.rate_limiting.decision_counts.entitlement import jain, share
from stampede.reports.topics.rate_limiting.decision_counts.rolling_windows import (
    excess,
    most_beyond_refill,
    rolling_certain,
    rolling_possible,
)
from stampede.reports.topics.rate_limiting.limiter_analysis import verdict

WINDOW = 10.0
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8), st.booleans()), max_size=14)


def made(spans: list[tuple[int, int, bool]]) -> Calls:
    return calls([s for s, _, _ in spans], [s + took for s, took, _ in spans], [a for _, _, a in spans])


@given(SPANS)
def test_fullest_windows_equal_brute_force(spans: list[tuple[int, int, bool]]) -> None:
    """Over all windows (t − W, t]: the largest certain count and the largest possible count."""
    admitted = made(spans).admitted
    pairs = list(zip(admitted.start_s, admitted.end_s, strict=True))
    # all instants are whole numbers, so windows that end on a half or a whole number cover all cases
    ends = np.arange(-1.0, 90.0, 0.5)
    certain = [sum(s > t - WINDOW and e <= t for s, e in pairs) for t in ends]
    possible = [sum(s <= t and e > t - WINDOW for s, e in pairs) for t in ends]
    assert rolling_certain(admitted, WINDOW).most == max(certain)
    assert rolling_possible(admitted, WINDOW).most == max(possible)
    assert rolling_certain(admitted, WINDOW).above(1) == 0.5 * sum(n > 1 for n in certain)


@given(SPANS, st.sampled_from([0.1, 0.5, 2.0]))
def test_required_bucket_capacity_is_between_certain_and_possible(
    spans: list[tuple[int, int, bool]], refill: float
) -> None:
    """For any decision instants within the calls, N − R·t is at least the certain and at most the possible value."""
    admitted = made(spans).admitted
    certain, possible = most_beyond_refill(admitted, refill)
    for at in (admitted.start_s, admitted.end_s, admitted.instant_s):
        need = brute_need(np.sort(at), refill)
        assert certain <= need + 1e-9
        assert need <= possible + 1e-9
    exact = calls(admitted.instant_s, admitted.instant_s, admitted.allowed)
    sides = most_beyond_refill(exact, refill)
    assert np.allclose(sides, brute_need(exact.instant_s, refill))


def brute_need(instants: np.ndarray, refill: float) -> float:
    return max(
        (
            j - i + 1 - refill * (instants[j] - instants[i])
            for i in range(len(instants))
            for j in range(i, len(instants))
        ),
        default=0.0,
    )


@settings(max_examples=60)
@given(st.lists(st.integers(0, 40), max_size=9), st.integers(1, 3))
def test_no_limiter_that_keeps_the_window_admits_more_than_the_greedy_log(times: list[int], limit: int) -> None:
    """Compared with every subset that keeps at most L in each window, at every prefix."""
    instants = np.sort(np.array(times, dtype=np.float64))
    greedy = np.cumsum(greedy_log(instants, limit, WINDOW))
    for chosen in itertools.product([False, True], repeat=len(instants)):
        picked = instants[np.array(chosen, dtype=bool)]
        if all(sum((picked > t - WINDOW) & (picked <= t)) <= limit for t in picked):
            assert (np.cumsum(chosen) <= greedy).all()


@given(SPANS, st.integers(1, 3))
def test_wrong_decisions_are_exactly_those_that_break_the_rule(spans: list[tuple[int, int, bool]], limit: int) -> None:
    """With exact instants and the limiter's own history."""
    seen = made([(s, 0, a) for s, _, a in {s: (s, took, a) for s, took, a in spans}.values()])
    over = under = 0
    for i, (t, allowed) in enumerate(zip(seen.start_s, seen.allowed, strict=True)):
        own = sum(bool(a) and t - WINDOW < u for u, a in zip(seen.start_s[:i], seen.allowed[:i], strict=True))
        over += int(allowed and own >= limit)
        under += int(not allowed and own < limit)
    found = wrong(seen, limit, WINDOW)
    assert (found.admitted, found.refused) == (over, under)


def test_overlapping_calls_are_not_called_wrong() -> None:
    """Two overlapping calls may have been decided in either order."""
    assert wrong(calls([0, 1], [2, 3], [True, False]), 1, WINDOW).refused == 0
    assert wrong(calls([0, 3], [2, 4], [True, True]), 1, WINDOW).admitted == 1


def test_excess_and_time_above_of_a_double_burst() -> None:
    """2 L calls at once: L excess admissions, and about one window of time above the limit."""
    at = np.arange(8) / 100
    seen = calls(at, at, np.ones(8))
    assert excess(seen, WINDOW, 4) == 4
    assert np.isclose(rolling_certain(seen, WINDOW).above(4), WINDOW - 0.04 + 0.04 - 0.01)


def test_lowest_share_shows_starvation_even_if_the_end_recovers() -> None:
    """The lowest share is taken over all instants after the first window, not only at the end."""
    at = np.arange(0, 60, 1.0)
    allowed = np.array([t < 2 or t >= 40 for t in at])
    got = share(calls(at, at, allowed), 2, WINDOW)
    assert got.lowest < 0.3
    assert got.at_end > got.lowest


def test_retry_times_and_remaining_counts_are_compared_with_the_next_call() -> None:
    """With a retry time of 5, a next call at 5 or later has waited; an earlier admitted call shows it was too late."""
    waited = calls([0, 6], [1, 7], [False, True], [0, 0], [5, 0])
    found = retry_outcomes(waited)
    assert (found.waited, found.waited_admitted, found.sooner) == (1, 1, 0)
    found = retry_outcomes(calls([0, 2], [1, 3], [False, True], [0, 0], [5, 0]))
    assert (found.sooner, found.sooner_admitted, found.waste_s) == (1, 1, 3)
    found = retry_outcomes(calls([0, 2], [1, 3], [True, False], [1, 0], [0, 5]))
    assert (found.guaranteed, found.guaranteed_admitted) == (1, 0)


def test_overlapping_call_may_have_used_the_remaining_count() -> None:
    """A remaining count of one guarantees nothing if another call overlaps."""
    seen = calls([0, 0.5, 2], [1, 1.5, 3], [True, True, False], [1, 1, 0], [0, 0, 5])
    assert overlapping(seen).tolist() == [1, 1, 0]
    assert retry_outcomes(seen).guaranteed == 0


def test_recovery_is_counted_from_the_end_of_the_flood() -> None:
    at = np.arange(0, 30, 1.0)
    seen = calls(at, at, at >= 12)
    assert recovery_s(seen, 10, 1) == 2
    assert recovery_s(seen, 10, 10) == 11
    assert np.isnan(recovery_s(seen, 25, 10))


def test_fairness_and_peaks() -> None:
    assert jain(np.array([1.0, 1.0, 1.0])) == 1
    assert np.isclose(jain(np.array([1.0, 0.0, 0.0, 0.0])), 0.25)
    assert peak_to_mean(np.array([0.1, 0.1, 0.1, 0.9]), 0.5, 1.0) == 1.5
    assert np.isnan(peak_to_mean(np.array([]), 0.5, 1.0))


def test_contract_verdicts_need_certainty() -> None:
    """Broken if the certain value exceeds the bound, kept if the possible value does not, else cannot tell."""
    assert [verdict(9, 9, 8), verdict(8, 9, 8), verdict(7, 8, 8)] == ["broken", "cannot tell", "kept"]
