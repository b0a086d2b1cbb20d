"""Doubts about what surrounds the cells: the machine, its clock, other load on it, the servers' settings, our own pace.

Each check is a function of recorded facts alone, and yields what it finds.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from artefact import doubts as d
from artefact.doubts import Doubt
from reports.clocks import clock_doubts_ns
from reports.frames import Cell, began_inside, of_group
from reports.metrics.response import waits_ms
from reports.results import Results
from reports.rows import Floats
from reports.standstill import asleep_s, stopped
from reports.statistics.estimate import MIN_ROUNDS, quantile
from reports.statistics.rank_tests import shift

DRIFT = 0.15
"""A canary, or the rounds themselves, that change by more: the machine is not what it was."""
STEP_S, STEP_SHARE = 0.01, 0.001
"""The wall clock may be slewed by a thousandth; more than that and 10 ms is a step."""
OTHERS = 0.10
STOLEN = 0.05
"""Shares of all cores that others may use, and that the hypervisor may take."""
ONE_CORE = 0.9
"""Of the one core that an event loop can use: above it, requests queue for it."""
ON_TIME = 0.95
CLOSED = "closed"
LITTLE = 0.05
DATABASE_LITTLE = 0.30
LEAST_SAMPLES = 20
"""Ten on each side of a median."""


def groups(results: Results) -> Iterator[tuple[str, str, list[Cell]]]:
    for (scenario, contender), cells in results.groups.items():
        yield scenario, contender, cells


def elapsed_s(cell: Cell) -> float:
    """Between the two readings of a cell's accounts; nan where nobody noted it."""
    return cell.counters.get(("machine", "clock.monotonic_s"), math.nan)


def clock_stepped(results: Results) -> Iterator[Doubt]:
    """The wall clock against the monotonic one, over each cell."""
    steps = {}
    for _, _, cells in groups(results):
        for cell in cells:
            wall = cell.counters.get(("machine", "clock.wall_s"), math.nan)
            monotonic = elapsed_s(cell) + asleep_s(cell)  # a sleep is no step: it is a doubt of its own
            if abs(wall - monotonic) > STEP_S + STEP_SHARE * monotonic:
                steps[cell.info.id] = wall - monotonic
    if steps:
        worst = max(steps.values(), key=abs)
        yield Doubt(
            kind=d.CLOCK_STEPPED,
            what=f"the wall clock moved by {1e3 * worst:+.0f} ms against the monotonic one in {cell_count(len(steps))}",
            value=worst,
            limit=STEP_S,
            cells=tuple(steps),
        )


def clocks_apart(results: Results) -> Iterator[Doubt]:
    """Application servers on other machines, whose clocks agree with ours to the doubt that was measured."""
    doubts = clock_doubts_ns(results.run)
    if doubts:
        worst_ms = max(doubts.values()) / 1e6
        machines = results.run.info.circumstances.get("workers", {}).get("machines", [])
        hosts = ", ".join(str(machine.get("host")) for machine in machines) or "several machines"
        yield Doubt(
            kind=d.CLOCKS_APART,
            what=f"workers on {hosts}: their clocks agree with ours to ± {worst_ms:.2f} ms",
            value=worst_ms,
            limit=0,
        )


def settings_changed(results: Results) -> Iterator[Doubt]:
    """Settings of the servers that are not what they were, as the conductor noted."""
    rows = results.run.timeline
    rows = rows[rows["event"].notna() & rows["name"].astype(str).str.startswith("setting ")]
    if len(rows):
        changes = [
            f"{row.source}'s {str(row.name)[len('setting ') :]}: {str(row.event).removeprefix('setting changed: ')}"
            for row in rows[["source", "name", "event"]].drop_duplicates().itertuples(index=False, name="Change")
        ]
        more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
        yield Doubt(
            kind=d.SETTINGS_CHANGED,
            what=f"{'; '.join(changes[:3])}{more}",
            value=float(len(changes)),
            limit=0,
            cells=tuple(sorted({int(cell) for cell in rows["cell"]})),
        )


def other_load(results: Results) -> Iterator[Doubt]:
    """Cores that were busy beyond our processes and the servers; and those that the hypervisor gave to others."""
    cores = float(results.run.info.circumstances.get("machine", {}).get("cores") or math.nan)
    for scenario, contender, cells in groups(results):
        others = middle([others_cpu(cell) for cell in cells]) / cores
        stolen = middle([cell.counters.get(("machine", "cpu.steal_s"), math.nan) / elapsed_s(cell) for cell in cells])
        stolen /= cores
        if others > OTHERS or stolen > STOLEN:
            parts = [f"{100 * others:.0f} % by others"] if others > OTHERS else []
            parts += [f"{100 * stolen:.0f} % stolen by the hypervisor"] if stolen > STOLEN else []
            yield Doubt(
                kind=d.OTHER_LOAD,
                what=f"{' and '.join(parts)} with {contender}",
                value=max(others, stolen),
                limit=OTHERS if others > OTHERS else STOLEN,
                scenario=scenario,
                contenders=(contender,),
            )


def others_cpu(cell: Cell) -> float:
    """Cores that were busy with what is neither ours nor the servers'; nan where a part is not known."""
    busy = cell.counters.get(("machine", "cpu.busy_s"), math.nan)
    database = cell.counters.get(("postgres", "cpu_s"), math.nan)
    redis = sum(v for (s, n), v in cell.counters.items() if s == "redis" and n in REDIS_CPU)
    ours = [v for (s, n), v in cell.counters.items() if n == "cpu_s" and (s.startswith("process-") or s == "conductor")]
    if not ours or cell.contender.foreign or cell.scenario.fault is not None:
        return math.nan
    return max(0.0, busy - database - redis - sum(ours)) / elapsed_s(cell)


REDIS_CPU = ("cpu.used_cpu_user", "cpu.used_cpu_sys")


def cpu_saturated(results: Results) -> Iterator[Doubt]:
    """Whoever runs on one core only: a process of ours, and Redis."""
    for scenario, contender, cells in groups(results):
        shares: dict[str, list[float]] = {}
        for cell in cells:
            mine = {s: v for (s, n), v in cell.counters.items() if s.startswith("process-") and n == "cpu_s"}
            redis = sum(v for (s, n), v in cell.counters.items() if s == "redis" and n in REDIS_CPU)
            busiest = max(mine, key=lambda source: mine[source], default=None)
            if busiest is not None:
                shares.setdefault("an application server", []).append(mine[busiest] / elapsed_s(cell))
            shares.setdefault("Redis", []).append(redis / elapsed_s(cell))
        for who, values in shares.items():
            share = middle(values)
            if share > ONE_CORE:
                yield Doubt(
                    kind=d.CPU_SATURATED,
                    what=f"{who} used {100 * share:.0f} % of its core with {contender}",
                    value=share,
                    limit=ONE_CORE,
                    scenario=scenario,
                    contenders=(contender,),
                )


def rate_missed(results: Results) -> Iterator[Doubt]:
    """Requests that began inside the window, against the rate that was asked for; luck of the draw allowed for."""
    for scenario, contender, cells in groups(results):
        workload = cells[0].scenario.workload
        if workload.get("arrivals") == CLOSED or cells[0].scenario.kind != "caching":
            continue
        span_s = sum(cell.window_s for cell in cells)
        wanted = float(workload["rate_per_s"]) * span_s
        began = sum(began_inside(cell) for cell in cells)
        least = ON_TIME * wanted - 3 * math.sqrt(wanted)
        if began < least:
            yield Doubt(
                kind=d.RATE_MISSED,
                what=f"{began / span_s:.1f}/s with {contender} (asked for: {wanted / span_s:g}/s)",
                value=began / wanted,
                limit=least / wanted,
                scenario=scenario,
                contenders=(contender,),
            )


def few_samples(results: Results) -> Iterator[Doubt]:
    """Cells with too few answered reads for a median."""
    for scenario, contender, cells in groups(results):
        if cells[0].scenario.kind != "caching" or cells[0].scenario.fault is not None:
            continue
        least = min(len(waits_ms(cell.reads)) for cell in cells)
        if least < LEAST_SAMPLES:
            yield Doubt(
                kind=d.FEW_SAMPLES,
                what=f"{least} in a cell of {contender}",
                value=float(least),
                limit=LEAST_SAMPLES,
                scenario=scenario,
                contenders=(contender,),
            )


def drift(results: Results) -> Iterator[Doubt]:
    """The canary, and then what the contenders themselves needed: first half of the rounds against the second."""
    rows = results.run.timeline
    rows = rows[rows["source"] == "canary"]
    round_of = {cell.id: cell.round for cell in results.run.info.cells}
    changed = []
    for name, of_name in rows.groupby("name", observed=True):
        change = canary_change([round_of[int(c)] for c in of_name["cell"]], [float(v) for v in of_name["value"]])
        if abs(math.log1p(change)) > math.log1p(DRIFT):
            changed.append((change, f"{CANARIES.get(str(name), str(name))} by {100 * change:+.0f} %"))
    if changed:
        what = f"from the first rounds to the last the canary changed: {', '.join(text for _, text in changed)}"
        yield Doubt(kind=d.DRIFT, what=what, value=max((c for c, _ in changed), key=abs), limit=DRIFT)
    for scenario in results.scenarios:
        change = rounds_change([cells for s, _, cells in groups(results) if s == scenario.name])
        if abs(math.log1p(change)) > math.log1p(DRIFT):
            yield Doubt(
                kind=d.DRIFT,
                what=f"from the first rounds to the last, all contenders' read p50 changed by {100 * change:+.0f} %",
                value=change,
                limit=DRIFT,
                scenario=scenario.name,
            )


CANARIES = {"ping_us": "PING", "select_us": "SELECT 1", "loop_us": "a fixed Python loop"}


def canary_change(rounds: Sequence[int], values: Sequence[float]) -> float:
    """Share by which one canary's median over the second half of the rounds differs from the first; 0 below 4."""
    by_round = pd.Series(list(values)).groupby(list(rounds)).median().sort_index().to_numpy(dtype=np.float64)
    return halves_change(np.log(by_round)) if len(by_round) >= 4 else 0.0


@of_group
def p50_by_round(cells: Sequence[Cell]) -> dict[int, float]:
    return {cell.info.round: quantile(waits_ms(cell.reads), 0.5) for cell in cells}


def rounds_change(contenders: Sequence[Sequence[Cell]]) -> float:
    """The same of the contenders' read p50, each against its own median, averaged in each round; 0 below MIN_ROUNDS."""
    logs: dict[int, list[float]] = {}
    for cells in contenders:
        p50 = {} if cells[0].contender.kind == "ruler" else p50_by_round(cells)
        known = {r: math.log(v) for r, v in p50.items() if math.isfinite(v) and v > 0}
        centre = float(np.median(list(known.values()))) if known else 0.0
        for number, value in known.items():
            logs.setdefault(number, []).append(value - centre)
    series = np.array([float(np.mean(logs[number])) for number in sorted(logs)])
    return halves_change(series) if len(series) >= MIN_ROUNDS else 0.0


def halves_change(logs: Floats) -> float:
    """exp(median of the second half − median of the first) − 1; the middle one of an odd number is left out."""
    half = len(logs) // 2
    return math.exp(float(np.median(logs[-half:]) - np.median(logs[:half]))) - 1


def littles_law(results: Results) -> Iterator[Doubt]:
    """Requests in the system = rate × mean time there: what an observer counted at random instants, against the
    recorded times at the same instants. The same instants, so that neither their luck nor a window's edge is in it."""
    by_cell = results.cells[0].shelf.gauges("in_the_system") if results.cells else {}
    for scenario, contender, cells in groups(results):
        if cells[0].scenario.kind != "caching" or cells[0].scenario.fault is not None:
            continue
        law = in_the_system([(cell, by_cell[cell.info.id]) for cell in cells if cell.info.id in by_cell])
        gap = law.counted - law.recorded
        if abs(gap) > max(LITTLE * law.recorded, 3 * law.error):
            yield Doubt(
                kind=d.LITTLES_LAW,
                what=(
                    f"with {contender} {law.counted:.3g} requests were in the system, counted at {law.looks:,} random "
                    f"instants; rate × mean time: {law.recorded:.3g}"
                ),
                value=gap / law.recorded if law.recorded else math.inf,
                limit=max(LITTLE, 3 * law.error / law.recorded) if law.recorded else LITTLE,
                scenario=scenario,
                contenders=(contender,),
            )


def littles_law_in_the_database(results: Results) -> Iterator[Doubt]:
    """The same with other eyes: sessions that the server called active at random instants, against the loads' times."""
    by_cell = results.cells[0].shelf.gauges("active", "postgres") if results.cells else {}
    none = results.run.timeline.iloc[:0]
    for scenario, contender, cells in groups(results):
        found = [in_the_database(cell, by_cell.get(cell.info.id, none)) for cell in cells]
        pairs = [(seen, said) for seen, said in found if math.isfinite(seen) and said > 0.5]
        if len(pairs) < MIN_ROUNDS or cells[0].scenario.fault is not None:
            continue
        change = shift([seen - said for seen, said in pairs], level=0.99)
        seen, said = np.mean(np.array(pairs), axis=0)
        if (change.low > 0 or change.high < 0) and abs(seen / said - 1) > DATABASE_LITTLE:
            yield Doubt(
                kind=d.LITTLES_LAW,
                what=f"with {contender} {seen:.3g} sessions were active in the database; rate × mean load: {said:.3g}",
                value=float(seen / said - 1),
                limit=DATABASE_LITTLE,
                scenario=scenario,
                contenders=(contender,),
            )


@dataclass(frozen=True, kw_only=True)
class Law:
    """Little's law over some cells, of all processes together."""

    counted: float
    """Requests in the system on the average, as the observers counted them."""
    recorded: float
    """The same from the recorded times; over all instants it would be rate × mean time."""
    error: float
    """Standard error of counted − recorded, from the number of looks."""
    looks: int


def in_the_system(observed: Sequence[tuple[Cell, pd.DataFrame]]) -> Law:
    """`observed`: cells with the looks of their observers."""
    pairs: dict[str, list[Floats]] = {}
    for cell, looks in observed:
        assert cell.info.window_start_ns is not None
        for source, of_process in looks.groupby("source", observed=True):
            mine = cell.rows.ints("process") == int(str(source).removeprefix("process-"))
            rows = cell.rows.where(mine & cell.operation.equal("read", "write"))
            at_s = (of_process["t_ns"].to_numpy(dtype=np.int64) - cell.info.window_start_ns) / 1e9
            counted = of_process["value"].to_numpy(dtype=np.float64)
            pairs.setdefault(str(source), []).append(
                np.stack([counted, open_at(rows.floats("due_s"), rows.floats("end_s"), at_s)])
            )
    whole = [np.concatenate(of_process, axis=1) for of_process in pairs.values()]
    return Law(
        counted=sum(float(x[0].mean()) for x in whole),
        recorded=sum(float(x[1].mean()) for x in whole),
        error=math.sqrt(sum(float(np.var(x[0] - x[1])) / x.shape[1] for x in whole)),
        looks=sum(x.shape[1] for x in whole),
    )


def open_at(starts_s: Floats, ends_s: Floats, at_s: Floats) -> Floats:
    """How many had begun by each instant and not ended; one whose end is nan never ended."""
    begun, ended = (np.searchsorted(np.sort(x[~np.isnan(x)]), at_s, side="right") for x in (starts_s, ends_s))
    return (begun - ended).astype(np.float64)


def in_the_database(cell: Cell, active: pd.DataFrame) -> tuple[float, float]:
    """Sessions seen active at random instants of the window, on the average; loads under way at the same instants."""
    assert cell.info.window_start_ns is not None
    at_s = (active["t_ns"].to_numpy(dtype=np.int64) - cell.info.window_start_ns) / 1e9
    inside = (at_s >= 0) & (at_s < cell.window_s)
    if not inside.any():
        return math.nan, math.nan
    distance_s = float(cell.scenario.workload.get("rtt_ms") or 0.0) / 1e3
    loads = cell.rows.where(cell.rows.known("load_start_s") & cell.rows.known("load_end_s"))
    starts_s, ends_s = loads.floats("load_start_s") + distance_s / 2, loads.floats("load_end_s") - distance_s / 2
    said = open_at(starts_s, ends_s, at_s[inside])
    return float(active["value"].to_numpy(dtype=np.float64)[inside].mean()), float(said.mean())


def middle(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan


def cell_count(number: int) -> str:
    return f"{number} cell{'' if number == 1 else 's'}"


CHECKS = (
    stopped,
    clock_stepped,
    settings_changed,
    other_load,
    cpu_saturated,
    rate_missed,
    few_samples,
    drift,
    littles_law,
    littles_law_in_the_database,
    clocks_apart,
)
OF_GROUPS = (other_load, cpu_saturated, rate_missed, few_samples, littles_law, littles_law_in_the_database)
"""Those that look at one contender in one scenario at a time."""
