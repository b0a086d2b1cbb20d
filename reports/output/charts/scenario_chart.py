"""The charts of a caching scenario, found by their modules in this package."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.output.charts.chart import Chart
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo


@dataclass(frozen=True, kw_only=True)
class ScenarioChart:
    """A chart that each caching scenario of a run may have."""

    order: int
    """The position in the scenario's section; the lowest number comes first."""
    draw: Callable[[Analysis, ScenarioInfo], Chart | None]
    """Returns None if the scenario has no data for the chart."""


@cache
def find_charts() -> tuple[ScenarioChart, ...]:
    """Every chart, in the order of the page: the CHART of each module of this package that has one."""
    package = importlib.import_module(__name__.rpartition(".")[0])
    found = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        chart = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "CHART", None)
        if isinstance(chart, ScenarioChart):
            found.append(chart)
    return tuple(sorted(found, key=lambda c: c.order))


def charts_of(analysis: Analysis, scenario: ScenarioInfo) -> list[Chart]:
    """Every chart that this scenario has data for."""
    return [drawn for chart in find_charts() if (drawn := chart.draw(analysis, scenario)) is not None]


@per_group
def asks_no_cache(cells: Sequence[Cell]) -> bool:
    """Whether no request used the cache."""
    return not any(cell.rows.known("first_cache_reply").any() for cell in cells)


def caches_of(analysis: Analysis, scenario: ScenarioInfo) -> Iterator[tuple[ContenderInfo, list[Cell]]]:
    """Each contender and A/A copy of a scenario that uses the cache, with its cells.

    A contender without a cache is many times as far from the others as they are from each other, and would leave them
    no room on an axis.
    """
    for contender, cells in of_scenario(analysis, scenario):
        if contender.kind != "baseline" and not asks_no_cache(cells):
            yield contender, cells


def of_scenario(analysis: Analysis, scenario: ScenarioInfo) -> Iterator[tuple[ContenderInfo, list[Cell]]]:
    """Each contender that has finished cells in the scenario, with these cells."""
    for contender in analysis.run.info.contenders:
        cells = analysis.of(scenario.name, contender.name)
        if cells:
            yield contender, cells
