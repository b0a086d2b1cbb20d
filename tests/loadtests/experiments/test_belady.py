"""Belady's optimum: the most hits that any eviction policy can have."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.loadtests.experiments.eviction.belady import optimum_hits
from stampede.loadtests.experiments.eviction.key_sequences import LOOP, SEQUENCES

SMALL_SEQUENCES = st.lists(st.integers(min_value=0, max_value=5), max_size=12)
CAPACITIES = st.integers(min_value=0, max_value=4)


def best_by_exhaustion(keys: Sequence[int], capacity: int) -> int:
    """The most hits over every choice of what to keep after each request."""

    @cache
    def best(position: int, stored: frozenset[int]) -> int:
        if position == len(keys):
            return 0
        key = keys[position]
        may_hold = stored | {key}
        choices = [may_hold - {gone} for gone in may_hold] + ([may_hold] if len(may_hold) <= capacity else [])
        return (key in stored) + max(best(position + 1, kept) for kept in choices if len(kept) <= capacity)

    return best(0, frozenset())


def lru(keys: Sequence[int], capacity: int) -> int:
    stored: list[int] = []
    hits = 0
    for key in keys:
        if key in stored:
            hits += 1
            stored.remove(key)
        stored.append(key)
        del stored[: max(0, len(stored) - capacity)]
    return hits


@given(keys=SMALL_SEQUENCES, capacity=CAPACITIES)
def test_the_optimum_equals_the_best_of_all_choices_of_kept_keys(keys: list[int], capacity: int) -> None:
    assert optimum_hits(keys, capacity) == best_by_exhaustion(keys, capacity)


@given(keys=st.lists(st.integers(min_value=0, max_value=30), max_size=200), capacity=st.integers(0, 20))
def test_more_room_never_loses_a_hit_and_lru_never_beats_the_optimum(keys: list[int], capacity: int) -> None:
    assert lru(keys, capacity) <= optimum_hits(keys, capacity) <= optimum_hits(keys, capacity + 1)


@given(keys=st.lists(st.integers(min_value=0, max_value=30), max_size=200))
def test_with_room_for_every_key_each_repetition_is_a_hit(keys: list[int]) -> None:
    assert optimum_hits(keys, 31) == len(keys) - len(set(keys))


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_has_the_requested_length_and_repeats_with_its_seed(name: str) -> None:
    first, again = (SEQUENCES[name](2_000, 100, np.random.default_rng(5)) for _ in range(2))
    assert len(first) == 2_000
    assert first == again


def test_a_loop_longer_than_the_room_defeats_lru_but_not_the_optimum() -> None:
    keys = SEQUENCES["loop"](3_000, 100, np.random.default_rng(1))
    assert lru(keys, 100) == 0
    laps = 3_000 / (100 * LOOP)
    assert optimum_hits(keys, 100) >= (laps - 1) * 99  # it may keep 99 of the keys permanently


def test_one_hit_wonders_occur_once_and_scans_repeat() -> None:
    wonders = SEQUENCES["one-hit wonders"](4_000, 100, np.random.default_rng(1))
    scans = SEQUENCES["zipf plus scans"](4_000, 100, np.random.default_rng(1))
    popular = set(SEQUENCES["zipf"](4_000, 100, np.random.default_rng(1)))
    once = [key for key in wonders if key not in popular]
    assert len(once) == len(set(once)) > 1_500
    scanned = [key for key in scans if key not in popular]
    assert len(set(scanned)) == 100
    assert len(scanned) > 5 * len(set(scanned))
