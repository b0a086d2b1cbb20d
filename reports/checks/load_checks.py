"""Checks of the load: errors, unanswered requests, late requests, too few requests, changes within a cell."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from stampede.reports.analysis.frames import Cell, began_inside, per_group
from stampede.reports.analysis.results import Results, each
from stampede.reports.analysis.rows import Floats, Ints
from stampede.reports.checks.cell_checks import groups, ids
from stampede.reports.checks.check import check
from stampede.reports.metrics import request_counts
from stampede.reports.metrics.response_times import waits_ms
from stampede.reports.statistics.estimate import MIN_ROUNDS, quantile
from stampede.reports.statistics.rank_tests import shift
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning


@check(run_warnings.SATURATED, scope="group", applies_to=("caching", "limiting"))
def saturated(results: Results) -> Iterator[RunWarning]:
    """Every due request must end by the deadline."""
    for scenario, contender, cells in each(results):
        due = sum(request_counts.due(cell) for cell in cells)
        open_ = sum(request_counts.unanswered(cell) for cell in cells)
        if open_:
            drain = cells[0].scenario.drain_s
            yield RunWarning(
                kind=run_warnings.SATURATED,
                what=f"{contender.name} left {open_:,.0f} of {due:,.0f} requests unanswered after D = {drain:g} s",
                value=(due - open_) / due,
                limit=1,
                scenario=scenario,
                contenders=(contender.name,),
                cells=ids(cell for cell in cells if request_counts.unanswered(cell)),
            )


@check(run_warnings.ERRORS, scope="group", applies_to=("caching", "limiting"))
def errors(results: Results) -> Iterator[RunWarning]:
    """No request or background task may end in an exception."""
    for scenario, contender, cells in each(results):
        failed = sum(request_counts.failed(cell) for cell in cells)
        background = sum(failed_in_background(cell) for cell in cells)
        if failed or background:
            classes: dict[str, int] = {}
            for cell in cells:
                for name, count in cell.work.labels("error").counts().items():
                    classes[name] = classes.get(name, 0) + count
            listed = ", ".join(f"{count:,} {name}" for name, count in sorted(classes.items()))
            yield RunWarning(
                kind=run_warnings.ERRORS,
                what=f"{contender.name}: {failed:,.0f} requests and {background:,} background tasks failed ({listed})",
                value=failed + background,
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
            )


def failed_in_background(cell: Cell) -> int:
    """Background tasks of the window that ended in an exception."""
    return int(np.count_nonzero(cell.work.labels("operation").equal("background") & cell.work.known("error")))


@per_group
def own_lags_ms(cells: Sequence[Cell]) -> tuple[float, float]:
    """Lateness of the harness at p50 and p99, in milliseconds."""
    lags = own_lag_ms(cells)
    return quantile(lags, 0.5), quantile(lags, 0.99)


def own_lag_ms(cells: Sequence[Cell]) -> Floats:
    """start − max(due, thread free) of the requests that began.

    If several requests of a process are due at one instant, only the first counts: the others queue for the core of the
    process, as in any server.
    """
    lag = np.concatenate([cell.due.floats("own_lag_ms")[first_of_each_tick(cell)] for cell in cells])
    known: Floats = lag[~np.isnan(lag)]
    return known


def first_of_each_tick(cell: Cell) -> Ints:
    """Indices of the window's requests that are the first of their process due at their instant."""
    of_process = cell.due.ints("process")
    places = np.lexsort((np.arange(len(cell.due)), cell.due.floats("due_s"), of_process))
    due, process = cell.due.floats("due_s")[places], of_process[places]
    first = np.ones(len(places), dtype=bool)
    first[1:] = (due[1:] != due[:-1]) | (process[1:] != process[:-1])
    return np.sort(places[first])


@check(run_warnings.GENERATOR_LATE, scope="group", applies_to=("caching", "limiting"))
def generator_late(results: Results) -> Iterator[RunWarning]:
    """The lateness of the harness at p99 must be small compared with the response times."""
    for scenario, contender, cells in each(results):
        late = quantile(own_lag_ms(cells), 0.99)
        response = quantile(np.concatenate([waits_ms(cell.due) for cell in cells]), 0.99)
        limit = max(1.0, 0.1 * response) if math.isfinite(response) else 1.0  # infinity would allow any lateness
        if late > limit:
            yield RunWarning(
                kind=run_warnings.GENERATOR_LATE,
                what=f"{late:.2f} ms with {contender.name} (allowed: {limit:.2f} ms)",
                value=late,
                limit=limit,
                scenario=scenario,
                contenders=(contender.name,),
            )


@check(run_warnings.NOT_STEADY, scope="group")
def not_steady(results: Results) -> Iterator[RunWarning]:
    """Read p50 must not change by more than 10 % from the first half of the cells to the second."""
    for scenario, contender, cells in each(results):
        halves = []
        for cell in cells:
            first = cell.reads.floats("due_s") < cell.window_s / 2
            pair = [quantile(waits_ms(cell.reads.where(half)), 0.5) for half in (first, ~first)]
            if all(math.isfinite(x) and x > 0 for x in pair):
                halves.append(pair)
        if len(halves) < MIN_ROUNDS:
            continue
        change = shift([math.log(b / a) for a, b in halves])
        if change.low > math.log(1.1) or change.high < -math.log(1.1):
            a, b = np.median(np.array(halves), axis=0)
            yield RunWarning(
                kind=run_warnings.NOT_STEADY,
                what=f"{contender.name}: read p50 {a:.3g} ms in the first half of a cell, {b:.3g} ms in the second",
                value=math.exp(change.estimate),
                limit=1.1,
                scenario=scenario,
                contenders=(contender.name,),
            )


ON_TIME = 0.95
CLOSED = "closed"


@check(run_warnings.RATE_MISSED, scope="group")
def rate_missed(results: Results) -> Iterator[RunWarning]:
    """Requests that began inside the window, compared with the requested rate minus three standard deviations."""
    for scenario, contender, cells in groups(results):
        workload = cells[0].scenario.workload
        if workload.get("arrivals") == CLOSED or cells[0].scenario.kind != "caching":
            continue
        span_s = sum(cell.window_s for cell in cells)
        recorded = cells[0].scenario.trace is not None  # each part of a trace has its own rate
        wanted = sum(request_counts.due(c) for c in cells) if recorded else float(workload["rate_per_s"]) * span_s
        began = sum(began_inside(cell) for cell in cells)
        least = ON_TIME * wanted - 3 * math.sqrt(wanted)
        if began < least:
            yield RunWarning(
                kind=run_warnings.RATE_MISSED,
                what=f"{began / span_s:.1f}/s with {contender} (requested: {wanted / span_s:g}/s)",
                value=began / wanted,
                limit=least / wanted,
                scenario=scenario,
                contenders=(contender,),
            )
