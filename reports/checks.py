"""Doubts about the cells themselves: bounds, twins, counts, what is missing, late, busy or not steady.

Each check yields what it finds; what surrounds the cells is looked at in reports.surroundings.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from artefact import doubts as d
from artefact.doubts import Doubt
from reports.absent import existing_not_found
from reports.accounts import imbalances
from reports.cpu import cores, database_cpu, machine_cpu
from reports.frames import Cell, of_group
from reports.freshness.doubts import doubts_of_freshness
from reports.metrics import counts
from reports.metrics.metric import find_metric
from reports.metrics.response import waits_ms
from reports.results import Results, each
from reports.rows import Floats, Ints
from reports.statistics.estimate import MIN_ROUNDS, quantile
from reports.statistics.rank_tests import shift
from reports.statistics.verdict import noise_floor


def ids(cells: Iterable[Cell]) -> tuple[int, ...]:
    return tuple(cell.info.id for cell in cells)


def bounds(results: Results) -> Iterator[Doubt]:
    """No contender's read can be faster than one bare GET and decode."""
    metric = find_metric("read-p50")
    contenders = results.run.info.contenders
    for scenario in results.scenarios:
        twin = results.twins.get((scenario.name, metric.name))
        floor = noise_floor(twin.comparison if twin else None)
        for ruler, c in itertools.product([c for c in contenders if c.kind == "ruler"], contenders):
            if c.kind == "ruler":
                continue
            ratio = results.paired(scenario.name, c.name, ruler.name, metric).ratio
            if ratio is not None and ratio.high < 1 / (1 + floor):
                yield Doubt(
                    kind=d.BETTER_THAN_BOUND,
                    what=f"{c.name}'s read p50 is {ratio.estimate:.2f} times that of {ruler.name}, its bound",
                    value=ratio.high,
                    limit=1 / (1 + floor),
                    scenario=scenario.name,
                    contenders=(c.name,),
                )


def twins_differ(results: Results) -> Iterator[Doubt]:
    for verdict in results.twins.values():
        if verdict.sentence in ("better", "worse"):
            test = verdict.comparison.ratio or verdict.comparison.difference
            assert test is not None
            yield Doubt(
                kind=d.TWINS_DIFFER,
                what=(
                    f"{verdict.contender} came out {verdict.sentence} than {verdict.against}, its own copy, by "
                    f"{verdict.metric.group} {verdict.metric.title}: {test.estimate:.3g} ({test.low:.3g} to "
                    f"{test.high:.3g})"
                ),
                value=verdict.adjusted_p,
                limit=0.05,
                scenario=verdict.scenario,
            )


def counts_differ(results: Results) -> Iterator[Doubt]:
    for scenario, contender, cells in each(results):
        wrong = [(cell, imbalances(cell)) for cell in cells]
        wrong = [(cell, lines) for cell, lines in wrong if lines]
        if wrong:
            cell, lines = wrong[0]
            more = f"; and in {len(wrong) - 1} more cells" if len(wrong) > 1 else ""
            yield Doubt(
                kind=d.COUNTS_DIFFER,
                what=f"cell {cell.info.id}: {'; '.join(lines[:3])}{more}",
                value=float(len(wrong)),
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
                cells=ids(cell for cell, _ in wrong),
            )


def unfinished(results: Results) -> Iterator[Doubt]:
    status = results.run.info.status
    words = {"running": "was killed, or still runs", "cut": "was cut by its user", "failed": "broke: it is void"}
    if status != "finished":
        done, planned = len(results.run.done), len(results.run.info.cells)
        yield Doubt(
            kind=d.UNFINISHED, what=f"the run {words.get(status, status)}; {done} of {planned} cells were finished"
        )


def cells_missing(results: Results) -> Iterator[Doubt]:
    ended = results.run.info.status == "finished"
    lost = [c for c in results.run.info.cells if c.status == "failed" or (ended and c.status != "done")]
    if lost:
        why = next((cell.why for cell in lost if cell.why), "")
        yield Doubt(
            kind=d.CELLS_MISSING,
            what=f"{len(lost)} of {len(results.run.info.cells)} planned cells are missing{': ' if why else ''}{why}",
            value=float(len(lost)),
            limit=0,
            cells=tuple(cell.id for cell in lost),
        )


def few_rounds(results: Results) -> Iterator[Doubt]:
    planned = results.run.info.cells  # experiments alone have rounds of their own
    elsewhere = results.limiting is not None or results.apart is not None
    if planned and results.rounds < MIN_ROUNDS and (results.cells or not elsewhere):
        yield Doubt(
            kind=d.FEW_ROUNDS,
            what=f"{results.rounds} complete round{'' if results.rounds == 1 else 's'}: no verdict",
            value=float(results.rounds),
            limit=MIN_ROUNDS,
        )


def saturated(results: Results) -> Iterator[Doubt]:
    for scenario, contender, cells in each(results):
        due = sum(counts.due(cell) for cell in cells)
        open_ = sum(counts.unanswered(cell) for cell in cells)
        if open_:
            drain = cells[0].scenario.drain_s
            yield Doubt(
                kind=d.SATURATED,
                what=f"{contender.name}: {due - open_:,.0f} of {due:,.0f} requests ended within D = {drain:g} s",
                value=(due - open_) / due,
                limit=1,
                scenario=scenario,
                contenders=(contender.name,),
                cells=ids(cell for cell in cells if counts.unanswered(cell)),
            )


def errors(results: Results) -> Iterator[Doubt]:
    for scenario, contender, cells in each(results):
        failed = sum(counts.failed(cell) for cell in cells)
        background = sum(failed_in_background(cell) for cell in cells)
        if failed or background:
            classes: dict[str, int] = {}
            for cell in cells:
                for name, count in cell.work.labels("error").counts().items():
                    classes[name] = classes.get(name, 0) + count
            listed = ", ".join(f"{count:,} {name}" for name, count in sorted(classes.items()))
            yield Doubt(
                kind=d.ERRORS,
                what=f"{contender.name}: {failed:,.0f} requests and {background:,} background tasks failed ({listed})",
                value=failed + background,
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
            )


def failed_in_background(cell: Cell) -> int:
    """Background tasks of the window that ended in an exception."""
    return int(np.count_nonzero(cell.work.labels("operation").equal("background") & cell.work.known("error")))


@of_group
def own_lags_ms(cells: Sequence[Cell]) -> tuple[float, float]:
    """Our own lateness at p50 and p99."""
    lags = own_lag_ms(cells)
    return quantile(lags, 0.5), quantile(lags, 0.99)


def own_lag_ms(cells: Sequence[Cell]) -> Floats:
    """start − max(due, thread free) of what began.

    Of requests that are due on one tick in one process the first: the others queue for its core, as in any server.
    """
    lag = np.concatenate([cell.due.floats("own_lag_ms")[first_of_each_tick(cell)] for cell in cells])
    known: Floats = lag[~np.isnan(lag)]
    return known


def first_of_each_tick(cell: Cell) -> Ints:
    """Places of the window's requests that are the first of their process to be due at that instant."""
    of_process = cell.due.ints("process")
    places = np.lexsort((np.arange(len(cell.due)), cell.due.floats("due_s"), of_process))
    due, process = cell.due.floats("due_s")[places], of_process[places]
    first = np.ones(len(places), dtype=bool)
    first[1:] = (due[1:] != due[:-1]) | (process[1:] != process[:-1])
    return np.sort(places[first])


def generator_late(results: Results) -> Iterator[Doubt]:
    for scenario, contender, cells in each(results):
        late = quantile(own_lag_ms(cells), 0.99)
        response = quantile(np.concatenate([waits_ms(cell.due) for cell in cells]), 0.99)
        limit = max(1.0, 0.1 * response) if math.isfinite(response) else 1.0  # beyond D: it would allow anything
        if late > limit:
            yield Doubt(
                kind=d.GENERATOR_LATE,
                what=f"{late:.2f} ms with {contender.name} (allowed: {limit:.2f} ms)",
                value=late,
                limit=limit,
                scenario=scenario,
                contenders=(contender.name,),
            )


def over_limit(results: Results, used: Callable[[Cell], float], limit: float) -> Iterator[tuple[str, str, float]]:
    """Scenario, contender and share of all cores, median over rounds, where it exceeds the limit."""
    for scenario, contender, cells in each(results):
        share = float(np.median([used(cell) for cell in cells])) / cores(results.run)
        if share > limit:
            yield scenario, contender.name, share


def database_busy(results: Results) -> Iterator[Doubt]:
    for scenario, contender, share in over_limit(results, database_cpu, 0.5):
        if not any(cell.rows.ints("loads").any() for cell in results.of(scenario, contender)):
            continue
        yield Doubt(
            kind=d.DATABASE_BUSY,
            what=f"{100 * share:.0f} % with {contender}",
            value=share,
            limit=0.5,
            scenario=scenario,
            contenders=(contender,),
        )


def machine_busy(results: Results) -> Iterator[Doubt]:
    for scenario, contender, share in over_limit(results, machine_cpu, 0.9):
        yield Doubt(
            kind=d.MACHINE_BUSY,
            what=f"{100 * share:.0f} % with {contender}",
            value=share,
            limit=0.9,
            scenario=scenario,
            contenders=(contender,),
        )


@of_group
def distance_ms(cells: Sequence[Cell]) -> float:
    """Simulated distance a round trip as achieved, at the median over requests; nan where none was made."""
    each_ms = [
        rows.ints("distance_ns") / rows.ints("round_trips") / 1e6
        for rows in (cell.work.where(cell.work.ints("round_trips") > 0) for cell in cells)
    ]
    whole = np.concatenate(each_ms) if each_ms else np.array([])
    return float(np.median(whole)) if len(whole) else math.nan


def distance_off(results: Results) -> Iterator[Doubt]:
    for scenario, contender, cells in each(results):
        asked = float(cells[0].scenario.workload.get("rtt_ms") or 0.0)
        achieved = distance_ms(cells)
        if abs(achieved - asked) > 0.1:
            yield Doubt(
                kind=d.DISTANCE_OFF,
                what=f"{achieved:.2f} ms with {contender.name} (asked for: {asked:g} ms)",
                value=achieved - asked,
                limit=0.1,
                scenario=scenario,
                contenders=(contender.name,),
            )


def not_steady(results: Results) -> Iterator[Doubt]:
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
            yield Doubt(
                kind=d.NOT_STEADY,
                what=f"{contender.name}: read p50 {a:.3g} ms in the first half of a cell, {b:.3g} ms in the second",
                value=math.exp(change.estimate),
                limit=1.1,
                scenario=scenario,
                contenders=(contender.name,),
            )


def remarks(results: Results) -> Iterator[Doubt]:
    for remark in results.run.info.remarks:
        cost = remark.get("cost", "")
        yield Doubt(kind=d.REMARK, what=f"{remark.get('what', remark.get('name', ''))}{': ' if cost else ''}{cost}")


def about_fresh(results: Results) -> Iterator[Doubt]:
    return doubts_of_freshness(each(results))


CHECKS = (
    bounds,
    twins_differ,
    existing_not_found,
    counts_differ,
    unfinished,
    cells_missing,
    few_rounds,
    saturated,
    errors,
    generator_late,
    database_busy,
    machine_busy,
    distance_off,
    not_steady,
)
OF_GROUPS = (
    existing_not_found,
    counts_differ,
    saturated,
    errors,
    generator_late,
    database_busy,
    machine_busy,
    distance_off,
    not_steady,
    about_fresh,
)
"""Those that look at one contender in one scenario at a time."""
OF_APART = (existing_not_found, counts_differ, machine_busy)
"""The checks of what was provoked: errors, late answers and loads are what it is about."""
OF_LIMITING = (counts_differ, saturated, errors, generator_late, machine_busy, distance_off)
"""The checks that a limiting scenario's cells go through as well."""
