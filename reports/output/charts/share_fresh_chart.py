"""The freshness chart: how long after a write reads still return the old value."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.rows import Ints
from stampede.reports.metrics.convergence_metrics import curve_of
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import MUTED, Style, mark, short, style_of
from stampede.reports.output.charts.scenario_chart import ScenarioChart, of_scenario
from stampede.reports.output.charts.svg_figure import drawn, legend, new_figure, style_axes
from stampede.reports.topics.freshness.staleness_curve import MIN_PAIRS, Curve
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo


def share_fresh(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: the share of reads that return a write, or a newer one, by the time since its acknowledgement."""
    figure = new_figure(7.6, 4.0)
    axes = figure.add_subplot()
    table, named = [], []
    for contender, cells in of_scenario(analysis, scenario):
        found = curve_of(cells)
        if found is None or contender.kind == "baseline":
            continue
        kept = np.flatnonzero(found.pairs >= MIN_PAIRS)
        if not len(kept):
            continue
        draw_share(axes, contender, style_of(analysis.run.info.contenders, contender.name), found, kept)
        table += cells_of_table(contender, found, kept)
        at = analysis.figure(scenario.name, contender.name, "fresh-99")
        if contender.kind == "contender":
            span = f" ({formatting.interval(at)})" if formatting.interval(at) else ""
            value = at.why if at.missing else f"{formatting.with_unit(at.value, 'ms')}{span}"
            named.append(f"{contender.name} {value}")
    if not table:
        return None
    label_axes(axes, 1e3 * float(scenario.workload["ttl_s"]))
    legend(figure)
    anchor = f"{scenario.name}-share-fresh"
    question = "How long after a write can I still read the old value?"
    caption = f"From then on at least 99 % of the reads are fresh: {'; '.join(named)}."
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "A point at (t, s) means that a share s of the reads that began t after a write was acknowledged returned "
            "that write or a newer one. At 100 % from the left edge on, no read is stale after acknowledgement. Each "
            f"point has at least {MIN_PAIRS} pairs of a write and a later read of its key."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "ms since acknowledgement", "pairs", "% fresh"],
        rows=table,
    )


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
            f"{edges_ms[i]:.3g} – {edges_ms[i + 1]:.3g}",
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
