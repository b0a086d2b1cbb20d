"""What the metrics of freshness share: the cells whose reads were judged, and their words."""

from collections.abc import Callable, Sequence

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.freshness.classify import Judged

APART = "freshness"
"""The table that has room for what does not decide."""
UNTOLD = "not judged: no versions, or nothing was written"
WRONG_FOR = "those who must see what was written"


def judged(cells: Sequence[Cell]) -> list[Judged]:
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
    apart: str = "",
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
        apart=apart,
        order=order,
        whole=whole,
        resolution=1.0,
        wrong_for=WRONG_FOR,
        absent=UNTOLD,
        group=group,
    )
