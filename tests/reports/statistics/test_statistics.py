"""Statistics over rounds, checked by brute force, by simulated coverage, and by properties."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.reports.statistics.clustered import clustered_mean, counted_mean, pooled_quantile
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MEDIAN_LEVEL, MIN_ROUNDS, median, median_level, quantile
from stampede.reports.statistics.rank_tests import Shift, holm, shift, signed_rank_below
from stampede.reports.statistics.verdict import noise_floor, sentence

REPEATS = 4000
VALUES = st.floats(0.01, 1e6)


@pytest.mark.parametrize("n", range(1, 11))
def test_signed_rank_distribution_equals_that_of_all_sign_patterns(n: int) -> None:
    sums = [
        sum(r for r, s in zip(range(1, n + 1), signs, strict=True) if s)
        for signs in itertools.product([0, 1], repeat=n)
    ]
    below = signed_rank_below(n)
    assert len(below) == n * (n + 1) // 2 + 1
    for t, p in enumerate(below):
        assert p == sum(s <= t for s in sums) / 2**n


@pytest.mark.parametrize(("rounds", "level"), [(6, 0.96875), (8, 0.9609375), (10, 0.951171875)])
def test_signed_rank_interval_has_its_exact_level(rounds: int, level: float) -> None:
    assert shift([float(i) for i in range(1, rounds + 1)]).level == level


@given(st.lists(st.floats(-100, 100), min_size=MIN_ROUNDS, max_size=12))
def test_p_and_interval_of_a_shift_agree(differences: list[float]) -> None:
    found = shift(differences)
    excludes_zero = found.low > 0 or found.high < 0
    assert excludes_zero == (found.p <= 1 - found.level + 1e-12)
    assert found.low <= found.estimate <= found.high


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12))
def test_shift_is_antisymmetric(differences: list[float]) -> None:
    there, back = shift(differences), shift([-d for d in differences])
    assert math.isclose(there.estimate, -back.estimate, abs_tol=1e-9)
    assert math.isclose(there.low, -back.high, abs_tol=1e-9)
    assert there.p == back.p


@pytest.mark.parametrize("rounds", [6, 8, 10])
def test_signed_rank_interval_covers_at_its_level(rounds: int) -> None:
    draws = np.random.default_rng(rounds).normal(0.3, 1.0, (REPEATS, rounds))
    found = [shift(row) for row in draws.tolist()]
    covered = float(np.mean([s.low <= 0.3 <= s.high for s in found]))
    level = found[0].level
    assert abs(covered - level) < 4 * math.sqrt(level * (1 - level) / REPEATS)


@pytest.mark.parametrize("rounds", [6, 7, 8, 9, 10, 15])
def test_median_interval_covers_at_its_level_for_a_skewed_distribution(rounds: int) -> None:
    draws = np.random.default_rng(rounds).exponential(1.0, (REPEATS, rounds))
    found = [median(row) for row in draws.tolist()]
    covered = float(np.mean([e.low <= math.log(2) <= e.high for e in found]))
    level = found[0].level
    assert level is not None
    assert level >= MEDIAN_LEVEL
    assert abs(covered - level) < 4 * math.sqrt(level * (1 - level) / REPEATS) + 1e-3


def test_median_interval_of_eight_rounds_is_the_second_to_the_seventh_value() -> None:
    found = median([8, 1, 7, 2, 6, 3, 5, 4])
    assert (found.value, found.low, found.high) == (4.5, 2, 7)
    assert found.level == pytest.approx(0.9297, abs=1e-4)
    assert median_level(8, 1) == pytest.approx(0.9922, abs=1e-4)


@given(st.lists(VALUES, min_size=1, max_size=MIN_ROUNDS - 1))
def test_below_six_rounds_there_is_a_range_and_no_level(values: list[float]) -> None:
    found = median(values)
    assert found.level is None
    assert (found.low, found.high) == (min(values), max(values))


@given(st.lists(VALUES, min_size=1, max_size=MIN_ROUNDS - 1))
def test_below_six_rounds_there_is_no_verdict(values: list[float]) -> None:
    comparison = compare(values, [v * 100 for v in values])
    assert comparison.ratio is None
    assert sentence(comparison, 0.05, 0.0, "lower") == ""


@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_is_the_step_down_procedure(p: list[float]) -> None:
    adjusted = holm(p)
    for alpha in (0.01, 0.05, 0.2, 0.5):
        rejected: set[int] = set()
        for position, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if p[i] * (len(p) - position) > alpha:
                break
            rejected.add(i)
        assert {i for i, a in enumerate(adjusted) if a <= alpha} == rejected
    assert all(a >= min(1.0, x) for a, x in zip(adjusted, p, strict=True))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=MIN_ROUNDS, max_size=10), st.floats(0.1, 10))
def test_ratio_does_not_depend_on_the_unit(pairs: list[tuple[float, float]], unit: float) -> None:
    a = compare([v for v, _ in pairs], [r for _, r in pairs])
    b = compare([v * unit for v, _ in pairs], [r * unit for _, r in pairs])
    assert a.ratio is not None
    assert b.ratio is not None
    assert math.isclose(a.ratio.estimate, b.ratio.estimate, rel_tol=1e-6)
    assert math.isclose(a.ratio.low, b.ratio.low, rel_tol=1e-6)


def test_constant_ratio_is_found_exactly() -> None:
    base = [3.0, 5.0, 2.0, 8.0, 4.0, 6.0, 7.0, 9.0]
    found = compare([2 * x for x in base], base).ratio
    assert found is not None
    assert found.estimate == pytest.approx(2)
    assert [found.low, found.high] == pytest.approx([2, 2])


def test_values_with_a_zero_are_compared_by_difference() -> None:
    comparison = compare([0.0] * 8, [10.0, 11, 12, 13, 14, 15, 16, 17])
    assert comparison.ratio is None
    assert comparison.difference is not None
    assert comparison.difference.high < 0
    assert sentence(comparison, 0.05, 0.03, "lower") == "better"
    assert sentence(comparison, 0.05, 0.03, "higher") == "worse"
    assert sentence(compare([0.0] * 8, [0.0] * 8), 0.05, 1.0, "lower") == "same"


def test_rounds_that_one_side_lacks_are_left_out() -> None:
    assert compare([1.0, math.nan, 3.0], [1.0, 2.0, math.inf]).rounds == 1


def ratio(low: float, high: float) -> Comparison:
    s = Shift(estimate=math.sqrt(low * high), low=low, high=high, level=0.96, p=0.01, rounds=8)
    return Comparison(ratio=s, difference=s, rounds=8)


@pytest.mark.parametrize(
    ("low", "high", "m", "p", "expected"),
    [
        (0.5, 0.8, 0.05, 0.03, "better"),
        (1.2, 1.8, 0.05, 0.03, "worse"),
        (1.01, 1.04, 0.05, 0.03, "same"),
        (0.97, 1.04, 0.05, 1.0, "same"),
        (0.90, 1.04, 0.05, 1.0, "cannot tell"),
        (0.90, 1.04, 0.15, 1.0, "same"),
        (0.5, 0.8, 0.05, 0.06, "cannot tell"),
        (0.9, 1.2, 0.25, 1.0, "same"),
        (0.9, 1.2, 0.26, 1.0, "cannot tell"),
        (0.7, 0.9, 1.62, 0.03, "cannot tell"),
        (0.96, 0.99, 0.02, 0.03, "better"),
    ],
)
def test_there_are_four_verdicts(low: float, high: float, m: float, p: float, expected: str) -> None:
    assert sentence(ratio(low, high), m, p, "lower") == expected


@pytest.mark.parametrize(("low", "high", "m"), [(0.99, 1.02, 0.05), (0.8, 1.1, 0.25), (0.9, 1.3, 0.3)])
def test_noise_floor_is_the_reach_of_the_aa_interval_and_at_least_5_percent(low: float, high: float, m: float) -> None:
    assert noise_floor(ratio(low, high)) == pytest.approx(m)
    assert noise_floor(None) == 0.05


def test_copies_rarely_differ() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.lognormal(0, 0.2, (2, 2000, 8))
    wrong = 0
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        c = compare(x, y)
        wrong += sentence(c, 0.05, c.p, "lower") in ("better", "worse")
    assert wrong / 2000 < 0.06


@pytest.mark.parametrize("rounds", [6, 8, 10])
def test_clustered_mean_covers_at_about_its_level(rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    luck = rng.lognormal(0, 0.3, (REPEATS, rounds))
    counts = rng.integers(2, 5, (REPEATS, rounds))
    true = 9 * math.exp(0.3**2 / 2)
    sums = rng.poisson(9 * luck * counts)
    found = [clustered_mean(s, c) for s, c in zip(sums.tolist(), counts.tolist(), strict=True)]
    covered = float(np.mean([e.low <= true <= e.high for e in found]))
    assert 0.92 < covered < 0.98


def test_clustered_mean_is_total_over_total() -> None:
    found = clustered_mean([10, 0, 4, 3, 3, 3, 9], [5, 0, 2, 1, 1, 1, 3])
    assert found.value == 32 / 13
    assert found.rounds == 6
    assert clustered_mean([3.0] * 8, [3] * 8).low == 1.0


@pytest.mark.parametrize("q", [0.5, 0.99])
def test_pooled_quantile_covers_at_about_its_level(q: float) -> None:
    rng = np.random.default_rng(11)
    repeats = 1500
    luck = rng.normal(0, 0.1, (repeats, 8, 1))
    waits = np.exp(luck + rng.normal(0, 0.5, (repeats, 8, 400)))
    true = math.exp(math.hypot(0.1, 0.5) * {0.5: 0.0, 0.99: 2.3263}[q])
    found = [pooled_quantile(list(rounds), q) for rounds in waits]
    covered = float(np.mean([e.low <= true <= e.high for e in found]))
    assert 0.91 < covered < 0.98


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=60), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_quantile_is_the_smallest_value_that_enough_values_do_not_exceed(values: list[float], q: float) -> None:
    found = quantile(np.array(values), q)
    enough = [v for v in values if sum(x <= v for x in values) >= q * len(values) - 1e-6]
    assert found == min(enough)


def test_99th_percentile_of_a_hundred_has_one_value_beyond_it() -> None:
    assert quantile(np.arange(100.0), 0.99) == 98


def test_open_requests_rank_after_all_answered_requests() -> None:
    waits = np.array([1.0] * 95 + [math.inf] * 5)
    assert quantile(waits, 0.95) == 1.0
    assert math.isinf(quantile(waits, 0.96))


@given(st.integers(MIN_ROUNDS, 20), st.integers(1, 50))
def test_counts_at_their_least_exclude_more_than_three_in_n(rounds: int, each: int) -> None:
    """The rule of three: with a true rate of 3 / n, about one run in twenty would see none."""
    n = rounds * each
    none, once = (counted_mean([least * each] * rounds, [each] * rounds, least) for least in (0.0, 1.0))
    assert [none.low, none.high] == pytest.approx([0, 3 / n])
    assert [once.low, once.high] == pytest.approx([1, 1 + 3 / n])
    assert n < 4 or (1 - 3 / n) ** n <= 0.05
    one_more = [each + 1, *[each] * (rounds - 1)]
    assert counted_mean(one_more, [each] * rounds, 1.0).high == clustered_mean(one_more, [each] * rounds).high
