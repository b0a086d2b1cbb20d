"""The chart of expiries: the database queries that an expiry of the hot key causes."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.results import values_of
from stampede.reports.metrics.database_loads import load_times_s
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import INK, MUTED, array, mark, short, style_of, two_and_five
from stampede.reports.output.charts.scenario_chart import ScenarioChart, caches_of
from stampede.reports.output.charts.svg_figure import drawn_twice, new_figure, style_axes
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

METRIC = "loads-per-expiry"
Row = tuple[ContenderInfo, list[Cell], Estimate]
"""A contender, its cells, and its queries per expiry."""


def load_time_s(analysis: Analysis, scenario: ScenarioInfo) -> float:
    """Δ: the time of one load in seconds, simulated RTT included: the median over the reference's loads."""
    median_s = load_times_s(analysis.of(scenario.name, analysis.reference))[0]
    if not math.isnan(median_s):
        return median_s
    return float(scenario.measured.get("load_ms", math.nan)) / 1e3


def expiries(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: one dot per round, the estimate with its interval, and the lines of the theory."""
    found = [(c, cells, analysis.figure(scenario.name, c.name, METRIC)) for c, cells in caches_of(analysis, scenario)]
    if all(estimate.missing for _, _, estimate in found):
        return None
    delta_s = load_time_s(analysis, scenario)
    rate_per_s = float(scenario.workload["rate_per_s"]) * float(scenario.workload["read_share"])
    theory = 1 + rate_per_s * delta_s
    anchor = f"{scenario.name}-expiries"
    question = "How many database queries does one expiry cause?"
    caption = (
        f"Without protection: queries per expiry = 1 + reads per second × query time = 1 + {rate_per_s:g}/s × "
        f"{formatting.number(1000 * delta_s)} ms = {formatting.number(theory)}."
    )
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Small dots: the mean of one round. Mark and bar: the mean over all complete expiries with its interval, "
            "clustered by round. Dotted: one query, the lower bound. Dashed: the queries if every request that arrives "
            "during the first query also queries. A longer TTL has the same number of queries per expiry and fewer "
            f"expiries: a TTL of 3,600 s has {3600 / float(scenario.workload['ttl_s']):,.0f} times fewer than this one."
        ),
        svg=drawn_twice(lambda width: expiries_figure(analysis, found, theory, width), anchor, question, caption),
        columns=["contender", "queries per expiry", "low", "high", "how"],
        rows=[cells_of_table(c, estimate) for c, _, estimate in found],
    )


def expiries_figure(analysis: Analysis, found: Sequence[Row], theory: float, width: float) -> Figure:
    """One row per contender, and the lines of the theory."""
    figure = new_figure(width, 0.75 + 0.3 * len(found))
    axes = figure.add_subplot()
    for y, row in enumerate(found):
        draw_row(axes, analysis, y, row)
    draw_bounds(axes, theory)
    label_axes(axes, [c.name for c, _, _ in found])
    return figure


def cells_of_table(contender: ContenderInfo, estimate: Estimate) -> list[str]:
    """One row of the table below the chart."""
    if estimate.missing:
        return [contender.name, formatting.MISSING, "", "", estimate.why]
    figures = (formatting.number(v) for v in (estimate.value, estimate.low, estimate.high))
    return [contender.name, *figures, formatting.provenance(estimate)]


def draw_row(axes: Axes, analysis: Analysis, y: int, row: Row) -> None:
    """Draw one contender: its rounds, its estimate with the interval, and the figure as text."""
    contender, cells, estimate = row
    if estimate.missing:
        axes.text(1.06, y, estimate.why, color=MUTED, fontsize=9, va="center")
        mark(axes, contender.name, 0)
        return
    style = style_of(analysis.run.info.contenders, contender.name)
    own = array(values_of(cells)[find_metric(METRIC).name])
    offset = np.linspace(-0.16, 0.16, len(own)) if len(own) > 1 else np.zeros(1)
    axes.plot(own, y + offset, linestyle="none", marker="o", markersize=3.5, color=style.color, alpha=0.45)
    axes.plot([estimate.low, estimate.high], [y, y], color=style.color, linewidth=2.5, solid_capstyle="butt")
    axes.plot([estimate.value], [y], marker=style.marker, markersize=8, color=style.color)
    reach = max(estimate.high, float(own.max()))
    axes.text(reach * 1.08, y, formatting.number(estimate.value), color=INK, fontsize=9.5, va="center")
    mark(axes, contender.name, 0)


def draw_bounds(axes: Axes, theory: float) -> None:
    """Draw lines at one query and at the prediction without protection."""
    for x, dash, text in ((1.0, ":", "1 query"), (theory, "--", f"theory {formatting.number(theory)}")):
        if math.isfinite(x):
            axes.axvline(x, color=MUTED, linestyle=dash, linewidth=1.1)
            top = axes.get_xaxis_transform()
            axes.text(x, 1.015, text, color=MUTED, fontsize=8.5, va="bottom", ha="center", transform=top)


def label_axes(axes: Axes, names: Sequence[str]) -> None:
    """Set scales, the contenders' names and the common look."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(FuncFormatter(two_and_five))
    axes.set_xlim(left=0.9)
    axes.margins(x=0.12)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("database queries per expiry (log)")
    style_axes(axes)
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.tick_params(axis="x", which="minor", labelsize=8)
    axes.grid(visible=False, axis="y")


CHART = ScenarioChart(order=20, draw=expiries)
