"""Database loads: per read, and per expiry of a hot key."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.rows import NONE, Rows
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.clustered import counted_mean
from stampede.reports.statistics.estimate import Estimate, missing


def loads_per_1000_reads(cell: Cell) -> float:
    """All loads of the window, including background work, per 1,000 reads of the window."""
    return 1000 * float(cell.work.ints("loads").sum()) / len(cell.reads) if len(cell.reads) else np.nan


def loads_over_reads(cells: Sequence[Cell]) -> Estimate:
    """Total loads per 1,000 reads of all rounds, with the interval of a ratio estimator clustered by round."""
    loads = [float(cell.work.ints("loads").sum()) for cell in cells]
    mean = counted_mean(loads, [float(len(cell.reads)) for cell in cells])
    if mean.missing:
        return missing("no reads")
    return replace(
        mean,
        value=1000 * mean.value,
        low=1000 * mean.low,
        high=1000 * mean.high,
        how="total queries over total reads, clustered by round" if mean.value else mean.how,
    )


@dataclass(frozen=True)
class Episode:
    """The loads caused by one expiry (or one refresh) of the hot key."""

    cell: int
    begin_s: float
    """Start of the first load, seconds since the window began."""
    end_s: float
    """End of the last load."""
    loads: int


def ttl_of(cell: Cell, key: int) -> float:
    """The lifetime of the entry of a key, in seconds: that of its query."""
    for query in cell.scenario.queries:
        if query.first_position <= key < query.first_position + query.records:
            return query.ttl_s
    return float(cell.scenario.workload["ttl_s"])


def hot_key(cell: Cell) -> int | None:
    """The key of every request, if the workload has one key and no writes; else None.

    With several queries each has a hot key, and the cell of all queries has none.
    """
    workload = cell.scenario.workload
    if workload.get("active_records") != 1 or not len(cell.reads) or len(cell.writes):
        return None
    keys = np.unique(cell.reads.ints("key")[cell.reads.known("key")])
    return int(keys[0]) if len(keys) == 1 else None


def hot_loads(cell: Cell) -> Rows:
    """The rows that loaded the hot key (readers, background work, warm-up), sorted by the start of their load."""
    key = hot_key(cell)
    rows = cell.rows
    if key is None:
        return rows.between(0, 0)
    of_key = (rows.ints("key") == NONE) | (rows.ints("key") == key)
    mine = rows.where((rows.ints("loads") > 0) & rows.known("load_start_s") & of_key)
    return mine.sorted_by("load_start_s")


def episodes(cell: Cell) -> list[Episode]:
    """The expiries of the hot key that lie inside the window completely."""
    return complete_and_endless(cell)[0]


def complete_and_endless(cell: Cell) -> tuple[list[Episode], int]:
    """The complete expiries of the hot key (of every query), and the number of expiries without an observed end."""
    each = [expiries_of(part) for part in cell.by_query]
    return [episode for found, _ in each for episode in found], sum(endless for _, endless in each)


def expiries_of(cell: Cell) -> tuple[list[Episode], int]:
    """The complete expiries of one hot key, and the number of its expiries without an observed end.

    Loads that start more than half a TTL after the previous one belong to a new expiry. An expiry counts if its first
    load lies in the window and at least half a TTL before the window's end, however many loads follow. If its loads do
    not pause for half a TTL within one TTL or within the window (no cache, or an overloaded database), its end was not
    observed. The report says how many such expiries were left out, because they are the large ones.
    """
    key, loads = hot_key(cell), hot_loads(cell)
    if key is None or not len(loads):
        return [], 0
    gap_s = ttl_of(cell, key) / 2
    starts, ends, counts = loads.floats("load_start_s"), loads.floats("load_end_s"), loads.ints("loads")
    cuts = [0, *(np.flatnonzero(np.diff(starts) > gap_s) + 1), len(starts)]
    found, endless = [], 0
    for first, last in itertools.pairwise(cuts):
        if starts[first] < 0 or starts[first] > cell.window_s - gap_s:
            continue
        if starts[last - 1] >= cell.window_s - 1e-9 or starts[last - 1] - starts[first] > 2 * gap_s:
            endless += 1
            continue
        reach = float(np.nanmax(ends[first:last], initial=starts[last - 1]))
        found.append(Episode(cell.info.id, float(starts[first]), reach, int(counts[first:last].sum())))
    return found, endless


@per_group
def episodes_of(cells: Sequence[Cell]) -> list[list[Episode]]:
    """The complete expiries of each cell."""
    return [episodes(cell) for cell in cells]


@per_group
def hot_key_of(cells: Sequence[Cell]) -> int | None:
    """The hot key of the first cell."""
    return hot_key(cells[0]) if cells else None


@per_group
def load_times_s(cells: Sequence[Cell]) -> tuple[float, float, int]:
    """Median and mean duration of the loads at the gateway, simulated RTT included, and their number; nan if none."""
    rows = [cell.rows.floats("load_end_s") - cell.rows.floats("load_start_s") for cell in cells]
    took = np.concatenate(rows) if rows else np.array([])
    took = took[~np.isnan(took)]
    return (float(np.median(took)), float(took.mean()), len(took)) if len(took) else (np.nan, np.nan, 0)


def loads_per_expiry(cell: Cell) -> float:
    """Mean over the cell's complete expiries; nan without one."""
    each = [episode.loads for episode in episodes(cell)]
    return float(np.mean(each)) if each else np.nan


def loads_over_expiries(cells: Sequence[Cell]) -> Estimate:
    """Mean loads per complete expiry over all rounds, clustered by round."""
    if all(hot_key(part) is None for cell in cells for part in cell.by_query):
        return missing("not measured here: no single hot key")
    each = [[episode.loads for episode in episodes(cell)] for cell in cells]
    if not any(each):
        per_ttl = [loads_per_ttl(cell) for cell in cells]
        if not any(per_ttl):
            return missing("no expiry: there were no queries", len(cells))
        return missing(f"no expiry: the queries are continuous ({np.mean(per_ttl):.0f} per TTL)", len(cells))
    mean = counted_mean([float(sum(e)) for e in each], [float(len(e)) for e in each], least=1.0)
    n = sum(len(e) for e in each)
    how = f"mean of {n} expiries, clustered by round" if mean.value > 1 else mean.how
    endless = sum(complete_and_endless(cell)[1] for cell in cells)
    left_out = f"{endless} more are left out: they lasted longer than a TTL or the window, so their end was not seen"
    return replace(mean, how=how, why=left_out if endless else "")


def loads_per_ttl(cell: Cell) -> float:
    """Loads of the hot key (of every query) per TTL of the window, for contenders whose loads are continuous."""
    found = 0.0
    for part in cell.by_query:
        key, loads = hot_key(part), hot_loads(part)
        starts = loads.floats("load_start_s")
        inside = loads.ints("loads")[(starts >= 0) & (starts < cell.window_s)]
        found += 0.0 if key is None else float(inside.sum()) * ttl_of(cell, key) / cell.window_s
    return found


PER_1000_READS = Metric(
    name="loads-per-1000-reads",
    title="per 1,000 reads",
    unit="",
    explain="database queries sent, including background work, per thousand reads",
    of_cell=loads_per_1000_reads,
    of_rounds=loads_over_reads,
    better="lower",
    compared=True,
    decides=True,
    order=20,
    resolution=1.0,
    so_what="{fewer} queries for every 1,000 reads",
    group="queries",
)
PER_EXPIRY = replace(
    PER_1000_READS,
    name="loads-per-expiry",
    title="per expiry",
    explain="database queries for the hot key each time its entry expired or was refreshed",
    of_cell=loads_per_expiry,
    of_rounds=loads_over_expiries,
    order=21,
    resolution=0.1,
    so_what="{fewer} queries each time a hot key expires",
)
METRICS = [PER_1000_READS, PER_EXPIRY]
