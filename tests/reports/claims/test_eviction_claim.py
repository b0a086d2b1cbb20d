"""The rule of claim C9, applied to planted rounds of the eviction experiment."""

import numpy as np

from stampede.reports.claims import c09_eviction as c09
from stampede.reports.claims.claim import Case
from stampede.reports.topics.experiments.eviction_results import Outcome, results_of
from tests.reports.claims.test_verdicts import HOLDS, NOT, ONLY_IF, OPEN, word


def played(policy: str, sequence: str, hits: int, elapsed_s: float = 70, rounds: int = 8) -> list[Outcome]:
    """Rounds that differ by up to four hits of 1,000."""
    own = sum(map(ord, policy)) % 5
    return [
        Outcome(
            policy=policy,
            sequence=sequence,
            round=r,
            requests=1000,
            hits=hits + (r * own) % 5,
            optimum_hits=990,
            refused=0,
            evictions=100,
            most_entries=100,
            used_memory_bytes=1.0,
            maxmemory_bytes=1.0,
            elapsed_s=elapsed_s,
            get_ms=np.array([1.0]),
        )
        for r in range(1, rounds + 1)
    ]


def evicted(*outcomes: list[Outcome]) -> list[Case]:
    return c09.cases_of(results_of([o for some in outcomes for o in some]))


def test_usual_policy() -> None:
    """C9: no other policy is better by the minimum; a coarse LRU clock, few rounds and a wide interval are unclear."""
    usual, beaten = played("allkeys-lru", "zipf", 700), played("allkeys-lru", "loop", 100)
    close, better = played("allkeys-lfu", "zipf", 710), played("allkeys-random", "loop", 500)
    near = played("allkeys-lfu", "zipf", 769)
    assert word(evicted(usual, close)) == HOLDS
    assert word(evicted(usual, played("noeviction", "zipf", 900), close)) == HOLDS
    assert word(evicted(beaten, better)) == NOT
    assert word(evicted(usual, close, beaten, better)) == ONLY_IF
    assert word(evicted(usual, near)) == OPEN
    assert word(evicted(usual, played("allkeys-lfu", "zipf", 780, rounds=5))) == OPEN
    blind = (played("allkeys-lru", "scan", 700, elapsed_s=1), played("allkeys-lfu", "scan", 710, elapsed_s=1))
    assert word(evicted(*blind)) == OPEN
