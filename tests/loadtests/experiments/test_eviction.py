"""The eviction experiment on real servers: exact counts of every policy on every sequence of keys."""

from collections.abc import Mapping

import pytest

from stampede.loadtests.experiments.eviction.eviction import AT_ONCE, POLICIES, EvictionSize, measure
from stampede.loadtests.experiments.eviction.key_sequences import SEQUENCES
from stampede.loadtests.experiments.experiment import ExperimentConfig, ExperimentRow
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow

SIZE = EvictionSize(room=200, requests=2_000, lasts_s=0, batch=50, rounds=AT_ONCE + 1)
Pair = tuple[str, str, int]
"""Policy, sequence, round."""
Counts = Mapping[Pair, Mapping[str, float]]


@pytest.fixture(scope="module")
def rows(stack: Stack) -> list[ExperimentRow]:
    return list(measure(ExperimentConfig(stack=stack, rounds=1, seed=1, say=lambda _line: None), SIZE))


@pytest.fixture(scope="module")
def counts(rows: list[ExperimentRow]) -> Counts:
    found: dict[Pair, dict[str, float]] = {}
    for row in rows:
        if row.at is None:
            found.setdefault((row.variant, row.parameter, row.round), {})[row.name] = row.value
    return found


def test_every_policy_runs_every_sequence_in_every_round(counts: Counts) -> None:
    rounds = range(1, SIZE.rounds + 1)
    assert set(counts) == {(policy, name, r) for policy in POLICIES for name in SEQUENCES for r in rounds}
    assert all(results["requests"] == SIZE.requests for results in counts.values())


def test_rounds_draw_different_keys(counts: Counts) -> None:
    """Rounds are independent samples; within a round all policies see the same keys."""
    refused = {counts["noeviction", "zipf", r]["refused"] for r in range(1, SIZE.rounds + 1)}
    assert len(refused) > 1


def test_no_policy_beats_the_optimum_on_any_sequence(counts: Counts) -> None:
    for pair, results in counts.items():
        assert 0 < results["hits"] <= results["optimum_hits"] <= SIZE.requests, pair


def test_the_hits_equal_the_servers_count(counts: Counts) -> None:
    assert all(results["hits"] == results["redis_hits"] for results in counts.values())


def test_the_cache_is_too_small_and_only_eviction_frees_memory(counts: Counts) -> None:
    for (policy, *_), results in counts.items():
        assert results["expiries"] == 0
        assert results["most_entries"] < SIZE.requests - results["hits"]
        assert (results["evictions"] > 0) == (policy != "noeviction")


def test_noeviction_refuses_writes_and_answers_every_read(counts: Counts, rows: list[ExperimentRow]) -> None:
    for (policy, sequence, number), results in counts.items():
        assert (results["refused"] > 0) == (policy == "noeviction")
        pair = (policy, sequence, number)
        reads = [row for row in rows if (row.variant, row.parameter, row.round) == pair and row.name == "get"]
        assert len(reads) == SIZE.requests / SIZE.batch
        assert results["hits"] + results["refused"] + results["evictions"] <= SIZE.requests


def test_memory_stays_near_its_limit(counts: Counts) -> None:
    for pair, results in counts.items():
        assert results["used_memory"] < 1.05 * results["maxmemory"], pair
