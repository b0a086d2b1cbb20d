"""Shares of stale reads, by cause."""

import math
from collections.abc import Callable, Sequence

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Bools
from stampede.reports.metrics.classified_reads import FRESHNESS_TABLE, UNKNOWN, classified
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.clustered import clustered_mean
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, missing
from stampede.reports.topics.freshness.classify import ClassifiedReads


def measured(j: ClassifiedReads) -> Bools:
    return j.reads.measured


def of_written_keys(j: ClassifiedReads) -> Bools:
    return j.reads.measured & j.written


def after_drain(j: ClassifiedReads) -> Bools:
    return j.reads.after_drain


def share(which: Callable[[ClassifiedReads], Bools], of: Callable[[ClassifiedReads], Bools]) -> Callable[[Cell], float]:
    """Per cent of the reads `of` that are also in `which`."""

    def of_cell(cell: Cell) -> float:
        if cell.judged is None or not of(cell.judged).any():
            return math.nan
        return 100 * float((which(cell.judged) & of(cell.judged)).sum() / of(cell.judged).sum())

    return of_cell


def shares(
    which: Callable[[ClassifiedReads], Bools], of: Callable[[ClassifiedReads], Bools]
) -> Callable[[Sequence[Cell]], Estimate]:
    """The share over all rounds, clustered by round; if none was seen, the upper bound by the rule of three."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        found = [(float((which(j) & of(j)).sum()), float(of(j).sum())) for j in classified(cells)]
        total = sum(n for _, n in found)
        if not total:
            return missing(UNKNOWN if not found else "no such reads", len(cells))
        if not any(k for k, _ in found):
            how = f"none of {total:,.0f} reads; below the upper bound with 95 % confidence (3 / n)"
            high = 300 / total
            level = 0.95 if len(found) >= MIN_ROUNDS else None
            return Estimate(value=0, low=0, high=min(100.0, high), level=level, rounds=len(found), how=how)
        mean = clustered_mean([100 * k for k, _ in found], [n for _, n in found])
        how = "total over total, clustered by round"
        return Estimate(
            value=mean.value,
            low=max(0.0, mean.low),
            high=min(100.0, mean.high),
            level=mean.level,
            rounds=mean.rounds,
            how=how,
        )

    return of_rounds


def stale_before_acknowledgement(j: ClassifiedReads) -> Bools:
    return j.stale & ~j.after_acknowledgement


def share_metric(
    name: str,
    title: str,
    which: Callable[[ClassifiedReads], Bools],
    of: Callable[[ClassifiedReads], Bools],
    order: int,
    explain: str,
    *,
    separate_table: str = "",
    decides: bool = False,
) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="%",
        explain=explain,
        of_cell=share(which, of),
        of_rounds=shares(which, of),
        better="lower",
        compared=decides,
        decides=decides,
        separate_table=separate_table,
        order=order,
        resolution=0.05,
        absent=UNKNOWN,
        group="stale reads",
    )


METRICS = [
    share_metric(
        "stale-after-told",  # quoted
        "after acknowledgement",
        lambda j: j.after_acknowledgement,
        measured,
        60,
        "reads that began after a newer write was acknowledged and still returned an older version: a broken guarantee",
        decides=True,
    ),
    share_metric(
        "stale-before-told",  # quoted
        "before acknowledgement",
        stale_before_acknowledgement,
        measured,
        61,
        "reads that returned an older version although a newer one was committed but not yet acknowledged",
    ),
    share_metric(
        "stale-possible",
        "at most",
        lambda j: j.possible,
        measured,
        62,
        "reads that may have been stale: the certain ones, and those that overlap the COMMIT of a newer version",
    ),
    share_metric(
        "stale-at-rest",
        "after the drain",
        lambda j: j.stale,
        after_drain,
        63,
        "after the last request, each process read each written key once more: share of these reads that were old",
    ),
    share_metric(
        "stale-after-told-written",  # quoted
        "after acknowledgement, of written keys",
        lambda j: j.after_acknowledgement,
        of_written_keys,
        60,
        "as after acknowledgement, but only reads of keys that were written at least once in the cell",
        separate_table=FRESHNESS_TABLE,
    ),
]
