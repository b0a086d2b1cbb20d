"""Shared parts of the freshness metrics: the classified reads, and common texts."""

from collections.abc import Callable, Sequence

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.freshness.classify import ClassifiedReads

FRESHNESS_TABLE = "freshness"
"""The separate table for metrics that do not decide."""
UNKNOWN = "not judged: no versions, or nothing was written"


def classified(cells: Sequence[Cell]) -> list[ClassifiedReads]:
    """The classified reads of each cell that has them."""
    return [cell.judged for cell in cells if cell.judged is not None]


def ms_metric(
    name: str,
    title: str,
    group: str,
    of_cell: Callable[[Cell], float],
    of_rounds: Callable[[Sequence[Cell]], Estimate],
    order: int,
    explain: str,
    *,
    separate_table: str = "",
    unit: str = "ms",
    whole: bool = False,
) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit=unit,
        explain=explain,
        of_cell=of_cell,
        of_rounds=of_rounds,
        better="lower",
        separate_table=separate_table,
        order=order,
        whole=whole,
        resolution=1.0,
        absent=UNKNOWN,
        group=group,
    )
