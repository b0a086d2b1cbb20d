"""Session guarantees: reads that missed the client's own write, or returned an older version than before."""

import math
from collections.abc import Callable, Sequence

from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.classified_reads import FRESHNESS_TABLE, UNKNOWN
from stampede.reports.metrics.metric import Metric
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.reports.topics.freshness.sessions import Sessions


def violations(which: Callable[[Sessions], int]) -> Callable[[Sequence[Cell]], Estimate]:
    """Violations per million reads, over all rounds."""

    def of_rounds(cells: Sequence[Cell]) -> Estimate:
        found = [cell.sessions for cell in cells if cell.sessions is not None]
        reads = sum(s.reads for s in found)
        if not reads:
            return missing(UNKNOWN, len(cells))
        seen = sum(which(s) for s in found)
        return Estimate(value=1e6 * seen / reads, rounds=len(found), how=f"{seen:,} in {reads:,} reads of all rounds")

    return of_rounds


def violations_in_cell(which: Callable[[Sessions], int]) -> Callable[[Cell], float]:
    def of_cell(cell: Cell) -> float:
        found = cell.sessions
        if found is None:
            return math.nan
        return 1e6 * which(found) / found.reads if found.reads else math.nan

    return of_cell


def session_metric(name: str, title: str, which: Callable[[Sessions], int], order: int, explain: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="",
        explain=explain,
        of_cell=violations_in_cell(which),
        of_rounds=violations(which),
        better="lower",
        separate_table=FRESHNESS_TABLE,
        order=order,
        resolution=100.0,
        absent=UNKNOWN,
        group="session violations per million reads",
    )


METRICS = [
    session_metric(
        "own-writes-missed",
        "read your writes",
        lambda s: s.own_writes_missed,
        75,
        "reads that returned an older version than the same client had written before",
    ),
    session_metric(
        "gone-back",
        "monotonic reads",
        lambda s: s.gone_back,
        76,
        "reads that returned an older version than the same client had read before",
    ),
]
