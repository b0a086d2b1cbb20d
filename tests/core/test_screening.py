"""The screening of a workload's values: against simulated keys, and against the definition of its parts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.core.models.screening import (
    FACTORS,
    MINIMUM_EFFECT,
    FactorName,
    ScreenedPattern,
    ScreenedWorkload,
    picks,
    predicted,
    screen,
    switches,
)

PLAIN = ScreenedPattern(name="plain", on_write="deletes")
FILLING = ScreenedPattern(name="filling", on_write="fills")
MERGING = ScreenedPattern(name="merging", on_write="deletes", one_load_per_miss=True)
CANDIDATES = (PLAIN, FILLING, MERGING)
SERVICE = ScreenedWorkload(rate_per_s=300, write_share=0.05, keys=2000, key_skew=1.2, ttl_s=60, query_s=0.01)

workloads = st.builds(
    ScreenedWorkload,
    rate_per_s=st.floats(1, 5000),
    write_share=st.floats(0, 0.5),
    keys=st.integers(1, 300),
    key_skew=st.floats(0, 2),
    ttl_s=st.floats(0.1, 3600),
    query_s=st.floats(1e-4, 1),
)


@pytest.mark.parametrize("merges", [False, True])
def test_queries_of_one_key_match_a_simulation(merges: bool) -> None:
    """Queries per 1,000 reads of one key, with and without merged misses, within 4 % of simulated Poisson requests."""
    rate, write_share, ttl_s, query_s = 40.0, 0.02, 0.6, 0.05
    workload = ScreenedWorkload(
        rate_per_s=rate, write_share=write_share, keys=1, key_skew=0, ttl_s=ttl_s, query_s=query_s
    )
    rng = np.random.default_rng(7)
    times = np.cumsum(rng.exponential(1 / rate, 400_000))
    writes = rng.random(len(times)) < write_share
    reads = queries = 0
    begin = filled_until = loading_until = -math.inf
    for time, write in zip(times, writes, strict=True):
        if write:
            filled_until = min(filled_until, time)
            continue
        reads += 1
        if loading_until <= time and begin < loading_until:
            begin, filled_until = loading_until, max(filled_until, loading_until + ttl_s)
        if time < filled_until:
            continue
        if time < loading_until:
            queries += not merges
            continue
        queries += 1
        begin, loading_until = time, time + query_s
    found = predicted(workload, [MERGING if merges else PLAIN]).queries_per_1000_reads[0]
    assert 1000 * queries / reads == pytest.approx(found, rel=0.04)


def test_a_pattern_that_is_not_ten_percent_better_is_not_picked() -> None:
    """The simplest candidate is the answer unless another saves at least 10 % of its queries."""
    figures = predicted(SERVICE, CANDIDATES)
    queries = dict(zip(("plain", "filling", "merging"), figures.queries_per_1000_reads, strict=True))
    assert queries["filling"] < (1 - MINIMUM_EFFECT) * queries["plain"]
    assert picks(figures, CANDIDATES).fewest_queries == "filling"
    rarely_written = predicted(SERVICE.with_value("write share", 0.0001), CANDIDATES)
    assert picks(rarely_written, CANDIDATES).fewest_queries == "plain"


def test_without_writes_a_filling_pattern_predicts_the_same_queries() -> None:
    """Patterns that differ only by their writes have equal figures in a workload without writes."""
    figures = predicted(SERVICE.with_value("write share", 0.0), CANDIDATES)
    assert figures.queries_per_1000_reads[0] == pytest.approx(figures.queries_per_1000_reads[1])


def test_the_effect_of_the_ttl_alone_is_the_ratio_of_both_levels() -> None:
    """With one key that no other factor changes, a factor's effect is its own ratio of queries."""
    one = ScreenedWorkload(rate_per_s=1e-9, write_share=0.5, keys=1, key_skew=1, ttl_s=1, query_s=1e-9)
    effects = {e.factor: e.query_ratio for e in screen(one, CANDIDATES).effects}
    assert effects["ttl"] == pytest.approx(1, abs=1e-6)
    busy = ScreenedWorkload(rate_per_s=1e6, write_share=0, keys=1, key_skew=0, ttl_s=10, query_s=1e-9)
    assert {e.factor: e.query_ratio for e in screen(busy, CANDIDATES).effects}["ttl"] == pytest.approx(0.5, rel=0.01)


@settings(max_examples=40, deadline=None)
@given(workload=workloads, factor=st.sampled_from(FACTORS))
def test_an_answer_changes_at_a_switch(workload: ScreenedWorkload, factor: FactorName) -> None:
    """The answers at a switch differ from those of the workload, and are those that the closed forms give there."""
    here = picks(predicted(workload, CANDIDATES), CANDIDATES)
    for found in switches(workload, CANDIDATES, factor):
        there = picks(predicted(workload.with_value(factor, found.value), CANDIDATES), CANDIDATES)
        assert there == found.picks != here


@settings(max_examples=15, deadline=None)
@given(workload=workloads)
def test_every_factor_is_screened_once(workload: ScreenedWorkload) -> None:
    """A screening has each factor once, with shares from 0 to 1 and positive ratios, nearest change first."""
    effects = screen(workload, CANDIDATES).effects
    assert sorted(e.factor for e in effects) == sorted(FACTORS)
    assert all(0 <= e.changed_share <= 1 and e.query_ratio > 0 for e in effects)
    has_change = [bool(e.changes) for e in effects]
    assert has_change == sorted(has_change, reverse=True)
