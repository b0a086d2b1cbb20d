"""Request counts by outcome: due = answered + failed + unanswered."""

from collections.abc import Callable, Sequence

import numpy as np

from stampede.reports.analysis.frames import ANSWERED, Cell
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import Estimate


def due(cell: Cell) -> float:
    """Requests due in the window."""
    return float(len(cell.due))


def ended(cell: Cell, *outcomes: str) -> float:
    """Number of requests due in the window with one of those outcomes."""
    return float(np.count_nonzero(cell.due.labels("outcome").equal(*outcomes)))


def answered(cell: Cell) -> float:
    """Requests that ended without an exception by the deadline."""
    return ended(cell, *ANSWERED)


def failed(cell: Cell) -> float:
    """Requests that ended in an exception by the deadline."""
    return ended(cell, "failed")


def unanswered(cell: Cell) -> float:
    """Requests that were still open at the deadline."""
    return ended(cell, "unanswered")


def summed(count: Callable[[Cell], float]) -> Callable[[Sequence[Cell]], Estimate]:
    def over(cells: Sequence[Cell]) -> Estimate:
        each = [count(cell) for cell in cells]
        return Estimate(value=sum(each), rounds=len(cells), how="sum over the rounds")

    return over


def metric(name: str, count: Callable[[Cell], float], order: int, explain: str) -> Metric:
    return Metric(
        name=name,
        title=name,
        unit="",
        explain=explain,
        of_cell=count,
        of_rounds=summed(count),
        order=order,
        group="requests",
        whole=True,
    )


METRICS = [
    metric("due", due, 1, "requests due in the measured windows of all rounds"),
    metric("answered", answered, 2, "requests that ended by the deadline D without an exception"),
    metric("failed", failed, 3, "requests that ended in an exception; left out of all response times"),
    metric("unanswered", unanswered, 4, "requests still open at the deadline D"),
]
