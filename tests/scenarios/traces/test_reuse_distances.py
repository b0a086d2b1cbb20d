"""Hit rates by memory: equal to a simulation of LRU if all keys are counted, near it if they are sampled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.scenarios.traffic.trace_files.key_hashing import hash_texts
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk, TraceOperation
from stampede.scenarios.traffic.trace_statistics.hit_rates.reuse_distances import (
    ReuseDistances,
    earlier_and_not_greater,
)
from tests.scenarios.traces.plain_computation import Request, lru_hit_rate

NUMBERS = {"read": TraceOperation.READ, "write": TraceOperation.WRITE, "delete": TraceOperation.DELETE}


def chunk_of(requests: list[Request]) -> TraceChunk:
    """The requests as columns."""
    return TraceChunk(
        time_s=np.array([each.time_s for each in requests], dtype=np.float64),
        key=hash_texts([each.key.encode() for each in requests]),
        operation=np.array([NUMBERS[each.operation] for each in requests], dtype=np.int8),
        size_bytes=np.full(len(requests), -1, dtype=np.int64),
        ttl_s=np.full(len(requests), np.nan),
    )


def zipf_requests(count: int, keys: int, skew: float) -> list[Request]:
    """Reads of keys by Zipf's law, one a millisecond, with a write now and then."""
    rng = np.random.default_rng(5)
    shares = np.arange(1, keys + 1) ** -skew
    drawn = rng.choice(keys, size=count, p=shares / shares.sum()).tolist()
    return [
        Request(number / 1000, f"key-{key}", "write" if number % 20 == 0 else "read", None, None)
        for number, key in enumerate(drawn)
    ]


@given(st.lists(st.integers(-1, 20), max_size=200))
def test_earlier_values_that_are_not_greater_are_counted(values: list[int]) -> None:
    """For each value the count equals that of a comparison with every earlier one."""
    counted = earlier_and_not_greater(np.array(values, dtype=np.int64)).tolist()
    assert counted == [sum(earlier <= value for earlier in values[:place]) for place, value in enumerate(values)]


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["read", "write"])), min_size=1, max_size=120),
    st.integers(1, 12),
    st.integers(1, 50),
)
def test_hit_rate_equals_that_of_a_simulated_cache(
    drawn: list[tuple[str, str]], entries: int, chunk_length: int
) -> None:
    """With all keys counted, every capacity has the hit rate of a simulated LRU cache, however the trace is cut."""
    requests = [Request(0.0, key, operation, None, None) for key, operation in drawn]
    distances = ReuseDistances()
    for begin in range(0, len(requests), chunk_length):
        distances.add(chunk_of(requests[begin : begin + chunk_length]))
    assert distances.hit_rate(entries) == pytest.approx((lru_hit_rate(requests, entries), 0.0), nan_ok=True) or all(
        each.operation == "write" for each in requests
    )


def test_read_after_a_delete_misses() -> None:
    """A delete between two reads of a key makes the second one miss, also across chunks."""
    requests = [Request(0.0, "a", operation, None, None) for operation in ("read", "delete", "read", "read")]
    for chunk_length in (1, 2, 4):
        distances = ReuseDistances()
        for begin in range(0, len(requests), chunk_length):
            distances.add(chunk_of(requests[begin : begin + chunk_length]))
        assert distances.hit_rate(10).rate == pytest.approx(1 / 3)


def test_sample_of_the_keys_estimates_the_hit_rate() -> None:
    """A tenth of the keys, or a bounded number of them, gives hit rates within four standard errors and 5 points."""
    requests = zipf_requests(100_000, 20_000, 0.9)
    sampled, bounded = ReuseDistances(share=0.1), ReuseDistances(most_keys=3_000)
    for begin in range(0, len(requests), 10_000):
        chunk = chunk_of(requests[begin : begin + 10_000])
        sampled.add(chunk)
        bounded.add(chunk)
    assert sampled.share == 0.1
    assert bounded.share < 0.5
    for entries in (500, 2_000, 8_000):
        exact = lru_hit_rate(requests, entries)
        for distances in (sampled, bounded):
            found = distances.hit_rate(entries)
            assert 0 < found.error < 0.04
            assert abs(found.rate - exact) < min(4 * found.error, 0.05)
