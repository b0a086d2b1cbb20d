"""Figures of each query of a scenario with several queries, by the definitions of the metrics of all requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.metrics.cache_misses import METRICS as OF_MISSES
from stampede.reports.metrics.metric import Metric
from stampede.reports.metrics.request_counts import METRICS as OF_REQUESTS
from stampede.reports.metrics.response_times import METRICS as OF_TIMES
from stampede.reports.metrics.server_metrics import METRICS as OF_SERVERS
from stampede.reports.statistics.clustered import counted_mean
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.reports.topics.freshness.version_history import AFTER_DRAIN
from stampede.run_folder.schema import QueryInfo

NAMES = ("due", "failed", "hit-rate", "misses-per-1000-reads", "read-p50", "read-p99")
"""The metrics that each query has, in the order of their columns."""


@dataclass(frozen=True, kw_only=True)
class QueryFigure:
    """One figure of one query."""

    query: QueryInfo
    metric: Metric
    estimate: Estimate


def queries_per_1000_reads(cell: Cell) -> float:
    """Loads of the query per thousand of its reads, as the database counted them; nan without pg_stat_statements.

    The counter covers the whole cell, so reads of the warm-up and reads after the drain count too.
    """
    loads, reads = counted_loads(cell)
    return 1000 * loads / reads if reads else np.nan


def counted_loads(cell: Cell) -> tuple[float, float]:
    """The query's loads by pg_stat_statements (nan without it), and its reads, both of the whole cell."""
    name = cell.query.name if cell.query else ""
    loads = cell.counters.get(("postgres", f"query.{name}.load.calls"), np.nan)
    return loads, float(np.count_nonzero(cell.operation.equal("read", AFTER_DRAIN)))


def loads_of_rounds(cells: Sequence[Cell]) -> Estimate:
    """Total loads per thousand reads of all rounds, clustered by round."""
    loads, reads = zip(*map(counted_loads, cells), strict=True)
    if np.isnan(loads).any():
        return missing("not estimated: no pg_stat_statements", len(cells))
    mean = counted_mean(list(loads), list(reads))
    if mean.missing:
        return missing("no reads", len(cells))
    return replace(mean, value=1000 * mean.value, low=1000 * mean.low, high=1000 * mean.high)


LOADS = Metric(
    name="queries-per-1000-reads",
    title="queries per 1,000 reads",
    unit="",
    explain="loads as pg_stat_statements counted them, including background work, per thousand reads; whole cell",
    of_cell=queries_per_1000_reads,
    of_rounds=loads_of_rounds,
)


def query_metrics() -> list[Metric]:
    """The metrics that each query has."""
    known = {metric.name: metric for metric in (*OF_REQUESTS, *OF_MISSES, *OF_TIMES, *OF_SERVERS)}
    return [*(known[name] for name in NAMES), LOADS]


@per_group
def query_figures(cells: Sequence[Cell]) -> list[QueryFigure]:
    """The figures of every query over the rounds of a group; empty if the scenario has one query."""
    return list(figures_by_query(cells)) if cells and cells[0].query is None else []


def figures_by_query(cells: Sequence[Cell]) -> Iterator[QueryFigure]:
    """The figures of every query, in the order of queries and metrics."""
    for query in cells[0].scenario.queries:
        own = [replace(cell, query=query) for cell in cells]
        for metric in query_metrics():
            yield QueryFigure(query=query, metric=metric, estimate=metric.estimate(own))
