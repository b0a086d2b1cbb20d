"""Answers of a web service over HTTP: how often it refused a request because there were too many."""

import math
from collections.abc import Sequence

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import Estimate, missing

TOO_MANY = "TooManyRequests"
"""The error of a sample whose answer was 429."""


def refused_429(cell: Cell) -> float:
    """Requests of the window that were answered with 429."""
    return float(np.count_nonzero(cell.due.labels("error").equal(TOO_MANY)))


def refused_over(cells: Sequence[Cell]) -> Estimate:
    """Their sum over the rounds; missing if the contender is no web service."""
    if cells[0].counts_each_request:
        return missing("no web service", len(cells))
    return Estimate(value=sum(refused_429(cell) for cell in cells), rounds=len(cells), how="sum over the rounds")


def queries_per_1000_requests(cell: Cell) -> float:
    """Statements that read or changed rows, per 1,000 requests of the whole cell; nan if they were not counted."""
    counted = [cell.counters.get(("postgres", f"statement.{kind}.calls"), math.nan) for kind in ("load", "update")]
    requests = np.count_nonzero(cell.operation.equal("read", "write"))
    only_here = requests and not cell.counts_each_request
    return 1000 * sum(counted) / float(requests) if only_here else math.nan


METRICS = [
    Metric(
        name="queries-per-1000-requests",
        title="per 1,000 requests",
        unit="",
        explain="statements that read or change rows, as the database counted them, per thousand requests; whole cell",
        of_cell=queries_per_1000_requests,
        better="lower",
        order=22,
        resolution=1.0,
        group="queries",
        absent="not estimated: the queries were not counted",
    ),
    Metric(
        name="refused-429",
        title="429",
        unit="",
        explain="requests that a web service answered with 429; they are among the failed ones",
        of_cell=refused_429,
        of_rounds=refused_over,
        order=5,
        group="requests",
        whole=True,
    ),
]
