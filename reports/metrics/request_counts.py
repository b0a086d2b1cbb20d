"""How many requests were due, and how they ended: due = answered + failed + unanswered."""

from collections.abc import Callable, Sequence

import numpy as np

from stampede.reports.analysis.frames import ANSWERED, Cell
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import Estimate


def due(cell: Cell) -> float:
    """Requests due in the window."""
    return float(len(cell.due))


def ended(cell: Cell, *outcomes: str) -> float:
    """Requests due in the window that had one of those outcomes."""
    return float(np.count_nonzero(cell.due.labels("outcome").equal(*outcomes)))


def answered(cell: Cell) -> float:
    """Ended without an exception by the deadline."""
    return ended(cell, *ANSWERED)


def failed(cell: Cell) -> float:
    """Ended in an exception by the deadline."""
    return ended(cell, "failed")


def unanswered(cell: Cell) -> float:
    """Still open at the deadline."""
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
    metric("due", due, 1, "requests due in the measured windows, all rounds together"),
    metric("answered", answered, 2, "of them, ended by the deadline D without an exception"),
    metric("failed", failed, 3, "of them, ended in an exception; in no response time"),
    metric("unanswered", unanswered, 4, "of them, still open at the deadline D"),
]
