"""Shares of stale reads, by cause."""

import math
from collections.abc import Callable, Sequence

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Bools
from stampede.reports.metrics.judged_reads import APART, UNTOLD, WRONG_FOR, judged
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.clustered import clustered_mean
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, missing
from stampede.reports.topics.freshness.classify import Judged


def measured(j: Judged) -> Bools:
    return j.reads.measured


def of_written_keys(j: Judged) -> Bools:
    return j.reads.measured & j.written


def at_rest(j: Judged) -> Bools:
    return j.reads.at_rest


def share(which: Callable[[Judged], Bools], of: Callable[[Judged], Bools]) -> Callable[[Cell], float]:
    """Per cent of those reads that are of that kind."""

    def of_cell(cell: Cell) -> float:
        if cell.judged is None or not of(cell.judged).any():
            return math.nan
        return 100 * float((which(cell.judged) & of(cell.judged)).sum() / of(cell.judged).sum())

    return of_cell


def shares(which: Callable[[Judged], Bools], of: Callable[[Judged], Bools]) -> Callable[[Sequence[Cell]], Estimate]:
    """Total over total, clustered by round; where none was seen, what so many reads can exclude (the rule of three)."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        found = [(float((which(j) & of(j)).sum()), float(of(j).sum())) for j in judged(cells)]
        total = sum(n for _, n in found)
        if not total:
            return missing(UNTOLD if not found else "no such reads", len(cells))
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


def stale_before_told(j: Judged) -> Bools:
    return j.stale & ~j.after_told


def share_metric(
    name: str,
    title: str,
    which: Callable[[Judged], Bools],
    of: Callable[[Judged], Bools],
    order: int,
    explain: str,
    *,
    apart: str = "",
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
        apart=apart,
        order=order,
        resolution=0.05,
        wrong_for=WRONG_FOR,
        absent=UNTOLD,
        group="stale reads",
    )


METRICS = [
    share_metric(
        "stale-after-told",
        "after told",
        lambda j: j.after_told,
        measured,
        60,
        "reads that returned an older version though the writer had been told before they began: the broken promise",
        decides=True,
    ),
    share_metric(
        "stale-before-told",
        "before told",
        stale_before_told,
        measured,
        61,
        "reads that returned an older version than was committed, whose writer had not been told yet: the window",
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
        "at rest",
        lambda j: j.stale,
        at_rest,
        63,
        "after the last request, each key that was written was read once more by each process: those still old",
    ),
    share_metric(
        "stale-after-told-written",
        "after told, of written keys",
        lambda j: j.after_told,
        of_written_keys,
        60,
        "as after told, of the reads of keys that were written at least once in the cell",
        apart=APART,
    ),
]
