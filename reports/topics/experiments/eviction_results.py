"""Results of the eviction experiment: hit rates over rounds, and each policy compared with allkeys-lru."""

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from stampede.reports.metrics.response_times import SAMPLES_BEYOND
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import Estimate, median, quantile
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL, holm

USUAL = "allkeys-lru"
"""The policy that is usually recommended, and the reference of all comparisons."""
REFUSING = "noeviction"
"""The policy that refuses writes when the memory is full. It is measured, but never recommended."""
LEAST_POINTS = 0.02
"""Hit rates that differ by less count as tied: two runs of a sampling policy differ by about this share."""
LEAST_SHARE = 0.1
"""The same, as a share of the hit rate of the usual policy. The larger of both counts."""
LRU_TICK_S = 1.0
"""Resolution of Redis' LRU clock in seconds."""
FEW_TICKS = 3
"""LRU cannot order entries that stay for fewer ticks."""

PolicyVerdict = Literal["better", "worse", "tied", "not estimated"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one policy on one sequence of keys in one round."""

    policy: str
    sequence: str
    round: int = 1
    requests: int
    hits: int
    optimum_hits: int
    """Hits of the optimal policy with the largest number of entries that this one held."""
    refused: int
    evictions: int
    most_entries: int
    used_memory_bytes: float
    maxmemory_bytes: float
    elapsed_s: float
    get_ms: np.typing.NDArray[np.float64]

    @property
    def hit_rate(self) -> float:
        """Hits over requests."""
        return self.hits / self.requests

    @property
    def of_optimum(self) -> float:
        """Hits over the optimum's hits."""
        return self.hits / self.optimum_hits if self.optimum_hits else math.nan

    @property
    def stay_s(self) -> float:
        """Mean time for which an entry stayed: entries over fills per second (Little's law)."""
        fills = self.requests - self.hits - self.refused
        return self.most_entries * self.elapsed_s / fills if self.evictions and fills else math.inf


@dataclass(frozen=True, kw_only=True)
class PolicyResult:
    """One policy on one sequence of keys, over all rounds."""

    policy: str
    sequence: str
    rounds: Sequence[Outcome]
    against_usual: Comparison | None = None
    """The hit rate against that of allkeys-lru in the same round. None: it is allkeys-lru, or that did not run."""
    adjusted_p: float = 1.0
    """With Holm's correction over the policies of one sequence; noeviction is not among them."""
    least: float = LEAST_POINTS
    """The smallest difference of the hit rates that counts, as a share of all requests."""

    @property
    def hit_rate(self) -> Estimate:
        """The median over rounds of the share of requests that found their entry, 0 to 1."""
        return median([o.hit_rate for o in self.rounds])

    @property
    def of_optimum(self) -> Estimate:
        """The median over rounds of the hits over those of Belady's optimum, 0 to 1."""
        return median([o.of_optimum for o in self.rounds])

    @property
    def optimum(self) -> Estimate:
        """The median over rounds of the optimum's hit rate, 0 to 1."""
        return median([o.optimum_hits / o.requests for o in self.rounds])

    @property
    def refused(self) -> int:
        """Writes that were refused in all rounds."""
        return sum(o.refused for o in self.rounds)

    @property
    def requests(self) -> int:
        """Requests of all rounds."""
        return sum(o.requests for o in self.rounds)

    @property
    def stay_s(self) -> float:
        """The median over rounds of the mean time for which an entry stayed, in seconds; infinity: to the end."""
        return median([o.stay_s for o in self.rounds]).value

    @property
    def get_ms(self) -> np.typing.NDArray[np.float64]:
        """The times of single GETs of all rounds, in milliseconds."""
        return np.concatenate([o.get_ms for o in self.rounds])

    @property
    def get_p99_ms(self) -> float:
        """p99 of a GET in ms; nan with fewer than ten samples beyond it."""
        return quantile(self.get_ms, 0.99) if len(self.get_ms) >= 100 * SAMPLES_BEYOND else math.nan

    @property
    def verdict(self) -> PolicyVerdict:
        """Against allkeys-lru: better or worse if the difference is significant and at least `least`; else tied."""
        test = self.against_usual.difference if self.against_usual is not None else None
        if test is None:
            return "not estimated"
        if abs(test.estimate) >= self.least and self.adjusted_p <= 1 - PAIRED_LEVEL + 1e-12:
            return "better" if test.estimate > 0 else "worse"
        return "tied"


def outcomes(facts: pd.DataFrame) -> list[Outcome]:
    """The result of every policy on every sequence in every round, in the order of the run."""
    found = []
    for (policy, sequence, number), own in facts.groupby(["variant", "parameter", "round"], sort=False):
        once = own[own["at"].isna()].set_index("name")["value"]
        counts = ("requests", "hits", "optimum_hits", "refused", "evictions", "most_entries")
        found.append(
            Outcome(
                policy=str(policy),
                sequence=str(sequence),
                round=int(str(number)),
                **{name: int(once[name]) for name in counts},
                used_memory_bytes=float(once["used_memory"]),
                maxmemory_bytes=float(once["maxmemory"]),
                elapsed_s=float(once["elapsed"]),
                get_ms=own.loc[own["name"] == "get", "value"].to_numpy(dtype=np.float64),
            )
        )
    return found


KNOWN: dict[int, list[PolicyResult]] = {}
"""Results by the identity of the table, while the table exists. The section, the answer and claim C9 share them."""


def eviction_results(facts: pd.DataFrame) -> list[PolicyResult]:
    """Every policy on every sequence, compared with allkeys-lru, computed once per table.

    `facts`: the table of the experiment. Callers do not change it or the results.
    """
    if id(facts) not in KNOWN:
        KNOWN[id(facts)] = results_of(outcomes(facts))
        weakref.finalize(facts, KNOWN.pop, id(facts), None)
    return KNOWN[id(facts)]


def results_of(seen: Sequence[Outcome]) -> list[PolicyResult]:
    """Every policy on every sequence, in the order of the rounds."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for o in seen:
        groups.setdefault((o.policy, o.sequence), []).append(o)
    found = [PolicyResult(policy=p, sequence=s, rounds=rounds) for (p, s), rounds in groups.items()]
    return [result for own in by_sequence(found).values() for result in compared(own)]


def compared(own: Sequence[PolicyResult]) -> list[PolicyResult]:
    """The results on one sequence, each compared with the usual policy, with Holm's correction over them."""
    usual = next((r for r in own if r.policy == USUAL), None)
    if usual is None:
        return list(own)
    base = {o.round: o.hit_rate for o in usual.rounds}
    least = max(LEAST_POINTS, LEAST_SHARE * usual.hit_rate.value)
    found = []
    for r in own:
        paired = [o for o in r.rounds if o.round in base]
        comparison = compare([o.hit_rate for o in paired], [base[o.round] for o in paired])
        found.append(replace(r, least=least, against_usual=None if r is usual else comparison))
    tested = [r for r in found if r.policy not in (USUAL, REFUSING) and r.against_usual is not None]
    adjusted = holm([difference_p(r) for r in tested])
    of_policy = {r.policy: p for r, p in zip(tested, adjusted, strict=True)}
    return [replace(r, adjusted_p=of_policy.get(r.policy, difference_p(r))) for r in found]


def difference_p(result: PolicyResult) -> float:
    """The p-value of the difference to the usual policy; 1 without one."""
    test = result.against_usual.difference if result.against_usual is not None else None
    return 1.0 if test is None else test.p


def by_sequence(results: Sequence[PolicyResult]) -> dict[str, list[PolicyResult]]:
    """Results by sequence of keys."""
    found: dict[str, list[PolicyResult]] = {}
    for r in results:
        found.setdefault(r.sequence, []).append(r)
    return found


def blind_lru(results: Sequence[PolicyResult]) -> list[PolicyResult]:
    """Results of LRU policies whose entries stayed for too few ticks of the LRU clock."""
    return [r for r in results if r.policy.endswith("-lru") and r.stay_s < FEW_TICKS * LRU_TICK_S]
