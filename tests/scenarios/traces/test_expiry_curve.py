"""Hit rates by TTL: equal to a simulation of entries that expire."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.scenarios.traffic.trace_statistics.hit_rates.expiry_curve import LIFETIMES_S, ExpiryCurve
from tests.scenarios.traces.plain_computation import Request, expiry_hit_rate
from tests.scenarios.traces.test_reuse_distances import chunk_of, zipf_requests

STEPS = st.tuples(
    st.sampled_from([0.0, 0.5, 1.0, 4.0, 5.0, 100.0, 3_599.0]),
    st.sampled_from("abcd"),
    st.sampled_from(["read", "read", "read", "write", "delete"]),
)


@given(st.lists(STEPS, min_size=1, max_size=80), st.integers(1, 40))
def test_hit_rate_equals_that_of_simulated_entries(steps: list[tuple[float, str, str]], chunk_length: int) -> None:
    """With all keys counted, each lifetime has the hit rate of simulated entries, however the trace is cut."""
    times = np.cumsum([gap for gap, _, _ in steps]).tolist()
    requests = [
        Request(time_s, key, operation, None, None) for time_s, (_, key, operation) in zip(times, steps, strict=True)
    ]
    curve = ExpiryCurve()
    for begin in range(0, len(requests), chunk_length):
        curve.add(chunk_of(requests[begin : begin + chunk_length]))
    for number, lifetime_s in enumerate(LIFETIMES_S):
        assert curve.hit_rate(number).rate == pytest.approx(expiry_hit_rate(requests, lifetime_s), nan_ok=True)


def test_sample_of_the_keys_estimates_the_hit_rate_by_ttl() -> None:
    """A fifth of the keys gives hit rates within four standard errors and 5 points."""
    requests = zipf_requests(60_000, 20_000, 0.8)
    curve = ExpiryCurve(share=0.2)
    for begin in range(0, len(requests), 10_000):
        curve.add(chunk_of(requests[begin : begin + 10_000]))
    for number in (1, 3, len(LIFETIMES_S) - 1):
        found = curve.hit_rate(number)
        exact = expiry_hit_rate(requests, LIFETIMES_S[number])
        assert 0 < found.error < 0.04
        assert abs(found.rate - exact) < min(4 * found.error, 0.05)
