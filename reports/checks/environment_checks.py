"""Checks of the environment: the machine's load, its clocks, and drift over the rounds."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from stampede.reports.analysis.cpu_use import machine_cpu
from stampede.reports.analysis.frames import Cell, clock_uncertainty_ns, per_group
from stampede.reports.analysis.results import Results
from stampede.reports.analysis.rows import Floats
from stampede.reports.checks.cell_checks import cell_count, elapsed_s, finite_median, groups
from stampede.reports.checks.check import check
from stampede.reports.checks.server_checks import REDIS_CPU, over_limit
from stampede.reports.checks.standstill import asleep_s
from stampede.reports.metrics.response_times import waits_ms
from stampede.reports.statistics.estimate import MIN_ROUNDS, quantile
from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning


@check(run_warnings.MACHINE_BUSY, scope="group", applies_to=("caching", "separate", "limiting"))
def machine_busy(results: Results) -> Iterator[RunWarning]:
    """At most nine tenths of all cores may be busy."""
    for scenario, contender, share in over_limit(results, machine_cpu, 0.9):
        yield RunWarning(
            kind=run_warnings.MACHINE_BUSY,
            what=f"{100 * share:.0f} % with {contender}",
            value=share,
            limit=0.9,
            scenario=scenario,
            contenders=(contender,),
        )


DRIFT = 0.15
"""Largest relative change of a drift probe, or of all contenders' response times, during a run."""
STEP_S, STEP_SHARE = 0.01, 0.001
"""The wall clock may be slewed by a thousandth; a larger change, plus 10 ms, is a step."""
OTHERS = 0.10
"""Largest share of all cores that other processes may use."""
STOLEN = 0.05
"""Largest share of all cores that the hypervisor may take."""


@check(run_warnings.CLOCK_STEPPED, scope="run")
def clock_stepped(results: Results) -> Iterator[RunWarning]:
    """The wall clock compared with the monotonic clock, over each cell."""
    steps = {}
    for _, _, cells in groups(results):
        for cell in cells:
            wall = cell.counters.get(("machine", "clock.wall_s"), math.nan)
            monotonic = elapsed_s(cell) + asleep_s(cell)  # sleep is not a step: it has its own warning
            if abs(wall - monotonic) > STEP_S + STEP_SHARE * monotonic:
                steps[cell.info.id] = wall - monotonic
    if steps:
        worst = max(steps.values(), key=abs)
        yield RunWarning(
            kind=run_warnings.CLOCK_STEPPED,
            what=(
                f"the wall clock moved by {1e3 * worst:+.0f} ms relative to the monotonic clock in "
                f"{cell_count(len(steps))}"
            ),
            value=worst,
            limit=STEP_S,
            cells=tuple(steps),
        )


@check(run_warnings.CLOCKS_APART, scope="run")
def several_clocks(results: Results) -> Iterator[RunWarning]:
    """Application servers on other machines: their clock offsets are known to a measured uncertainty."""
    uncertainty_ns = clock_uncertainty_ns(results.run)
    if uncertainty_ns:
        worst_ms = max(uncertainty_ns.values()) / 1e6
        machines = results.run.info.metadata.get("workers", {}).get("machines", [])
        hosts = ", ".join(str(machine.get("host")) for machine in machines) or "several machines"
        yield RunWarning(
            kind=run_warnings.CLOCKS_APART,
            what=f"workers on {hosts}: their clock offsets are known to ± {worst_ms:.2f} ms",
            value=worst_ms,
            limit=0,
        )


@check(run_warnings.OTHER_LOAD, scope="group")
def other_load(results: Results) -> Iterator[RunWarning]:
    """Cores that other processes used, and cores that the hypervisor gave to other machines."""
    cores = float(results.run.info.metadata.get("machine", {}).get("cores") or math.nan)
    for scenario, contender, cells in groups(results):
        others = finite_median([others_cpu(cell) for cell in cells]) / cores
        stolen = finite_median(
            [cell.counters.get(("machine", "cpu.steal_s"), math.nan) / elapsed_s(cell) for cell in cells]
        )
        stolen /= cores
        if others > OTHERS or stolen > STOLEN:
            parts = [f"{100 * others:.0f} % by other processes"] if others > OTHERS else []
            parts += [f"{100 * stolen:.0f} % stolen by the hypervisor"] if stolen > STOLEN else []
            yield RunWarning(
                kind=run_warnings.OTHER_LOAD,
                what=f"{' and '.join(parts)} with {contender}",
                value=max(others, stolen),
                limit=OTHERS if others > OTHERS else STOLEN,
                scenario=scenario,
                contenders=(contender,),
            )


def stolen_cpu(cell: Cell) -> float:
    """Cores that the hypervisor took, mean over the cell; nan if it is not known."""
    return cell.counters.get(("machine", "cpu.steal_s"), math.nan) / elapsed_s(cell)


def others_cpu(cell: Cell) -> float:
    """Cores that were busy with neither the suite nor the servers; nan if a part is not known."""
    busy = cell.counters.get(("machine", "cpu.busy_s"), math.nan)
    database = cell.counters.get(("postgres", "cpu_s"), math.nan)
    redis = sum(v for (s, n), v in cell.counters.items() if s == "redis" and n in REDIS_CPU)
    ours = [
        v for (s, n), v in cell.counters.items() if n == "cpu_s" and (s.startswith("process-") or s == "coordinator")
    ]
    if not ours or cell.contender.foreign or cell.scenario.fault is not None:
        return math.nan
    return max(0.0, busy - database - redis - sum(ours)) / elapsed_s(cell)


@check(run_warnings.DRIFT, scope="run")
def drift(results: Results) -> Iterator[RunWarning]:
    """The drift probe and the contenders' read p50: first half of the rounds compared with the second half."""
    rows = results.run.timeline
    rows = rows[rows["source"] == PROBE]
    round_of = {cell.id: cell.round for cell in results.run.info.cells}
    changed = []
    for name, of_name in rows.groupby("name", observed=True):
        change = probe_change([round_of[int(c)] for c in of_name["cell"]], [float(v) for v in of_name["value"]])
        if abs(math.log1p(change)) > math.log1p(DRIFT):
            changed.append((change, f"{PROBES.get(str(name), str(name))} by {100 * change:+.0f} %"))
    if changed:
        what = f"from the first rounds to the last the drift probe changed: {', '.join(text for _, text in changed)}"
        yield RunWarning(kind=run_warnings.DRIFT, what=what, value=max((c for c, _ in changed), key=abs), limit=DRIFT)
    for scenario in results.scenarios:
        change = rounds_change([cells for s, _, cells in groups(results) if s == scenario.name])
        if abs(math.log1p(change)) > math.log1p(DRIFT):
            yield RunWarning(
                kind=run_warnings.DRIFT,
                what=f"from the first rounds to the last, all contenders' read p50 changed by {100 * change:+.0f} %",
                value=change,
                limit=DRIFT,
                scenario=scenario.name,
            )


PROBE = "canary"  # quoted
"""The source of the drift probe's rows in the timeline."""
PROBES = {"ping_us": "PING", "select_us": "SELECT 1", "loop_us": "a fixed Python loop"}


def probe_change(rounds: Sequence[int], values: Sequence[float]) -> float:
    """Relative change of a probe's median from the first half of the rounds to the second; 0 below 4 rounds."""
    by_round = pd.Series(list(values)).groupby(list(rounds)).median().sort_index().to_numpy(dtype=np.float64)
    return halves_change(np.log(by_round)) if len(by_round) >= 4 else 0.0


@per_group
def p50_by_round(cells: Sequence[Cell]) -> dict[int, float]:
    return {cell.info.round: quantile(waits_ms(cell.reads), 0.5) for cell in cells}


def rounds_change(contenders: Sequence[Sequence[Cell]]) -> float:
    """The same for read p50, each contender relative to its own median, mean per round; 0 below MIN_ROUNDS."""
    logs: dict[int, list[float]] = {}
    for cells in contenders:
        p50 = {} if cells[0].contender.kind == "baseline" else p50_by_round(cells)
        known = {r: math.log(v) for r, v in p50.items() if math.isfinite(v) and v > 0}
        centre = float(np.median(list(known.values()))) if known else 0.0
        for number, value in known.items():
            logs.setdefault(number, []).append(value - centre)
    series = np.array([float(np.mean(logs[number])) for number in sorted(logs)])
    return halves_change(series) if len(series) >= MIN_ROUNDS else 0.0


def halves_change(logs: Floats) -> float:
    """exp(median of the second half − median of the first half) − 1; the middle of an odd number is left out."""
    half = len(logs) // 2
    return math.exp(float(np.median(logs[-half:]) - np.median(logs[:half]))) - 1
