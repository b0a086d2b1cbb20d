"""Which values of a workload decide its answers: a two-level screening by the closed forms.

Every factor takes a low and a high level around the workload's own value, in every combination (a full factorial
design; Box, Hunter and Hunter, Statistics for Experimenters, 2005, chapter 5). For each combination the closed forms
give the queries of each candidate, and the report's rule gives the picks. A factor decides an answer if the pick
changes between its two levels while all other factors stay the same.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from stampede.core.models.closed_forms import loads_per_expiry, steady_state, zipf_shares

MINIMUM_EFFECT = 0.10
"""A decrease of 10 % is the smallest that justifies another pattern, as in the report's rule."""
SKEW_STEP = 0.2
LOWEST_SKEW, HIGHEST_SKEW = 0.0, 5.0
NO_WRITES_HIGH = 0.05
"""The high level of the write share of a workload that does not write: 5 % of the requests."""
SEARCHED_TIMES = 10.0
"""Switches are searched from a tenth of a value to ten times the value."""
SEARCHED_SKEW = 1.0
"""Switches of the skew are searched up to 1 below and above."""
STEPS = 10
"""Steps of the search on each side, before the bisection."""
MOST_KEYS = 200_000
"""Keys beyond this number are left out of the computation: they are read so rarely that they always miss."""

FactorName = Literal["rate", "skew", "ttl", "query time", "write share"]
FACTORS: tuple[FactorName, ...] = ("rate", "skew", "ttl", "query time", "write share")
FIELDS: Mapping[FactorName, str] = {
    "rate": "rate_per_s",
    "skew": "key_skew",
    "ttl": "ttl_s",
    "query time": "query_s",
    "write share": "write_share",
}
"""The field of ScreenedWorkload that holds the factor."""
UNSCREENED = ("record size", "processes")
"""Factors without a validated closed form: only measured cells can screen them."""


@dataclass(frozen=True, kw_only=True)
class ScreenedWorkload:
    """The values of a workload that the closed forms use."""

    rate_per_s: float
    """Requests per second, reads and writes together."""
    write_share: float
    """0 to 1."""
    keys: int
    """How many keys are requested."""
    key_skew: float
    """Zipf's exponent."""
    ttl_s: float
    """Lifetime of an entry in seconds."""
    query_s: float
    """Mean time of one database query of a miss in seconds."""

    def level(self, factor: FactorName, *, high: bool) -> "ScreenedWorkload":
        """The workload with one factor at its low level (half; skew: 0.2 less) or high level (double; 0.2 more)."""
        times = 2.0 if high else 0.5
        match factor:
            case "rate":
                return replace(self, rate_per_s=self.rate_per_s * times)
            case "skew":
                skew = self.key_skew + (SKEW_STEP if high else -SKEW_STEP)
                return replace(self, key_skew=min(max(skew, LOWEST_SKEW), HIGHEST_SKEW))
            case "ttl":
                return replace(self, ttl_s=self.ttl_s * times)
            case "query time":
                return replace(self, query_s=self.query_s * times)
            case "write share":
                if self.write_share == 0:
                    return replace(self, write_share=NO_WRITES_HIGH if high else 0.0)
                return replace(self, write_share=min(1.0, self.write_share * times))

    def value(self, factor: FactorName) -> float:
        """The factor's value, in the unit of its field."""
        return float(getattr(self, FIELDS[factor]))

    def with_value(self, factor: FactorName, value: float) -> "ScreenedWorkload":
        """The workload with another value of one factor."""
        changed: dict[str, Any] = {FIELDS[factor]: value}
        return replace(self, **changed)


@dataclass(frozen=True, kw_only=True)
class ScreenedPattern:
    """A candidate, by the properties that the closed forms use."""

    name: str
    on_write: Literal["deletes", "fills", "keeps"]
    one_load_per_miss: bool = False
    """Whether concurrent misses of a key share one query."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What the closed forms predict for one workload."""

    hit_rate: float
    """Of the first candidate, 0 to 1."""
    queries_per_1000_reads: tuple[float, ...]
    """By candidate."""
    queries_per_expiry: float
    """Of the most popular key, without protection."""


def predicted(workload: ScreenedWorkload, candidates: Sequence[ScreenedPattern]) -> Predicted:
    """Hit rate and queries of each candidate. Assumes Poisson requests, and the same query time at every load."""
    shares = zipf_shares(workload.keys, workload.key_skew)[:MOST_KEYS]
    reads = shares * workload.rate_per_s * (1 - workload.write_share)
    writes = shares * workload.rate_per_s * workload.write_share
    beyond = 1 - float(shares.sum())
    hit_rates, queries = [], []
    for candidate in candidates:
        law = steady_state(reads, writes, ttl_s=workload.ttl_s, on_write=candidate.on_write)
        absent = np.maximum(1 - law.presence(workload.query_s), 0.0)
        loads = absent / (1 + reads * workload.query_s) if candidate.one_load_per_miss else absent
        hit_rates.append(float((shares * (1 - absent)).sum()))
        queries.append(1000 * (float((shares * loads).sum()) + max(beyond, 0.0)))
    return Predicted(
        hit_rate=hit_rates[0],
        queries_per_1000_reads=tuple(queries),
        queries_per_expiry=loads_per_expiry(float(reads[0]), workload.query_s),
    )


@dataclass(frozen=True, kw_only=True)
class Picks:
    """The answers for one workload."""

    cache: bool
    """Whether the median read is a hit of the first candidate: otherwise a cache does not shorten it."""
    fewest_queries: str
    """The simplest candidate that no other beats by MINIMUM_EFFECT in queries per 1,000 reads."""
    protect_hot_key: bool
    """Whether one load per miss saves at least MINIMUM_EFFECT of the queries per expiry of the most popular key."""


def picks(figures: Predicted, candidates: Sequence[ScreenedPattern]) -> Picks:
    """The answers that follow from the figures. `candidates`: simplest first."""
    queries = figures.queries_per_1000_reads
    best = min(queries)
    simplest = next(i for i, each in enumerate(queries) if best >= (1 - MINIMUM_EFFECT) * each)
    return Picks(
        cache=figures.hit_rate > 0.5,
        fewest_queries=candidates[simplest].name,
        protect_hot_key=1 / figures.queries_per_expiry < 1 - MINIMUM_EFFECT,
    )


@dataclass(frozen=True, kw_only=True)
class Switch:
    """The value of one factor at which an answer changes, if all other factors keep their values."""

    factor: FactorName
    value: float
    """To a relative accuracy of 1 %, on the far side of the change."""
    picks: Picks
    """The answers at that value."""


def switches(workload: ScreenedWorkload, candidates: Sequence[ScreenedPattern], factor: FactorName) -> list[Switch]:
    """The nearest change of an answer below and above the factor's value; empty if there is none in the searched range.

    `candidates`: simplest first. A workload without writes is searched up to a write share of 0.5.
    """
    now = workload.value(factor)
    here = picks(predicted(workload, candidates), candidates)

    def at(value: float) -> Picks:
        return picks(predicted(workload.with_value(factor, value), candidates), candidates)

    found = []
    for path in (_path(factor, now, up=False), _path(factor, now, up=True)):
        inside = now
        for value in path:
            if at(value) == here:
                inside = value
                continue
            while abs(value - inside) > 0.01 * abs(value):
                middle = (inside + value) / 2
                inside, value = (middle, value) if at(middle) == here else (inside, middle)
            found.append(Switch(factor=factor, value=value, picks=at(value)))
            break
    return found


def _path(factor: FactorName, now: float, *, up: bool) -> list[float]:
    """The values to try, from the nearest to the farthest."""
    steps = np.arange(1, STEPS + 1) / STEPS
    if factor == "skew":
        values = now + (SEARCHED_SKEW if up else -SEARCHED_SKEW) * steps
        return [float(v) for v in values if LOWEST_SKEW <= v <= HIGHEST_SKEW]
    if now == 0:
        return [float(v) for v in 0.5 * steps] if up else []
    values = now * SEARCHED_TIMES ** (steps if up else -steps)
    return [float(v) for v in values if factor != "write share" or v <= 1]


@dataclass(frozen=True, kw_only=True)
class FactorEffect:
    """What one factor does between its two levels."""

    factor: FactorName
    low: ScreenedWorkload
    high: ScreenedWorkload
    """The workload with only this factor changed."""
    changed_share: float
    """The share, 0 to 1, of the combinations of the other factors in which an answer changes between the levels."""
    query_ratio: float
    """Queries per 1,000 reads of the first candidate at the high level over those at the low level: the geometric mean
    over the combinations."""
    changes: tuple[Switch, ...]
    """The nearest values at which an answer changes, if only this factor changes."""


@dataclass(frozen=True, kw_only=True)
class Screening:
    """The factors of a workload, the most important first."""

    workload: ScreenedWorkload
    figures: Predicted
    picks: Picks
    effects: tuple[FactorEffect, ...]


def screen(workload: ScreenedWorkload, candidates: Sequence[ScreenedPattern]) -> Screening:
    """Screen all factors. `candidates`: simplest first.

    The factor comes first that has to change least until an answer changes; factors that change no answer alone are
    ordered by the share of combinations in which they do, then by their effect on the number of queries.
    """
    levels = list(itertools.product((False, True), repeat=len(FACTORS)))
    queries, answers = {}, {}
    for combination in levels:
        at = workload
        for factor, high in zip(FACTORS, combination, strict=True):
            at = at.level(factor, high=high)
        figures = predicted(at, candidates)
        queries[combination] = figures.queries_per_1000_reads[0]
        answers[combination] = picks(figures, candidates)
    effects = []
    for i, factor in enumerate(FACTORS):
        pairs = [(c, (*c[:i], True, *c[i + 1 :])) for c in levels if not c[i]]
        logs = [math.log(max(queries[b], 1e-12) / max(queries[a], 1e-12)) for a, b in pairs]
        effects.append(
            FactorEffect(
                factor=factor,
                low=workload.level(factor, high=False),
                high=workload.level(factor, high=True),
                changed_share=float(np.mean([answers[a] != answers[b] for a, b in pairs])),
                query_ratio=math.exp(float(np.mean(logs))),
                changes=tuple(switches(workload, candidates, factor)),
            )
        )
    effects.sort(key=lambda e: (_nearest(workload, e), -round(e.changed_share, 9), -abs(math.log(e.query_ratio))))
    figures = predicted(workload, candidates)
    return Screening(workload=workload, figures=figures, picks=picks(figures, candidates), effects=tuple(effects))


def _nearest(workload: ScreenedWorkload, effect: FactorEffect) -> float:
    """How far the factor is from its nearest change: the ratio of both values, at least 1; infinity: no change.

    A step of SKEW_STEP in the skew counts as a ratio of 2, as the levels do; so does NO_WRITES_HIGH for no writes.
    """
    now = workload.value(effect.factor)

    def times(value: float) -> float:
        if effect.factor == "skew":
            return float(2 ** (abs(value - now) / SKEW_STEP))
        if now == 0:
            return float(2 ** (value / NO_WRITES_HIGH))
        return max(value / now, now / value)

    return min((times(change.value) for change in effect.changes), default=math.inf)
