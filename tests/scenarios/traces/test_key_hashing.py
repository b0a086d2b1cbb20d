"""Hashes of keys are the same wherever the key stands, on every machine, and choose a sample of keys."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stampede.scenarios.traffic.trace_files.key_hashing import hash_texts
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceChunk


@given(st.lists(st.binary(max_size=40), max_size=50))
def test_hash_of_a_key_does_not_depend_on_its_place(keys: list[bytes]) -> None:
    """A key has the same hash alone and among others; different keys have different ones."""
    together = hash_texts(keys).tolist()
    assert together == [hash_texts([key]).tolist()[0] for key in keys]
    assert len(set(together)) == len(set(keys))


def test_hashes_are_stable() -> None:
    """The hash of a key is the one that it had when the suite was written: samples of traces stay comparable."""
    assert hash_texts([b"q:q:1:8WTwl7huJeQ", b""]).tolist() == STABLE


STABLE = [16891191040681681212, 16294208416658607535]


def test_similar_keys_have_unrelated_hashes() -> None:
    """A hundred thousand numbered keys have distinct hashes, and each tenth of their range has a tenth of them."""
    hashes = hash_texts([b"user:%d" % number for number in range(100_000)])
    assert len(np.unique(hashes)) == 100_000
    tenths = np.bincount((hashes / 2.0**64 * 10).astype(int), minlength=10)
    assert 9_500 < tenths.min() <= tenths.max() < 10_500  # five standard deviations


@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_sample_has_all_requests_of_a_key_or_none(share: float, other: float) -> None:
    """The sample of the smaller share lies within that of the larger one, and each key is whole in it."""
    keys = hash_texts([b"key-%d" % (number % 100) for number in range(300)])
    chunk = TraceChunk(
        time_s=np.arange(300.0),
        key=keys,
        operation=np.zeros(300, dtype=np.int8),
        size_bytes=np.full(300, 10),
        ttl_s=np.full(300, np.nan),
    )
    small, large = (chunk.sampled(each) for each in sorted((share, other)))
    assert set(small.key.tolist()) <= set(large.key.tolist())
    assert np.all(np.unique(large.key, return_counts=True)[1] == 3)
