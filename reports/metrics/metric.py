"""The definition of a metric, and the discovery of all metrics."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from stampede.reports.analysis.frames import Cell
from stampede.reports.statistics.estimate import Estimate, median, missing

NOT_SEEN = "not estimated: what a service does inside is not seen"
"""The text for a figure that needs meters inside the contender."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure of one cell, and how the figures of all rounds become one."""

    name: str
    """Stable: column in the CSV, anchor in the page."""
    title: str
    """Heading of the column."""
    unit: str
    """Empty for bare numbers."""
    explain: str
    """The definition, in one sentence."""
    of_cell: Callable[[Cell], float]
    """nan: the cell has no such figure; infinity: beyond the deadline."""
    of_rounds: Callable[[Sequence[Cell]], Estimate] | None = None
    """Computes the figure from all rounds of one contender in one scenario. None: the median over rounds."""
    better: Literal["lower", "higher"] | None = None
    """The good direction; None: neither direction is better."""
    compared: bool = False
    """Whether contenders are compared with the reference by this metric."""
    priced: bool = False
    """Whether the answer compares contenders by it: as a price, or for one question. It has no verdict in the tables,
    because each compared metric makes the correction for their number harsher."""
    order: int = 0
    """Position of the column."""
    group: str = ""
    """The heading that columns of one group share."""
    separate_table: str = ""
    """Name of the separate table that has the column; empty: the table of the scenario."""
    decides: bool = False
    """Whether it has a column in the decision table."""
    resolution: float = 0.0
    """Smaller differences do not matter. Added to both values before a ratio is computed."""
    whole: bool = False
    """A count, printed without decimals."""
    absent: str = "not measured"
    """The text for a figure that no round has."""
    so_what: str = ""
    """What a difference means in practice; contains {fewer} ("30 fewer") or {less} ("1.2 ms less")."""

    @property
    def paired(self) -> bool:
        """Whether its values are compared round by round."""
        return self.compared or self.priced

    def estimate(self, cells: Sequence[Cell]) -> Estimate:
        """The figure over all rounds of one contender in one scenario."""
        if not cells:
            return missing("no finished cell")
        if self.of_rounds is not None:
            return self.of_rounds(cells)
        figure = median([self.of_cell(cell) for cell in cells])
        absent = self.absent if cells[0].counts_each_request else NOT_SEEN
        return missing(absent, len(cells)) if figure.missing else figure


@cache
def metrics() -> tuple[Metric, ...]:
    """Every metric in the order of the columns, from the list METRICS of each module in this folder."""
    package = importlib.import_module("stampede.reports.metrics")
    found: list[Metric] = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        found += getattr(importlib.import_module(f"stampede.reports.metrics.{module.name}"), "METRICS", [])
    return tuple(sorted(found, key=lambda m: m.order))


def find_metric(name: str) -> Metric:
    """The metric of that name. Raises KeyError."""
    return {m.name: m for m in metrics()}[name]
