"""The frontier chart: stale reads against database queries."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import mark, style_of
from stampede.reports.output.charts.scenario_chart import ScenarioChart, caches_of
from stampede.reports.output.charts.svg_figure import drawn_twice, legend, new_figure, style_axes
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ScenarioInfo

STALE = "stale-after-told"
Point = tuple[str, Estimate, Estimate]
"""A contender, its queries per 1,000 reads, and its stale reads in %."""


def points_of(analysis: Analysis, scenario: ScenarioInfo) -> list[Point]:
    """The contenders that have both figures."""
    points = []
    for contender, _ in caches_of(analysis, scenario):
        stale = analysis.figure(scenario.name, contender.name, STALE)
        loads = analysis.figure(scenario.name, contender.name, "loads-per-1000-reads")
        if contender.kind == "contender" and not stale.missing and not loads.missing:
            points.append((contender.name, loads, stale))
    return points


def frontier(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: reads stale after acknowledgement against database queries; lower and further left is better."""
    points = points_of(analysis, scenario)
    if len(points) < 2 or not any(stale.value for *_, stale in points):
        return None
    anchor, question = f"{scenario.name}-frontier", "Database queries against stale reads"
    caption = frontier_in_words(points)
    unit = find_metric(STALE)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Further left means fewer database queries, further down means fewer stale reads. Bars: the intervals. "
            "Contenders whose bars overlap in a direction are tied in it. Contenders without a cache are not drawn."
        ),
        svg=drawn_twice(lambda width: frontier_figure(analysis, points, width), anchor, question, caption),
        columns=["contender", "queries per 1,000 reads", "stale after acknowledgement", "interval"],
        rows=[
            [name, formatting.number(loads.value), formatting.figure(stale.value, unit), formatting.interval(stale)]
            for name, loads, stale in points
        ],
    )


def frontier_in_words(points: Sequence[Point]) -> str:
    """The caption: the contenders whose share of stale reads has an interval above that of the lowest."""
    lowest = min(points, key=lambda point: point[2].value)
    above = [name for name, _, stale in points if not stale.low <= lowest[2].high]
    if not above:
        return "The intervals of the stale reads overlap: no contender is significantly fresher than another."
    return f"Significantly more stale reads than {lowest[0]}: {formatting.listed(above)}."


def frontier_figure(analysis: Analysis, points: Sequence[Point], width: float) -> Figure:
    """One mark per contender, named in the legend, so that names cannot overlap."""
    figure = new_figure(width, 3.0)
    axes = figure.add_subplot()
    for name, loads, stale in points:
        style = style_of(analysis.run.info.contenders, name)
        first = len(axes.get_lines()) + len(axes.collections)
        look: dict[str, Any] = {"color": style.color, "linewidth": 1.4, "alpha": 0.6}
        if formatting.has_interval(stale):
            axes.vlines(loads.value, stale.low, stale.high, **look)
        if formatting.has_interval(loads):
            axes.hlines(stale.value, loads.low, loads.high, **look)
        shown: dict[str, Any] = {"marker": style.marker, "markersize": 8, "linestyle": "none"}
        axes.plot([loads.value], [stale.value], color=style.color, label=name, **shown)
        mark(axes, name, first)
    label_axes(axes)
    legend(figure)
    return figure


def label_axes(axes: Axes) -> None:
    """Set scales, labels and the common look."""
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_ylim(bottom=-0.03)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.margins(x=0.08, y=0.15)
    axes.set_xlabel("database queries per 1,000 reads")
    axes.set_ylabel("stale reads (log above 0.1 %)")
    style_axes(axes)


CHART = ScenarioChart(order=60, draw=frontier)
