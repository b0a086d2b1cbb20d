"""Checks of the cells and their records: bounds, A/A copies, counts, missing cells and rounds, freshness."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.results import Results, each
from stampede.reports.analysis.time_scale import LEAST_FACTOR, scale_preserved
from stampede.reports.checks.check import check
from stampede.reports.metrics.loader_account import loader_account
from stampede.reports.metrics.metric import find_metric
from stampede.reports.metrics.response_times import waits_ms
from stampede.reports.statistics.comparison import Comparison
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.verdict import noise_floor
from stampede.reports.topics.freshness.version_history import AFTER_DRAIN
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning

COMMAND_COUNTERS = (".usec", ".failed", ".rejected")
"""Counters of Redis for each command other than its calls. Calls do not include commands rejected before they ran."""

PASSED_BY = (
    "commands bypassed the meters: the contender has a Redis client of its own, or another client uses this server"
)


def ids(cells: Iterable[Cell]) -> tuple[int, ...]:
    """The ids of cells."""
    return tuple(cell.info.id for cell in cells)


@check(run_warnings.BETTER_THAN_BOUND, scope="run")
def bounds(results: Results) -> Iterator[RunWarning]:
    """A read of a contender cannot be faster than a bare GET with decoding."""
    metric = find_metric("read-p50")
    contenders = results.run.info.contenders
    for scenario in results.scenarios:
        aa_copy = results.aa_pairs.get((scenario.name, metric.name))
        floor = noise_floor(aa_copy.comparison if aa_copy else None)
        for baseline, c in itertools.product([c for c in contenders if c.kind == "baseline"], contenders):
            if c.kind == "baseline":
                continue
            ratio = results.paired(scenario.name, c.name, baseline.name, metric).ratio
            if ratio is not None and ratio.high < 1 / (1 + floor):
                yield RunWarning(
                    kind=run_warnings.BETTER_THAN_BOUND,
                    what=f"{c.name}'s read p50 is {ratio.estimate:.2f} times that of {baseline.name}, its lower bound",
                    value=ratio.high,
                    limit=1 / (1 + floor),
                    scenario=scenario.name,
                    contenders=(c.name,),
                )


@check(run_warnings.COPIES_DIFFER, scope="run")
def copies_differ(results: Results) -> Iterator[RunWarning]:
    """The A/A copies must not differ in any compared metric."""
    for verdict in results.aa_pairs.values():
        if verdict.sentence in ("better", "worse"):
            test = verdict.comparison.ratio or verdict.comparison.difference
            assert test is not None
            yield RunWarning(
                kind=run_warnings.COPIES_DIFFER,
                what=(
                    f"{verdict.contender} is {verdict.sentence} than its original {verdict.against} in "
                    f"{verdict.metric.group} {verdict.metric.title}: {test.estimate:.3g} ({test.low:.3g} to "
                    f"{test.high:.3g})"
                ),
                value=verdict.adjusted_p,
                limit=0.05,
                scenario=verdict.scenario,
                size=size_of(verdict.comparison),
            )


@check(run_warnings.SCALE_NOT_PRESERVED, scope="group")
def scale(results: Results) -> Iterator[RunWarning]:
    """Where a scenario compresses time, load time, refresh window and TTL must keep their order."""
    for scenario, contender, cells in each(results):
        why = scale_preserved(contender, cells[0].scenario)
        if why:
            yield RunWarning(
                kind=run_warnings.SCALE_NOT_PRESERVED,
                what=f"{contender.name}: {why}",
                limit=LEAST_FACTOR,
                scenario=scenario,
                contenders=(contender.name,),
            )


@check(run_warnings.COUNTS_DIFFER, scope="group", applies_to=("caching", "separate", "limiting"))
def counts_differ(results: Results) -> Iterator[RunWarning]:
    """Our own counts must agree with those of Locust and the servers in every cell."""
    for scenario, contender, cells in each(results):
        wrong = [(cell, count_differences(cell)) for cell in cells]
        wrong = [(cell, lines) for cell, lines in wrong if lines]
        if wrong:
            cell, lines = wrong[0]
            more = f"; and in {len(wrong) - 1} more cells" if len(wrong) > 1 else ""
            yield RunWarning(
                kind=run_warnings.COUNTS_DIFFER,
                what=f"cell {cell.info.id}: {'; '.join(lines[:3])}{more}",
                value=float(len(wrong)),
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
                cells=ids(cell for cell, _ in wrong),
            )


@check(run_warnings.UNFINISHED, scope="run")
def unfinished(results: Results) -> Iterator[RunWarning]:
    """The run must have finished."""
    status = results.run.info.status
    words = {
        "running": "was killed or is still running",
        "cut": "was stopped by its user",
        "failed": "failed: it is void",
    }
    if status != "finished":
        done, planned = len(results.run.done), len(results.run.info.cells)
        yield RunWarning(
            kind=run_warnings.UNFINISHED,
            what=f"the run {words.get(status, status)}; {done} of {planned} cells finished",
        )


@check(run_warnings.CELLS_MISSING, scope="run")
def cells_missing(results: Results) -> Iterator[RunWarning]:
    """Every planned cell must be measured."""
    ended = results.run.info.status == "finished"
    lost = [c for c in results.run.info.cells if c.status == "failed" or (ended and c.status != "done")]
    if lost:
        why = next((cell.why for cell in lost if cell.why), "")
        yield RunWarning(
            kind=run_warnings.CELLS_MISSING,
            what=f"{len(lost)} of {len(results.run.info.cells)} planned cells are missing{': ' if why else ''}{why}",
            value=float(len(lost)),
            limit=0,
            cells=tuple(cell.id for cell in lost),
        )


@check(run_warnings.FEW_ROUNDS, scope="run")
def few_rounds(results: Results) -> Iterator[RunWarning]:
    """Verdicts need MIN_ROUNDS complete rounds."""
    planned = results.run.info.cells  # a run with experiments only has no cells
    elsewhere = results.limiting is not None or results.separate is not None
    if planned and results.rounds < MIN_ROUNDS and (results.cells or not elsewhere):
        yield RunWarning(
            kind=run_warnings.FEW_ROUNDS,
            what=f"{results.rounds} complete round{'' if results.rounds == 1 else 's'}: no verdict",
            value=float(results.rounds),
            limit=MIN_ROUNDS,
        )


@check(run_warnings.REMARK, scope="run")
def remarks(results: Results) -> Iterator[RunWarning]:
    """One warning for each remark of the harness."""
    for remark in results.run.info.remarks:
        cost = remark.get("cost", "")
        yield RunWarning(
            kind=run_warnings.REMARK, what=f"{remark.get('what', remark.get('name', ''))}{': ' if cost else ''}{cost}"
        )


DENSE = 3.0
"""Possibly stale reads per certainly stale read; above this ratio the result is not informative."""
MATTERS = 0.05
"""Share of possibly stale reads; below it, uncertainty about them does not matter."""


@check(run_warnings.FROM_THE_FUTURE, run_warnings.TOO_DENSE, scope="group")
def freshness(results: Results) -> Iterator[RunWarning]:
    """Reads from the future, and writes too dense to classify reads."""
    for scenario, contender, cells in each(results):
        judged = [(cell.info.id, cell.judged) for cell in cells if cell.judged is not None]
        future = {i: int(j.future.sum()) for i, j in judged if j.future.any()}
        if future:
            yield RunWarning(
                kind=run_warnings.FROM_THE_FUTURE,
                what=f"{contender.name}: {sum(future.values()):,} reads returned a version whose COMMIT had not begun",
                value=float(sum(future.values())),
                limit=0,
                scenario=scenario,
                contenders=(contender.name,),
                cells=tuple(future),
            )
        reads = sum(int(j.reads.measured.sum()) for _, j in judged)
        stale = sum(int((j.stale & j.reads.measured).sum()) for _, j in judged)
        possible = sum(int((j.possible & j.reads.measured).sum()) for _, j in judged)
        if possible > DENSE * stale and possible > MATTERS * reads:
            yield RunWarning(
                kind=run_warnings.TOO_DENSE,
                what=(
                    f"{contender.name}: writes are too dense to judge: {stale:,} of {reads:,} reads were certainly "
                    f"stale, {possible:,} may have been"
                ),
                value=possible / stale if stale else float(possible),
                limit=DENSE,
                scenario=scenario,
                contenders=(contender.name,),
            )


LEAST_SAMPLES = 20
"""Ten on each side of a median."""


def groups(results: Results) -> Iterator[tuple[str, str, list[Cell]]]:
    """Scenario, contender and cells of each group."""
    for (scenario, contender), cells in results.groups.items():
        yield scenario, contender, cells


def elapsed_s(cell: Cell) -> float:
    """Seconds between the two readings of a cell's counters; nan if not recorded."""
    return cell.counters.get(("machine", "clock.monotonic_s"), math.nan)


@check(run_warnings.FEW_SAMPLES, scope="group")
def few_samples(results: Results) -> Iterator[RunWarning]:
    """Cells with too few answered reads for a median."""
    for scenario, contender, cells in groups(results):
        if cells[0].scenario.kind != "caching" or cells[0].scenario.fault is not None:
            continue
        least = min(len(waits_ms(cell.reads)) for cell in cells)
        if least < LEAST_SAMPLES:
            yield RunWarning(
                kind=run_warnings.FEW_SAMPLES,
                what=f"{least} in a cell of {contender}",
                value=float(least),
                limit=LEAST_SAMPLES,
                scenario=scenario,
                contenders=(contender,),
            )


def finite_median(values: Sequence[float]) -> float:
    """The median of the finite values; nan without one."""
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan


def cell_count(number: int) -> str:
    """For example "1 cell" or "3 cells"."""
    return f"{number} cell{'' if number == 1 else 's'}"


def count_differences(cell: Cell) -> list[str]:
    """One line for each difference between our counts and others', over the whole cell.

    A count that one side lacks is not compared. Locust counts every request; a request that did not begin is a failure.
    The meters of the processes and of the coordinator count loads and commands; the loads in the samples must add up to
    the same number. A script calls commands that no client sent, and Redis counts them under their own names: commands
    that the contender's scripts name may be counted more often than they were sent, all others must be equal. After
    failed requests the counts of the servers are not comparable and are left out, for example because a cancelled
    statement is missing from pg_stat_statements.
    """
    found = []
    foreground = int(np.count_nonzero(~cell.operation.equal("background", AFTER_DRAIN)))
    if cell.info.locust_requests is not None and cell.info.locust_requests != foreground:
        found.append(f"Locust counted {cell.info.locust_requests:,} requests, the samples hold {foreground:,}")
    ours: dict[str, float] = {}
    redis: dict[str, float] = {}
    rejected: dict[str, float] = {}
    for (source, name), value in cell.counters.items():
        if source.startswith("process-") or source == "coordinator":
            ours[name] = ours.get(name, 0.0) + value
        elif source == "redis" and name.startswith("command."):
            if name.endswith(".rejected"):
                rejected[name.removesuffix(".rejected")] = value
            elif not name.endswith(COMMAND_COUNTERS):
                redis[name] = value
    for name, value in rejected.items():
        redis[name] += value
    sampled = float(cell.rows.ints("loads").sum())
    if any(s.startswith("process-") for s, _ in cell.counters) and ours.get("load", 0.0) != sampled:
        found.append(f"the meters counted {ours.get('load', 0.0):,.0f} queries, the samples hold {sampled:,.0f}")
    if cell.rows.known("error").any() or why_not_comparable(cell):
        return found
    theirs = cell.counters.get(("postgres", "statement.load.calls"))
    if theirs is not None and theirs != ours.get("load", 0.0):
        found.append(f"we sent {ours.get('load', 0.0):,.0f} queries, pg_stat_statements counted {theirs:,.0f}")
    found += query_differences(cell) + loader_differences(cell)
    if redis:
        names = sorted(redis.keys() | {n for n in ours if n.startswith("command.")})
        unequal: list[str] = []
        bypassed = False
        for name in names:
            sent, counted = ours.get(name, 0.0), redis.get(name, 0.0)
            scripted = name.removeprefix("command.") in cell.contender.script_commands
            if sent > counted or (sent < counted and not scripted):
                command = name.removeprefix("command.").upper()
                unequal.append(f"we sent {sent:,.0f} {command}, Redis counted {counted:,.0f}")
                bypassed = bypassed or sent < counted
        found += [PASSED_BY, *unequal] if bypassed else unequal
    return found


def query_differences(cell: Cell) -> list[str]:
    """One line for each of several queries whose loads in the samples are not as many as the database counted."""
    found = []
    for part in cell.by_query if cell.scenario.queries else ():
        name = part.query.name if part.query else ""
        theirs = cell.counters.get(("postgres", f"query.{name}.load.calls"))
        sampled = float(part.rows.ints("loads").sum())
        if theirs is not None and theirs != sampled:
            found.append(f"{name}: the samples hold {sampled:,.0f} queries, pg_stat_statements counted {theirs:,.0f}")
    return found


def loader_differences(cell: Cell) -> list[str]:
    """One line if the user's own loader answered calls that PostgreSQL did not see. Empty: it did not, or SQL ran."""
    loader = loader_account(cell.scenario.workload, cell.counters)
    if loader is None or not loader.too_few:
        return []
    return [f"your loader answered {loader.calls:,.0f} calls, PostgreSQL counted {loader.counted:,.0f} {loader.unit}"]


def why_not_comparable(cell: Cell) -> str:
    """Why the counts of the servers are not comparable with ours in this cell; empty if they are."""
    if cell.scenario.fault is not None:
        return "not comparable, because a fault was injected"
    return f"not comparable, because {cell.contender.foreign}" if cell.contender.foreign else ""


def size_of(comparison: Comparison) -> float:
    """The largest difference that the interval of a paired comparison allows, as a share; infinity without a ratio."""
    ratio = comparison.ratio
    return math.inf if ratio is None else max(ratio.high, 1 / ratio.low) - 1
