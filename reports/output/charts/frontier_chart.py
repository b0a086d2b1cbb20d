"""The frontier chart: stale reads against loads."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import INK, mark, style_of
from stampede.reports.output.charts.scenario_chart import ScenarioChart, of_scenario
from stampede.reports.output.charts.svg_figure import drawn, new_figure, style_axes
from stampede.reports.statistics.estimate import Estimate, separated
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

STALE = "stale-after-told"
Point = tuple[str, Estimate, Estimate]
"""A contender, its loads per 1,000 reads, and its stale reads in %."""


def points_of(analysis: Analysis, scenario: ScenarioInfo) -> list[Point]:
    """The contenders that have both figures."""
    points = []
    for contender, _ in of_scenario(analysis, scenario):
        stale = analysis.figure(scenario.name, contender.name, STALE)
        loads = analysis.figure(scenario.name, contender.name, "loads-per-1000-reads")
        if contender.kind == "contender" and not stale.missing and not loads.missing:
            points.append((contender.name, loads, stale))
    return points


def dominates(one: Point, other: Point) -> bool:
    """Whether one contender is better than another in one figure, and better or tied in the other.

    Figures are tied if their intervals overlap, or if one has none.
    """
    pairs = list(zip(one[1:], other[1:], strict=True))
    better = [separated(a, b) and a.value < b.value for a, b in pairs]
    worse = [separated(a, b) and a.value > b.value for a, b in pairs]
    return any(better) and not any(worse)


def frontier(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: reads stale after acknowledgement against loads. Below and to the left of another is better."""
    points = points_of(analysis, scenario)
    if len(points) < 2 or not any(stale.value for *_, stale in points):
        return None
    best = [point[0] for point in points if not any(dominates(other, point) for other in points)]
    figure = new_figure(7.6, 3.6)
    axes = figure.add_subplot()
    draw_points(axes, points, analysis.run.info.contenders)
    label_axes(axes)
    anchor = f"{scenario.name}-frontier"
    question = "What is freshness traded for?"
    caption = (
        f"No other contender is better than {formatting.listed(best)} in one of both and tied or better in the other. "
        "Tied: the intervals overlap."
    )
    unit = find_metric(STALE)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Further left means fewer loads, further down means fewer stale reads. A contender with another one below "
            "and to its left is worse in both. Bars: the interval of the share of stale reads, if there is one."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "loads per 1,000 reads", "stale after acknowledgement", "interval"],
        rows=[
            [name, formatting.number(loads.value), formatting.figure(stale.value, unit), formatting.interval(stale)]
            for name, loads, stale in points
        ],
    )


def draw_points(axes: Axes, points: Sequence[Point], contenders: Sequence[ContenderInfo]) -> None:
    """Draw one mark with a name per contender; names of near marks are stacked."""
    placed: list[tuple[float, float]] = []
    reach = max(loads.value for _, loads, _ in points) or 1.0
    for name, loads, stale in sorted(points, key=lambda point: point[1].value):
        style = style_of(contenders, name)
        near = sum(abs(x - loads.value) < 0.15 * reach and abs(y - stale.value) < 0.1 for x, y in placed)
        placed.append((loads.value, stale.value))
        first = len(axes.get_lines()) + len(axes.texts)
        if formatting.has_interval(stale) and stale.value:
            axes.plot([loads.value] * 2, [stale.low, stale.high], color=style.color, linewidth=1.4, alpha=0.6)
        axes.plot([loads.value], [stale.value], color=style.color, marker=style.marker, markersize=8)
        axes.annotate(
            name,
            (loads.value, stale.value),
            xytext=(7, 5 + 13 * near),
            textcoords="offset points",
            color=INK,
            fontsize=9,
        )
        mark(axes, name, first)


def label_axes(axes: Axes) -> None:
    """Set scales, labels and the common look."""
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_ylim(bottom=-0.03)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.margins(x=0.18, y=0.15)
    axes.set_xlabel("loads per 1,000 reads")
    axes.set_ylabel("stale after acknowledgement (log above 0.1 %)")
    style_axes(axes)


CHART = ScenarioChart(order=60, draw=frontier)
