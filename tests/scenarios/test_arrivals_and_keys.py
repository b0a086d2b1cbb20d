"""Due times and keys are drawn in advance from the seed, with the stated distribution."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from stampede.core.models.closed_forms import zipf_shares
from stampede.scenarios.traffic.arrivals import due_times_ns
from stampede.scenarios.traffic.key_distributions import by_popularity, draw_keys
from stampede.scenarios.workload import Arrivals

kinds = st.sampled_from(["poisson", "constant"])


@given(kind=kinds, rate=st.floats(1, 2000), span=st.floats(0.05, 5), shares=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_due_times_ascend_within_the_span(kind: Arrivals, rate: float, span: float, shares: int, seed: int) -> None:
    for share in range(shares):
        due = due_times_ns(kind, rate, span, share=share, shares=shares, rng=np.random.default_rng([seed, share]))
        assert np.all(np.diff(due) >= 0)
        assert len(due) == 0 or (due[0] >= 0 and due[-1] < span * 1e9)


@given(kind=kinds, seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_processes_have_different_instants(kind: Arrivals, seed: int) -> None:
    shares = [
        due_times_ns(kind, 500, 2, share=share, shares=3, rng=np.random.default_rng([seed, share])).tolist()
        for share in range(3)
    ]
    together = [instant for share in shares for instant in share]
    assert len(set(together)) == len(together)


def test_constant_arrivals_of_all_processes_are_evenly_spaced() -> None:
    rng = np.random.default_rng(1)
    together = np.sort(np.concatenate([due_times_ns("constant", 100, 2, share=s, shares=3, rng=rng) for s in range(3)]))
    assert len(together) == 200
    assert np.allclose(np.diff(together), 1e7, atol=2)


def test_poisson_arrivals_of_all_processes_have_exponential_gaps() -> None:
    shares = [due_times_ns("poisson", 1000, 20, share=s, shares=2, rng=np.random.default_rng([3, s])) for s in range(2)]
    gaps_s = np.diff(np.sort(np.concatenate(shares))) / 1e9
    assert stats.kstest(gaps_s, "expon", args=(0, 1 / 1000)).pvalue > 0.001


@given(ranks=st.integers(1, 500), skew=st.floats(0, 3))
def test_zipf_shares_sum_to_one_and_fall_with_the_rank(ranks: int, skew: float) -> None:
    shares = zipf_shares(ranks, skew)
    assert np.isclose(shares.sum(), 1)
    assert np.all(np.diff(shares) <= 0)


def test_keys_are_drawn_in_proportion_to_their_shares() -> None:
    ids = np.arange(10, 20)
    shares = zipf_shares(10, 1.0)
    drawn = draw_keys(ids, shares, 50_000, np.random.default_rng(5))
    counts = np.array([np.sum(drawn == record_id) for record_id in ids])
    assert stats.chisquare(counts, shares * len(drawn)).pvalue > 0.001


def test_popularity_is_a_permutation_from_the_seed() -> None:
    ids = np.arange(1, 1001)
    assert sorted(by_popularity(ids, 1)) == ids.tolist()
    assert by_popularity(ids, 1).tolist() == by_popularity(ids, 1).tolist() != by_popularity(ids, 2).tolist()
