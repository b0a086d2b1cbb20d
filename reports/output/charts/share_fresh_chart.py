"""The freshness chart: how long after a write reads still return the old value."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.analysis.rows import Ints
from stampede.reports.metrics.convergence_metrics import curve_of
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import MUTED, Style, mark, short, style_of
from stampede.reports.output.charts.scenario_chart import ScenarioChart, of_scenario
from stampede.reports.output.charts.svg_figure import drawn_twice, legend, new_figure, style_axes
from stampede.reports.topics.freshness.staleness_curve import MIN_PAIRS, Curve
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo


def share_fresh(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: the share of reads that return a write, or a newer one, by the time since its acknowledgement."""
    curves: list[tuple[ContenderInfo, Curve, Ints]] = []
    for contender, cells in of_scenario(analysis, scenario):
        found = curve_of(cells)
        if found is not None and contender.kind != "baseline":
            kept = np.flatnonzero(found.pairs >= MIN_PAIRS)
            curves += [(contender, found, kept)] if len(kept) else []
    if not curves:
        return None
    anchor = f"{scenario.name}-share-fresh"
    question = "How long after a write can I still read the old value?"
    caption = fresh_in_words(analysis, scenario, [contender for contender, _, _ in curves])
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "A point at (t, s) means that a share s of the reads that began t after a write was acknowledged returned "
            "that write or a newer one. At 100 % from the left edge on, no read is stale after acknowledgement. Each "
            f"point has at least {MIN_PAIRS} pairs of a write and a later read of its key."
        ),
        svg=drawn_twice(lambda width: share_figure(analysis, scenario, curves, width), anchor, question, caption),
        columns=["contender", "ms since acknowledgement", "pairs", "% fresh"],
        rows=[cells for curve in curves for cells in cells_of_table(*curve)],
    )


def share_figure(
    analysis: Analysis, scenario: ScenarioInfo, curves: Sequence[tuple[ContenderInfo, Curve, Ints]], width: float
) -> Figure:
    """One curve per contender."""
    figure = new_figure(width, 3.4)
    axes = figure.add_subplot()
    for contender, found, kept in curves:
        draw_share(axes, contender, style_of(analysis.run.info.contenders, contender.name), found, kept)
    label_axes(axes, 1e3 * float(scenario.workload["ttl_s"]))
    legend(figure)
    return figure


APART = 0.25
"""A/A copies whose times differ by a larger share allow no ranking."""


def fresh_in_words(figures: FigureSet, scenario: ScenarioInfo, drawn: Sequence[ContenderInfo]) -> str:
    """The caption: the time until 99 % of the reads are fresh, by contender if the run can rank them."""
    times = {c.name: figures.figure(scenario.name, c.name, "fresh-99") for c in drawn}
    known = {c.name: times[c.name] for c in drawn if c.kind == "contender" and not times[c.name].missing}
    if not known:
        return "Time until 99 % of reads see the new value: not estimated."
    low, high = (pick(known.values(), key=lambda time: time.value) for pick in (min, max))
    for copy, original in ((times[c.name], times.get(str(c.copy_of))) for c in drawn if c.kind == "aa-copy"):
        if original is None or copy.missing or original.missing:
            continue
        if abs(copy.value - original.value) > APART * max(copy.value, original.value):
            return (
                "No ranking: the time until 99 % of reads see the new value is "
                f"{formatting.with_unit(original.value, 'ms')} for a contender and "
                f"{formatting.with_unit(copy.value, 'ms')} for its A/A copy."
            )
    if formatting.has_interval(low) and formatting.has_interval(high) and low.high >= high.low and len(known) > 1:
        span = f"{formatting.number(low.value)} to {formatting.with_unit(high.value, 'ms')}"
        return f"Time until 99 % of reads see the new value: {span}; the intervals overlap, so there is no ranking."
    named = [f"{name} {formatting.with_unit(time.value, 'ms')}" for name, time in known.items()]
    return f"Time until 99 % of reads see the new value: {'; '.join(named)}."


def draw_share(axes: Axes, contender: ContenderInfo, style: Style, found: Curve, kept: Ints) -> None:
    """Draw one contender's curve: a point in the middle of each class of times that has enough pairs."""
    middle_ms = np.sqrt(np.maximum(found.edges_ns[:-1], found.edges_ns[1] / 2) * found.edges_ns[1:]) / 1e6
    first = len(axes.get_lines())
    axes.plot(
        middle_ms[kept],
        100 * found.share[kept],
        color=style.color,
        linestyle=style.dash,
        linewidth=1.2 if contender.kind != "contender" else 2.0,
        marker=style.marker,
        markersize=3.5,
        label=contender.name,
    )
    mark(axes, contender.name, first)


def cells_of_table(contender: ContenderInfo, found: Curve, kept: Ints) -> list[list[str]]:
    """The rows of the table below the chart: one per class of times."""
    edges_ms = found.edges_ns / 1e6
    return [
        [
            contender.name,
            f"{formatting.number(edges_ms[i])} – {formatting.number(edges_ms[i + 1])}",
            f"{found.pairs[i]:,}",
            f"{100 * found.share[i]:.5g}",
        ]
        for i in kept
    ]


def label_axes(axes: Axes, ttl_ms: float) -> None:
    """Set scales, a line at one TTL and the common look."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(ttl_ms, color=MUTED, linestyle=":", linewidth=1.1)
    top = axes.get_xaxis_transform()
    axes.text(ttl_ms, 1.015, "one TTL", color=MUTED, fontsize=8.5, ha="center", transform=top)
    axes.set_ylim(top=101)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.set_xlabel("time since the acknowledgement, ms (log)")
    axes.set_ylabel("share of reads that return it, or newer")
    style_axes(axes)


CHART = ScenarioChart(order=50, draw=share_fresh)
