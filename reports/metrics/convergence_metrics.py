"""Convergence: how long after a write reads return it."""

import math
from collections.abc import Callable, Sequence

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.metrics.classified_reads import FRESHNESS_TABLE, UNKNOWN, classified, ms_metric
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.reports.topics.freshness.convergence import WriteChecks, check_writes, sum_checks
from stampede.reports.topics.freshness.staleness_curve import Curve, classes, curve, sum_curves


@per_group
def curve_of(cells: Sequence[Cell]) -> Curve | None:
    """Share of fresh reads by time since acknowledgement, pooled over all rounds."""
    every = classified(cells)
    if not every:
        return None
    edges = classes(round(max(cell.window_s for cell in cells) * 1e9))
    return sum_curves([curve(j, edges) for j in every])


def fresh_after(level: float) -> Callable[[Sequence[Cell]], Estimate]:
    """The time after an acknowledged write from which at least that share of reads is fresh."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        found = curve_of(cells)
        if found is None:
            return missing(UNKNOWN, len(cells))
        at_ms = found.fresh_after_ms(level)
        if math.isnan(at_ms):
            return missing(f"too few reads follow writes: {found.pairs.sum():,} pairs", len(cells))
        if math.isinf(at_ms):
            return missing("not within the window", len(cells))
        return Estimate(value=at_ms, rounds=len(cells), how="pairs of a write and a later read, pooled over all rounds")

    return of_rounds


def right_within(within_s: Callable[[Cell], float]) -> Callable[[Sequence[Cell]], Estimate]:
    """Per cent of the writes that were returned or superseded in every read that began at least that much later."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        parts = [check_writes(cell.judged, round(within_s(cell) * 1e9)) for cell in cells if cell.judged is not None]
        if not parts:
            return missing(UNKNOWN, len(cells))
        whole = sum_checks(parts)
        if not whole.writes:
            return missing("no read began that long after a write", len(cells))
        why = "" if whole.wrong else f"at least: 0 wrong of {whole.writes:,}"
        how = f"{whole.wrong:,} of {whole.writes:,} writes were missed by a later read; 0 of n is at least 1 − 3/n"
        return Estimate(value=100 * whole.share, rounds=len(parts), how=how, why=why)

    return of_rounds


def right_in_cell(within_s: Callable[[Cell], float]) -> Callable[[Cell], float]:
    def of_cell(cell: Cell) -> float:
        if cell.judged is None:
            return math.nan
        found: WriteChecks = check_writes(cell.judged, round(within_s(cell) * 1e9))
        return 100 * found.share

    return of_cell


def fresh_after_in_cell(level: float) -> Callable[[Cell], float]:
    def of_cell(cell: Cell) -> float:
        found = curve_of([cell])
        return math.nan if found is None or math.isinf(found.fresh_after_ms(level)) else found.fresh_after_ms(level)

    return of_cell


def nines_metric(name: str, title: str, within_s: Callable[[Cell], float], order: int) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="%",
        explain=f"writes that every read returned or superseded if it began {title} or more after the acknowledgement",
        of_cell=right_in_cell(within_s),
        of_rounds=right_within(within_s),
        better="higher",
        separate_table=FRESHNESS_TABLE,
        order=order,
        absent=UNKNOWN,
        group="writes visible within",
    )


METRICS = [
    ms_metric(
        "fresh-99",
        "99 % fresh",
        "time since acknowledgement until",
        fresh_after_in_cell(0.99),
        fresh_after(0.99),
        67,
        "from this time after an acknowledged write, at least 99 % of reads return it or a newer one",
    ),
    ms_metric(
        "fresh-999",
        "99.9 % fresh",
        "time since acknowledgement until",
        fresh_after_in_cell(0.999),
        fresh_after(0.999),
        68,
        "from this time after an acknowledged write, at least 99.9 % of reads return it or a newer one",
        separate_table=FRESHNESS_TABLE,
    ),
    nines_metric("right-10ms", "10 ms", lambda _cell: 0.010, 70),
    nines_metric("right-1s", "1 s", lambda _cell: 1.0, 71),
    nines_metric("right-ttl", "one TTL", lambda cell: float(cell.scenario.workload["ttl_s"]), 72),
]
