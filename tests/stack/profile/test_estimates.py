"""An interval of an estimate contains the true value about as often as it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.stack.profile.estimates import (
    SampleEstimate,
    mean_estimate,
    plainest,
    quantile_estimate,
    ratio_estimate,
    share_estimate,
    ttl_estimate,
)

TRIALS = 400


def covered(estimates: list[SampleEstimate], true: float) -> float:
    """The share of the intervals that contain the true value."""
    return sum((e.low is None or e.low <= true) and (e.high is None or true <= e.high) for e in estimates) / len(
        estimates
    )


def test_intervals_contain_the_true_value_in_about_95_of_100_samples() -> None:
    """Means, shares, ratios and medians of samples from known distributions."""
    rng = np.random.default_rng(1)
    means = [mean_estimate(rng.poisson(80, 10).tolist()) for _ in range(TRIALS)]
    shares = [share_estimate(rng.binomial(200, 0.1), 200) for _ in range(TRIALS)]
    medians = [quantile_estimate(rng.exponential(1.0, 99).tolist(), 0.5) for _ in range(TRIALS)]
    ratios = []
    for _ in range(TRIALS):
        totals = rng.poisson(100, 10)
        ratios.append(ratio_estimate(rng.binomial(totals, 0.8).tolist(), totals.tolist()))
    for estimates, true in ((means, 80), (shares, 0.1), (medians, np.log(2)), (ratios, 0.8)):
        assert 0.92 <= covered(estimates, true) <= 0.995


def test_the_ttl_of_entries_that_live_one_ttl_is_found() -> None:
    """Their remaining times are uniform, and the interval of the TTL contains it in 95 of 100 samples."""
    rng = np.random.default_rng(2)
    found = [ttl_estimate(rng.uniform(0, 300, 150).tolist()) for _ in range(TRIALS)]
    assert 0.92 <= covered([each.ttl_s for each in found if each], 300) <= 0.98
    assert np.mean([each.ttl_s.value for each in found if each]) == pytest.approx(300, rel=0.005)
    assert sum(each.is_uniform for each in found if each) >= 0.97 * TRIALS


def test_two_ttls_are_not_taken_for_one() -> None:
    rng = np.random.default_rng(3)
    remaining = [*rng.uniform(0, 30, 200).tolist(), *rng.uniform(0, 300, 200).tolist()]
    found = ttl_estimate(remaining)
    assert found is not None
    assert not found.is_uniform
    assert found.ttl_s.value == pytest.approx(300, rel=0.03)
    assert ttl_estimate([]) is None


@given(value=st.floats(0.01, 1e6), share=st.floats(0, 0.2))
def test_the_plainest_number_lies_in_the_interval(value: float, share: float) -> None:
    found = plainest(SampleEstimate(value=value, low=value * (1 - share), high=value * (1 + share)))
    assert value * (1 - share) <= found <= value * (1 + share)
    assert plainest(SampleEstimate(value=299.8, low=299.4, high=301)) == 300


def test_a_share_of_nothing_is_unknown() -> None:
    assert share_estimate(0, 0) == SampleEstimate(value=0, low=0, high=1)
