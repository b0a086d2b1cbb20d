"""What a metric is, and where metrics are found."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from stampede.reports.analysis.frames import Cell
from stampede.reports.statistics.estimate import Estimate, median, missing


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure of one cell, and how the rounds' figures become one."""

    name: str
    """Stable: column in the CSV, anchor in the page."""
    title: str
    unit: str
    """"" for bare numbers."""
    explain: str
    """What it is, in a sentence; where it cannot be told, why."""
    of_cell: Callable[[Cell], float]
    """nan: this cell has no such figure; infinity: beyond the deadline."""
    of_rounds: Callable[[Sequence[Cell]], Estimate] | None = None
    """Where a median over rounds is not the right sum of them. One contender, one scenario."""
    better: Literal["lower", "higher"] | None = None
    """Which way is good; None: a fact without a good side."""
    compared: bool = False
    """Whether it gets a sentence against the reference."""
    order: int = 0
    group: str = ""
    """Columns of one group stand under one heading."""
    apart: str = ""
    """The table of its own that it stands in; empty: the scenario's."""
    decides: bool = False
    """Whether it has a column in the decision table."""
    resolution: float = 0.0
    """Differences below it matter to nobody; added to both sides before values are called so many times the best."""
    whole: bool = False
    """A count: printed without digits after the point."""
    absent: str = "not measured"
    """What stands where no round has the figure."""
    wrong_for: str = ""
    """Whom a bad figure hurts; completes "wrong for …"."""
    so_what: str = ""
    """What a difference means, in plain words, with {fewer} ("30 fewer") or {less} ("1.2 ms less") in it."""

    def estimate(self, cells: Sequence[Cell]) -> Estimate:
        """The figure over all rounds of one contender in one scenario."""
        if not cells:
            return missing("no finished cell")
        if self.of_rounds is not None:
            return self.of_rounds(cells)
        figure = median([self.of_cell(cell) for cell in cells])
        return missing(self.absent, len(cells)) if figure.missing else figure


@cache
def metrics() -> tuple[Metric, ...]:
    """Every metric, in the order of the columns: each module beside this one that holds METRICS."""
    package = importlib.import_module("stampede.reports.metrics")
    found: list[Metric] = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        found += getattr(importlib.import_module(f"stampede.reports.metrics.{module.name}"), "METRICS", [])
    return tuple(sorted(found, key=lambda m: m.order))


def find_metric(name: str) -> Metric:
    """The metric of that name. Raises KeyError."""
    return {m.name: m for m in metrics()}[name]
