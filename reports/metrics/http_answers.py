"""Answers of a web service over HTTP: how often it refused a request because there were too many."""

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


METRICS = [
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
    )
]
