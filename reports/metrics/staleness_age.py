"""The age of stale reads, in milliseconds and in versions."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.classified_reads import FRESHNESS_TABLE, UNKNOWN, classified, ms_metric
from stampede.reports.metrics.response_times import EPISODES_BEYOND, SAMPLES_BEYOND
from stampede.reports.statistics.clustered import pooled_quantile
from stampede.reports.statistics.estimate import Estimate, missing, quantile, rank
from stampede.reports.topics.freshness.classify import ClassifiedReads


def ages_ms(j: ClassifiedReads) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return j.age[j.stale & j.reads.measured] / 1e6


def episodes(j: ClassifiedReads, beyond_ms: float) -> int:
    """The number of distinct old values among reads older than that; reads of one entry are one event."""
    old = j.stale & j.reads.measured & (j.age / 1e6 > beyond_ms)
    return len({*zip(j.reads.key[old].tolist(), j.reads.version[old].tolist(), strict=True)})


def age(q: float) -> Callable[[Sequence[Cell]], Estimate]:
    """A quantile of the ages, if ten older reads in three episodes lie beyond it."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        every = classified(cells)
        rounds = [ages_ms(j) for j in every]
        n = sum(len(r) for r in rounds)
        if not n:
            return missing(UNKNOWN if not every else "no stale read", len(cells))
        beyond = n - rank(n, q) - 1
        if beyond < SAMPLES_BEYOND:
            return missing(f"not estimated: {beyond} samples beyond it, {SAMPLES_BEYOND} needed", len(cells))
        pooled = pooled_quantile(rounds, q)
        if sum(episodes(j, pooled.value) for j in every) < EPISODES_BEYOND:
            return missing("not estimated: fewer than three episodes beyond it", len(cells))
        return pooled

    return of_rounds


def oldest_ms(cell: Cell) -> float:
    """Δ: the largest age of a stale read, in milliseconds."""
    return float(ages_ms(cell.judged).max(initial=0.0)) if cell.judged is not None else math.nan


def largest(of_cell: Callable[[Cell], float]) -> Callable[[Sequence[Cell]], Estimate]:
    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        own = [x for x in map(of_cell, cells) if not math.isnan(x)]
        if not own:
            return missing(UNKNOWN, len(cells))
        return Estimate(value=max(own), rounds=len(own), how="largest of all rounds: not estimated")

    return of_rounds


def most_behind(cell: Cell) -> float:
    """The largest number of newer versions that were known when a read began."""
    j = cell.judged
    return float(j.behind[j.reads.measured].max(initial=0)) if j is not None else math.nan


def age_in_cell(q: float) -> Callable[[Cell], float]:
    return lambda cell: math.nan if cell.judged is None else quantile(ages_ms(cell.judged), q)


METRICS = [
    ms_metric(
        "stale-age-max",
        "Δ",
        "age of stale reads",
        oldest_ms,
        largest(oldest_ms),
        65,
        "the largest age of a value that any read returned, when the read began (a lower bound)",
    ),
    ms_metric(
        "stale-age-p50",
        "p50",
        "age of stale reads",
        age_in_cell(0.5),
        age(0.5),
        63,
        "half of the stale reads were at most this old, counted from when a newer version was known",
        separate_table=FRESHNESS_TABLE,
    ),
    ms_metric(
        "stale-age-p99",
        "p99",
        "age of stale reads",
        age_in_cell(0.99),
        age(0.99),
        64,
        "99 % of the stale reads were at most this old",
        separate_table=FRESHNESS_TABLE,
    ),
    ms_metric(
        "versions-behind",
        "most versions behind",
        "age of stale reads",
        most_behind,
        largest(most_behind),
        65,
        "the largest number of newer versions that were known when a read began",
        separate_table=FRESHNESS_TABLE,
        unit="",
        whole=True,
    ),
]
