"""Redis' own figures in each cell: the figures that are monitored in production, one row per contender."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats, split
from stampede.reports.metrics.server_metrics import hit_shares, redis_hit_share
from stampede.reports.output import formatting
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import median
from stampede.run_folder.schema import ScenarioInfo

COMMANDS = 4
"""Number of commands in the table, the most frequent first."""
SLOW = "slow_ms"
"""The timeline's name for an entry of the slow log."""

Gauges = Mapping[tuple[int, str], Floats]
"""Values that were read at random instants, by (cell, name)."""

HEADER = (
    "scenario contender hit_rate redis_hit_rate used_memory_bytes maxmemory_bytes connected_clients ops_per_s "
    "evictions expiries slow_entries slowest_ms"
)


def redis_gauges(analysis: Analysis) -> Gauges:
    """Gauges of Redis from the run's timeline."""
    timeline = analysis.run.timeline
    own = timeline[(timeline["source"] == "redis") & timeline["value"].notna()]
    return {
        (cell, str(own["name"].cat.categories[name])): values
        for (cell, name), values in split(own["value"].to_numpy(np.float64), own["cell"], own["name"].cat.codes)
    }


def grids(analysis: Analysis) -> dict[str, Grid]:
    """The table of each scenario for which Redis' counters were read."""
    gauges = analysis.once(redis_gauges)
    slow = analysis.run.timeline
    slow = slow[(slow["source"] == "redis") & (slow["name"] == SLOW)]
    found = {}
    for part in (analysis, analysis.limiting):
        if part is not None:
            for scenario in part.scenarios:
                rows = [
                    (contender.name, entries(cells, gauges, slow))
                    for contender in analysis.run.info.contenders
                    if (cells := part.of(scenario.name, contender.name))
                    and any(source == "redis" for cell in cells for source, _ in cell.counters)
                ]
                if rows:
                    found[scenario.name] = grid(scenario, rows)
    return found


def grid(scenario: ScenarioInfo, rows: list[tuple[str, list[GridEntry]]]) -> Grid:
    """The table of one scenario."""
    return Grid(
        anchor=f"{scenario.name}-redis",
        title="Redis' own figures",
        explain=(
            "Whole cells, including the warm-up. Medians over rounds, except memory and clients (maximum at random "
            "instants) and counts (sums). Hit rate: from the readers' samples, and keyspace_hits over hits and misses. "
            "Commands: the most frequent ones per second, with the server's own time per command. Slow log: entries "
            "added in these cells (10 ms and longer unless the server is configured otherwise). The suite's own INFO "
            "is included in the commands."
        ),
        columns=[
            *(
                "contender",
                "hit rate by the samples",
                "by Redis' counters",
                "used memory",
                "clients",
                "commands a second",
            ),
            *("evictions", "expiries", "slow log", "commands"),
        ],
        rows=rows,
        folded=True,
    )


def seconds(cell: Cell) -> float:
    """Seconds between the two readings of the counters."""
    return cell.counters.get(("machine", "clock.monotonic_s"), math.nan)


def per_s(cell: Cell, name: str) -> float:
    """A counter's increase per second."""
    return cell.counters.get(("redis", name), math.nan) / seconds(cell)


def total(cells: Sequence[Cell], name: str) -> float:
    """Sum of a counter over the cells; nan if Redis did not report it."""
    values = [cell.counters[("redis", name)] for cell in cells if ("redis", name) in cell.counters]
    return float(sum(values)) if values else math.nan


def most(cells: Sequence[Cell], gauges: Gauges, name: str) -> float:
    """Maximum of a gauge over the cells."""
    seen = [gauges[key] for cell in cells if (key := (cell.info.id, name)) in gauges]
    return max((float(values.max()) for values in seen), default=math.nan)


def percent(values: Sequence[float]) -> str:
    """The median of shares, in %."""
    return formatting.with_unit(100 * median(values).value, "%")


def whole(value: float) -> str:
    """A number without decimals."""
    return formatting.MISSING if math.isnan(value) else f"{value:,.0f}"


def entries(cells: Sequence[Cell], gauges: Gauges, slow: pd.DataFrame) -> list[GridEntry]:
    """One contender's row."""
    used, limit = most(cells, gauges, "used_memory"), most(cells, gauges, "maxmemory")
    memory = formatting.MISSING if math.isnan(used) else f"{used / 2**20:.1f} MiB"
    own = slow[slow["cell"].isin([cell.info.id for cell in cells])]
    slowest = max(zip(own["value"], own["event"], strict=True), default=None)
    return [
        GridEntry(text=percent(hit_shares(cells))),
        GridEntry(text=percent([redis_hit_share(cell) for cell in cells])),
        GridEntry(
            text=memory, detail="" if math.isnan(limit) else f"of {limit / 2**20:.1f} MiB" if limit else "no limit"
        ),
        GridEntry(text=whole(most(cells, gauges, "connected_clients"))),
        GridEntry(text=whole(median([per_s(cell, "stats.total_commands_processed") for cell in cells]).value)),
        GridEntry(text=whole(total(cells, "stats.evicted_keys"))),
        GridEntry(text=whole(total(cells, "stats.expired_keys"))),
        GridEntry(text=str(len(own)), detail=f"{slowest[1]} {slowest[0]:.1f} ms" if slowest else ""),
        GridEntry(text="", detail=commands(cells)),
    ]


def commands(cells: Sequence[Cell]) -> str:
    """The most frequent commands, one line each: "get 212/s, 1.8 µs each"."""
    names = {
        name.removeprefix("command.")
        for cell in cells
        for source, name in cell.counters
        if source == "redis" and name.startswith("command.") and not name.endswith((".usec", ".rejected", ".failed"))
    }
    calls = {name: total(cells, f"command.{name}") for name in names}
    frequent = sorted((n for n in calls if calls[n] > 0), key=lambda n: (-calls[n], n))[:COMMANDS]
    lines = []
    for name in frequent:
        rate = median([per_s(cell, f"command.{name}") for cell in cells]).value
        each_us = total(cells, f"command.{name}.usec") / calls[name]
        each = "" if math.isnan(each_us) else f", {each_us:.1f} µs each"
        lines.append(f"{name} {whole(rate)}/s{each}")
    return "\n".join(lines)


def csv_rows(analysis: Analysis) -> list[tuple[object, ...]]:
    """CSV rows under HEADER: one per contender and scenario."""
    gauges, timeline = analysis.once(redis_gauges), analysis.run.timeline
    slow = timeline[(timeline["source"] == "redis") & (timeline["name"] == SLOW)]
    rows: list[tuple[object, ...]] = []
    for part in (analysis, analysis.limiting):
        for (scenario, contender), cells in part.groups.items() if part is not None else ():
            own = slow[slow["cell"].isin([cell.info.id for cell in cells])]
            figures = (
                median(hit_shares(cells)).value,
                median([redis_hit_share(cell) for cell in cells]).value,
                *(most(cells, gauges, name) for name in ("used_memory", "maxmemory", "connected_clients")),
                median([per_s(cell, "stats.total_commands_processed") for cell in cells]).value,
                *(total(cells, f"stats.{name}") for name in ("evicted_keys", "expired_keys")),
                float(len(own)),
                float(own["value"].max()) if len(own) else math.nan,
            )
            rows.append((scenario, contender, *("" if math.isnan(v) else f"{v:.6g}" for v in figures)))
    return rows
