"""Figures of each query of a scenario with several queries, by the definitions of the metrics of all requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.metrics.cache_misses import METRICS as OF_MISSES
from stampede.reports.metrics.database_loads import METRICS as OF_LOADS
from stampede.reports.metrics.metric import Metric
from stampede.reports.metrics.request_counts import METRICS as OF_REQUESTS
from stampede.reports.metrics.response_times import METRICS as OF_TIMES
from stampede.reports.metrics.server_metrics import METRICS as OF_SERVERS
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import QueryInfo

NAMES = (
    "due",
    "failed",
    "read-p50",
    "read-p99",
    "hit-rate",
    "misses-per-1000-reads",
    "loads-per-1000-reads",
    "loads-per-expiry",
)
"""The metrics that each query has, in the order of their columns."""


@dataclass(frozen=True, kw_only=True)
class QueryFigure:
    """One figure of one query."""

    query: QueryInfo
    metric: Metric
    estimate: Estimate


def query_metrics() -> list[Metric]:
    """The metrics that each query has."""
    known = {m.name: m for m in (*OF_REQUESTS, *OF_MISSES, *OF_TIMES, *OF_SERVERS, *OF_LOADS)}
    return [known[name] for name in NAMES]


@per_group
def query_figures(cells: Sequence[Cell]) -> list[QueryFigure]:
    """The figures of every query over the rounds of a group; empty if the scenario has one query."""
    return list(figures_by_query(cells)) if cells and cells[0].query is None else []


def figures_by_query(cells: Sequence[Cell]) -> Iterator[QueryFigure]:
    """The figures of every query, in the order of queries and metrics."""
    for number, query in enumerate(cells[0].scenario.queries):
        own = [cell.by_query[number] for cell in cells]
        for metric in query_metrics():
            yield QueryFigure(query=query, metric=metric, estimate=metric.estimate(own))
