"""The skew that is fitted to a hit rate has this hit rate, by the closed form and by a simulated cache."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.core.models.closed_forms import ttl_hit_rate, zipf_shares
from stampede.core.models.popularity_fit import (
    CacheFacts,
    idle_shares,
    rank_groups,
    skew_for_hit_rate,
    zipf_hit_rate,
)


@given(records=st.integers(1, 10_000_000))
def test_groups_of_ranks_hold_every_rank_once(records: int) -> None:
    ranks, sizes = rank_groups(records)
    assert sizes.sum() == records
    assert (np.diff(ranks) > 0).all()
    assert ranks[0] == 1
    assert ranks[-1] <= records


@pytest.mark.parametrize("skew", [0.0, 0.6, 1.0, 1.5])
def test_the_hit_rate_of_groups_is_that_of_single_ranks(skew: float) -> None:
    facts = CacheFacts(reads_per_s=300, writes_per_s=15, ttl_s=60, load_s=0.01)
    shares = zipf_shares(50_000, skew)
    exact = ttl_hit_rate(shares * 300, 60, load_s=0.01, writes_per_s=shares * 15)
    assert zipf_hit_rate(facts, 50_000, skew) == pytest.approx(exact, abs=1e-4)


@given(
    skew=st.floats(0.05, 3),
    records=st.integers(100, 1_000_000),
    reads_per_s=st.floats(1, 20_000),
    ttl_s=st.floats(0.5, 86_400),
)
def test_the_fitted_skew_reproduces_the_hit_rate(skew: float, records: int, reads_per_s: float, ttl_s: float) -> None:
    facts = CacheFacts(reads_per_s=reads_per_s, writes_per_s=0, ttl_s=ttl_s, load_s=0)
    hit_rate = zipf_hit_rate(facts, records, skew)
    assert zipf_hit_rate(facts, records, skew_for_hit_rate(hit_rate, facts, records)) == pytest.approx(
        hit_rate, abs=1e-3
    )


def test_a_hit_rate_out_of_reach_gets_the_nearest_skew() -> None:
    """Equal popularity has the lowest hit rate, and all reads of one key the highest."""
    facts = CacheFacts(reads_per_s=100, writes_per_s=0, ttl_s=60, load_s=0)
    assert skew_for_hit_rate(0.01, facts, 1_000) == 0
    assert skew_for_hit_rate(1.0, facts, 1_000) == pytest.approx(5, abs=1e-3)


def test_the_fit_recovers_a_simulated_cache() -> None:
    """Hit rate and idle times of a simulated cache of 500 keys, with a skew of 0.9 and a TTL of 20 s."""
    rng = np.random.default_rng(5)
    records, skew, rate, ttl_s, span_s = 500, 0.9, 60.0, 20.0, 3_000.0
    count = rng.poisson(rate * span_s)
    at_s = np.sort(rng.uniform(0, span_s, count)).tolist()
    keys = rng.choice(records, count, p=zipf_shares(records, skew)).tolist()
    expires = [0.0] * records
    used = [0.0] * records
    hits = reads = 0
    for t, key in zip(at_s, keys, strict=True):
        hit = t < expires[key]
        if t > 200:
            hits, reads = hits + hit, reads + 1
        if not hit:
            expires[key] = t + ttl_s
        used[key] = t
    facts = CacheFacts(reads_per_s=rate, writes_per_s=0, ttl_s=ttl_s, load_s=0)
    assert skew_for_hit_rate(hits / reads, facts, records) == pytest.approx(skew, abs=0.02)
    idle = np.array([span_s - u for u, e in zip(used, expires, strict=True) if e > span_s])
    seen = np.array([(idle > s).mean() for s in (2.0, 5.0, 9.0)])
    assert idle_shares(facts, records, skew, np.array([2.0, 5.0, 9.0])) == pytest.approx(seen, abs=0.1)
