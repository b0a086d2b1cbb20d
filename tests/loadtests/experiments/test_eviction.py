"""The eviction experiment on real servers: exact counts of every policy on every sequence of keys."""

from collections.abc import Mapping

import pytest

from stampede.loadtests.experiments.eviction.eviction import POLICIES, EvictionSize, measure
from stampede.loadtests.experiments.eviction.key_sequences import SEQUENCES
from stampede.loadtests.experiments.experiment import ExperimentConfig, ExperimentRow
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow

SIZE = EvictionSize(room=200, requests=2_000, lasts_s=0, batch=50)
Counts = Mapping[tuple[str, str], Mapping[str, float]]


@pytest.fixture(scope="module")
def rows(stack: Stack) -> list[ExperimentRow]:
    return list(measure(ExperimentConfig(stack=stack, rounds=1, seed=1, say=lambda _line: None), SIZE))


@pytest.fixture(scope="module")
def counts(rows: list[ExperimentRow]) -> Counts:
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.at is None:
            found.setdefault((row.variant, row.parameter), {})[row.name] = row.value
    return found


def test_every_policy_runs_every_sequence(counts: Counts) -> None:
    assert set(counts) == {(policy, name) for policy in POLICIES for name in SEQUENCES}
    assert all(results["requests"] == SIZE.requests for results in counts.values())


def test_no_policy_beats_the_optimum_on_any_sequence(counts: Counts) -> None:
    for pair, results in counts.items():
        assert 0 < results["hits"] <= results["optimum_hits"] <= SIZE.requests, pair


def test_the_hits_equal_the_servers_count(counts: Counts) -> None:
    assert all(results["hits"] == results["redis_hits"] for results in counts.values())


def test_the_cache_is_too_small_and_only_eviction_frees_memory(counts: Counts) -> None:
    for (policy, _), results in counts.items():
        assert results["expiries"] == 0
        assert results["most_entries"] < SIZE.requests - results["hits"]
        assert (results["evictions"] > 0) == (policy != "noeviction")


def test_noeviction_refuses_writes_and_answers_every_read(counts: Counts, rows: list[ExperimentRow]) -> None:
    for (policy, sequence), results in counts.items():
        assert (results["refused"] > 0) == (policy == "noeviction")
        reads = [row for row in rows if (row.variant, row.parameter, row.name) == (policy, sequence, "get")]
        assert len(reads) == SIZE.requests / SIZE.batch
        assert results["hits"] + results["refused"] + results["evictions"] <= SIZE.requests


def test_memory_stays_near_its_limit(counts: Counts) -> None:
    for pair, results in counts.items():
        assert results["used_memory"] < 1.05 * results["maxmemory"], pair
