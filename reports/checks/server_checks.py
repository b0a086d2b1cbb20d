"""Checks of the servers: CPU, settings, and the simulated RTT to them."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stampede.reports.analysis.cpu_use import cores, database_cpu
from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.results import Results, each
from stampede.reports.checks.cell_checks import elapsed_s, finite_median, groups
from stampede.reports.checks.check import check
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning


def over_limit(results: Results, used: Callable[[Cell], float], limit: float) -> Iterator[tuple[str, str, float]]:
    """Scenario, contender and share of all cores (median over rounds) of each group that exceeds the limit."""
    for scenario, contender, cells in each(results):
        share = float(np.median([used(cell) for cell in cells])) / cores(results.run)
        if share > limit:
            yield scenario, contender.name, share


@check(run_warnings.DATABASE_BUSY, scope="group")
def database_busy(results: Results) -> Iterator[RunWarning]:
    """The database may use at most half of all cores if the contender loads."""
    for scenario, contender, share in over_limit(results, database_cpu, 0.5):
        if not any(cell.rows.ints("loads").any() for cell in results.of(scenario, contender)):
            continue
        yield RunWarning(
            kind=run_warnings.DATABASE_BUSY,
            what=f"{100 * share:.0f} % with {contender}",
            value=share,
            limit=0.5,
            scenario=scenario,
            contenders=(contender,),
        )


@per_group
def achieved_rtt_ms(cells: Sequence[Cell]) -> float:
    """Achieved simulated RTT per round trip in milliseconds, median over requests; nan without round trips."""
    each_ms = [
        rows.ints("simulated_rtt_ns") / rows.ints("round_trips") / 1e6
        for rows in (cell.work.where(cell.work.ints("round_trips") > 0) for cell in cells)
    ]
    whole = np.concatenate(each_ms) if each_ms else np.array([])
    return float(np.median(whole)) if len(whole) else math.nan


@check(run_warnings.DISTANCE_OFF, scope="group", applies_to=("caching", "limiting"))
def distance_off(results: Results) -> Iterator[RunWarning]:
    """The achieved simulated RTT must be within 0.1 ms of the requested one."""
    for scenario, contender, cells in each(results):
        requested = float(cells[0].scenario.workload.get("rtt_ms") or 0.0)
        achieved = achieved_rtt_ms(cells)
        if abs(achieved - requested) > 0.1:
            yield RunWarning(
                kind=run_warnings.DISTANCE_OFF,
                what=f"{achieved:.2f} ms with {contender.name} (requested: {requested:g} ms)",
                value=achieved - requested,
                limit=0.1,
                scenario=scenario,
                contenders=(contender.name,),
            )


ONE_CORE = 0.9
"""Share of the one core that an event loop can use. Above this, requests queue for it."""


@check(run_warnings.SETTINGS_CHANGED, scope="run")
def settings_changed(results: Results) -> Iterator[RunWarning]:
    """Settings of the servers that changed during the run, as the coordinator recorded."""
    rows = results.run.timeline
    rows = rows[rows["event"].notna() & rows["name"].astype(str).str.startswith("setting ")]
    if len(rows):
        changes = [
            f"{row.source}'s {str(row.name)[len('setting ') :]}: {str(row.event).removeprefix('setting changed: ')}"
            for row in rows[["source", "name", "event"]].drop_duplicates().itertuples(index=False, name="Change")
        ]
        more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
        yield RunWarning(
            kind=run_warnings.SETTINGS_CHANGED,
            what=f"{'; '.join(changes[:3])}{more}",
            value=float(len(changes)),
            limit=0,
            cells=tuple(sorted({int(cell) for cell in rows["cell"]})),
        )


REDIS_CPU = ("cpu.used_cpu_user", "cpu.used_cpu_sys")


@check(run_warnings.CPU_SATURATED, scope="group")
def cpu_saturated(results: Results) -> Iterator[RunWarning]:
    """CPU use of the processes that can use one core only: application servers and Redis."""
    for scenario, contender, cells in groups(results):
        shares: dict[str, list[float]] = {}
        for cell in cells:
            mine = {s: v for (s, n), v in cell.counters.items() if s.startswith("process-") and n == "cpu_s"}
            redis = sum(v for (s, n), v in cell.counters.items() if s == "redis" and n in REDIS_CPU)
            busiest = max(mine, key=lambda source: mine[source], default=None)
            if busiest is not None:
                shares.setdefault("an application server", []).append(mine[busiest] / elapsed_s(cell))
            shares.setdefault("Redis", []).append(redis / elapsed_s(cell))
        for process, values in shares.items():
            share = finite_median(values)
            if share > ONE_CORE:
                yield RunWarning(
                    kind=run_warnings.CPU_SATURATED,
                    what=f"{process} used {100 * share:.0f} % of its core with {contender}",
                    value=share,
                    limit=ONE_CORE,
                    scenario=scenario,
                    contenders=(contender,),
                )
