"""Checks by Little's law: requests counted in the system compared with the recorded times."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.results import Results
from stampede.reports.analysis.rows import Floats, split
from stampede.reports.checks.cell_checks import groups
from stampede.reports.checks.check import check
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import shift
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning

LITTLE = 0.05
DATABASE_LITTLE = 0.30


@check(run_warnings.LITTLES_LAW, scope="group")
def littles_law(results: Results) -> Iterator[RunWarning]:
    """Requests in the system = rate × mean time in it: counts at random instants compared with the recorded times.

    Both are evaluated at the same instants, so that neither their choice nor the window's edges cause a difference.
    """
    by_cell = results.cells[0].sample_cache.gauges("in_the_system") if results.cells else {}
    for scenario, contender, cells in groups(results):
        if cells[0].scenario.kind != "caching" or cells[0].scenario.fault is not None:
            continue
        law = in_the_system([(cell, by_cell[cell.info.id]) for cell in cells if cell.info.id in by_cell])
        gap = law.counted - law.recorded
        if abs(gap) > max(LITTLE * law.recorded, 3 * law.error):
            yield RunWarning(
                kind=run_warnings.LITTLES_LAW,
                what=(
                    f"with {contender} {law.counted:.3g} requests were in the system, counted at {law.instants:,} "
                    f"random instants; rate × mean time: {law.recorded:.3g}"
                ),
                value=gap / law.recorded if law.recorded else math.inf,
                limit=max(LITTLE, 3 * law.error / law.recorded) if law.recorded else LITTLE,
                scenario=scenario,
                contenders=(contender,),
            )


@check(run_warnings.LITTLES_LAW, scope="group")
def littles_law_in_the_database(results: Results) -> Iterator[RunWarning]:
    """The same for the database: active sessions at random instants compared with the recorded times of loads."""
    by_cell = results.cells[0].sample_cache.gauges("active", "postgres") if results.cells else {}
    none = results.run.timeline.iloc[:0]
    for scenario, contender, cells in groups(results):
        found = [in_the_database(cell, by_cell.get(cell.info.id, none)) for cell in cells]
        pairs = [(seen, recorded) for seen, recorded in found if math.isfinite(seen) and recorded > 0.5]
        if len(pairs) < MIN_ROUNDS or cells[0].scenario.fault is not None:
            continue
        change = shift([seen - recorded for seen, recorded in pairs], level=0.99)
        seen, recorded = np.mean(np.array(pairs), axis=0)
        if (change.low > 0 or change.high < 0) and abs(seen / recorded - 1) > DATABASE_LITTLE:
            yield RunWarning(
                kind=run_warnings.LITTLES_LAW,
                what=(
                    f"with {contender} {seen:.3g} sessions were active in the database; rate × mean query time: "
                    f"{recorded:.3g}"
                ),
                value=float(seen / recorded - 1),
                limit=DATABASE_LITTLE,
                scenario=scenario,
                contenders=(contender,),
            )


@dataclass(frozen=True, kw_only=True)
class Law:
    """Little's law over several cells, all processes together."""

    counted: float
    """Mean number of requests in the system, as the in-flight samplers counted them."""
    recorded: float
    """The same from the recorded times at the same instants; over all instants it is rate × mean time."""
    error: float
    """Standard error of counted − recorded."""
    instants: int
    """Number of instants."""


def in_the_system(observed: Sequence[tuple[Cell, pd.DataFrame]]) -> Law:
    """`observed`: cells with the rows of their in-flight samplers."""
    pairs: dict[str, list[Floats]] = {}
    for cell, counts in observed:
        assert cell.info.window_start_ns is not None
        requests = cell.operation.equal("read", "write")
        process, due_s, end_s = cell.rows.ints("process"), cell.rows.floats("due_s"), cell.rows.floats("end_s")
        source = counts["source"].cat
        at_s = (counts["t_ns"].to_numpy(dtype=np.int64) - cell.info.window_start_ns) / 1e9
        counted = counts["value"].to_numpy(dtype=np.float64)
        for (code,), place in split(np.arange(len(counts)), source.codes.to_numpy()):
            name = str(source.categories[code])
            mine = requests & (process == int(name.removeprefix("process-")))
            pairs.setdefault(name, []).append(
                np.stack([counted[place], open_at(due_s[mine], end_s[mine], at_s[place])])
            )
    whole = [np.concatenate(of_process, axis=1) for of_process in pairs.values()]
    return Law(
        counted=sum(float(x[0].mean()) for x in whole),
        recorded=sum(float(x[1].mean()) for x in whole),
        error=math.sqrt(sum(float(np.var(x[0] - x[1])) / x.shape[1] for x in whole)),
        instants=sum(x.shape[1] for x in whole),
    )


def open_at(starts_s: Floats, ends_s: Floats, at_s: Floats) -> Floats:
    """The number of spans that are open at each instant; an end of nan means that the span never ended."""
    begun, ended = (np.searchsorted(np.sort(x[~np.isnan(x)]), at_s, side="right") for x in (starts_s, ends_s))
    return (begun - ended).astype(np.float64)


def in_the_database(cell: Cell, active: pd.DataFrame) -> tuple[float, float]:
    """Mean number of active sessions at random instants of the window, and of loads in progress at these instants."""
    assert cell.info.window_start_ns is not None
    at_s = (active["t_ns"].to_numpy(dtype=np.int64) - cell.info.window_start_ns) / 1e9
    inside = (at_s >= 0) & (at_s < cell.window_s)
    if not inside.any():
        return math.nan, math.nan
    rtt_s = float(cell.scenario.workload.get("rtt_ms") or 0.0) / 1e3
    loads = cell.rows.where(cell.rows.known("load_start_s") & cell.rows.known("load_end_s"))
    starts_s, ends_s = loads.floats("load_start_s") + rtt_s / 2, loads.floats("load_end_s") - rtt_s / 2
    recorded = open_at(starts_s, ends_s, at_s[inside])
    return float(active["value"].to_numpy(dtype=np.float64)[inside].mean()), float(recorded.mean())
