"""Hits and misses apart: what a read takes with an entry and without one, and how many reads find no entry."""

from collections.abc import Callable, Sequence

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Rows
from stampede.reports.metrics.database_loads import hot_key
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, median, missing, quantile

LEAST_READS = 5
"""The fewest reads of a round whose median is used.

The round is the unit of evidence: its median is one value, and the interval over rounds says how exact it is.
"""


def hits(cell: Cell) -> Rows:
    """The reads whose first reply from the cache was a value and that made no query."""
    first = cell.reads.labels("first_cache_reply")
    return cell.reads.where(cell.reads.labels("outcome").equal("hit") & first.equal("value"))


def misses(cell: Cell) -> Rows:
    """The reads that made a query, or waited for one of another reader."""
    return cell.reads.where(cell.reads.labels("outcome").equal("loaded", "shared"))


def waiting(cell: Cell) -> Rows:
    """The reads that missed and made no query: they waited for another reader's."""
    return cell.reads.where(cell.reads.labels("outcome").equal("shared"))


def middle_ms(select: Callable[[Cell], Rows]) -> Callable[[Cell], float]:
    """The median service time of the selected reads of a cell; nan for fewer than LEAST_READS."""

    def of_cell(cell: Cell) -> float:
        rows = select(cell)
        return quantile(rows.floats("service_ms"), 0.5) if len(rows) >= LEAST_READS else np.nan

    return of_cell


def middle_of_rounds(select: Callable[[Cell], Rows]) -> Callable[[Sequence[Cell]], Estimate]:
    """The median over rounds of the rounds' medians, without rounds with fewer than LEAST_READS such reads.

    Missing if that leaves out rounds and fewer than MIN_ROUNDS remain.
    """

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        own = [middle_ms(select)(cell) for cell in cells]
        known = [value for value in own if not np.isnan(value)]
        if len(known) < min(len(own), MIN_ROUNDS) or not known:
            found = sum(len(select(cell)) for cell in cells)
            needed = f"{LEAST_READS} a round in {MIN_ROUNDS} rounds needed"
            return missing(f"not estimated: {found} such reads, {needed}", len(cells))
        return median(known)

    return of_rounds


def misses_per_1000_reads(cell: Cell) -> float:
    """Reads that were no hits, per 1,000 answered reads; nan without an answered read."""
    answered = np.count_nonzero(cell.reads.labels("outcome").equal("hit", "shared", "loaded"))
    return 1000 * len(misses(cell)) / answered if answered else np.nan


def misses_per_ttl(cell: Cell) -> float:
    """Misses of a single hot key per TTL of the window: it expires once a TTL. nan with other keys, or with writes."""
    if hot_key(cell) is None:
        return np.nan
    return len(misses(cell)) * float(cell.scenario.workload["ttl_s"]) / cell.window_s


def service_time(name: str, title: str, select: Callable[[Cell], Rows], order: int, explain: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="ms",
        explain=f"half of {explain} took no longer from start to end",
        of_cell=middle_ms(select),
        of_rounds=middle_of_rounds(select),
        better="lower",
        priced=True,
        order=order,
        group="read service time",
        resolution=0.1,
        so_what="such a read takes {less}",
    )


METRICS = [
    service_time("hit-p50", "p50 of hits", hits, 15, "the reads that hit"),
    service_time("miss-p50", "p50 of misses", misses, 16, "the reads that made a query or waited for one"),
    service_time("waiting-p50", "p50 of waiting reads", waiting, 17, "the reads that missed and made no query"),
    Metric(
        name="misses-per-1000-reads",
        title="per 1,000 reads",
        unit="",
        explain="reads that made a query or waited for one, per thousand answered reads",
        of_cell=misses_per_1000_reads,
        better="lower",
        priced=True,
        order=42,
        group="misses",
        resolution=1.0,
        so_what="{fewer} of 1,000 reads wait for the database",
    ),
    Metric(
        name="misses-per-ttl",
        title="per TTL",
        unit="",
        explain="reads that made a query or waited for one, per TTL, if one hot key expires once per TTL",
        of_cell=misses_per_ttl,
        better="lower",
        priced=True,
        order=43,
        group="misses",
        resolution=0.2,
        so_what="{fewer} reads wait for the database at each expiry",
    ),
]
