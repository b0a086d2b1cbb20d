"""The distribution chart: the share of reads slower than t."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.rows import Floats
from stampede.reports.metrics.response_times import EPISODES_BEYOND, SAMPLES_BEYOND, Spans, evidence, reads, spans
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import MUTED, Style, mark, short, style_of
from stampede.reports.output.charts.scenario_chart import ScenarioChart, of_scenario
from stampede.reports.output.charts.svg_figure import drawn_twice, legend, new_figure, style_axes
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

POINTS = 80
"""About the number of points of a curve."""
NAMED = 6
"""Contenders that a caption names at most: the first ones, and the last."""


def carried(cells: Sequence[Spans], total: int) -> float:
    """The smallest share of slower reads with ten samples and three episodes beyond it; 1 if there is none."""
    shares = np.geomspace(1.0, SAMPLES_BEYOND / total, 40) if total > SAMPLES_BEYOND else np.array([1.0])
    low, high = 0, len(shares) - 1
    while low < high:
        middle = (low + high + 1) // 2
        beyond, episodes = evidence(cells, 1 - float(shares[middle]))
        low, high = (middle, high) if beyond >= SAMPLES_BEYOND and episodes >= EPISODES_BEYOND else (low, middle - 1)
    return float(shares[low])


def slower(waits: Floats, least: float) -> tuple[Floats, Floats]:
    """Thinned points (response time in ms, share of slower reads) down to the least share, without open requests."""
    n = len(waits)
    shares = np.geomspace(1.0, max(least, 1 / n), POINTS)
    at = np.clip(np.ceil((1 - shares) * n - 1e-9).astype(int) - 1, 0, n - 1)
    x = np.sort(waits)[at]
    kept = np.isfinite(x)
    return x[kept], shares[kept]


@per_group
def slower_of(cells: Sequence[Cell]) -> tuple[Floats, Floats]:
    """The curve of all rounds together, down to the least supported share; empty if no read was answered."""
    each = [spans(cell, reads(cell)) for cell in cells]
    waits = np.concatenate([s.wait_ms for s in each])
    if not len(waits) or not np.isfinite(waits).any():
        return np.array([]), np.array([])
    return slower(waits, carried(each, len(waits)))


def distribution(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: the share of reads slower than t, all rounds together."""
    curves = [
        (contender, *slower_of(cells))
        for contender, cells in of_scenario(analysis, scenario)
        if contender.kind != "baseline"
    ]
    curves = [curve for curve in curves if len(curve[1]) >= 2]
    if not curves:
        return None
    anchor, question = f"{scenario.name}-waits", "How long do users wait?"
    caption = waits_in_words(analysis, scenario)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "A point at (t, s) means that a share s of the reads took longer than t. Lower and further left is better. "
            "A horizontal part is the share of reads that missed the cache. The mark ends the curve: beyond it there "
            "are fewer than ten samples or three separate episodes."
        ),
        svg=drawn_twice(lambda width: distribution_figure(analysis, curves, width), anchor, question, caption),
        columns=["contender", "response time ms", "share slower"],
        rows=[
            [contender.name, f"{t:.4g}", f"{share:.4g}"]
            for contender, x, y in curves
            for t, share in zip(x, y, strict=True)
        ],
    )


def distribution_figure(
    analysis: Analysis, curves: Sequence[tuple[ContenderInfo, Floats, Floats]], width: float
) -> Figure:
    """One curve per contender, and the lines of p50, p95 and p99."""
    figure = new_figure(width, 3.6)
    axes = figure.add_subplot()
    for contender, x, y in curves:
        draw_curve(axes, contender, style_of(analysis.run.info.contenders, contender.name), x, y)
    label_axes(axes)
    low, high = axes.get_ylim()
    for share, name in ((0.5, "p50"), (0.05, "p95"), (0.01, "p99")):
        if low <= share <= high:
            axes.axhline(share, color=MUTED, linestyle=":", linewidth=0.9, zorder=1)
            left = axes.get_yaxis_transform()
            axes.text(0.005, share, name, color=MUTED, fontsize=8.5, va="bottom", ha="left", transform=left)
    legend(figure)
    return figure


def draw_curve(axes: Axes, contender: ContenderInfo, style: Style, x: Floats, y: Floats) -> None:
    """One contender's curve, with a mark at its end."""
    weak = contender.kind != "contender"
    axes.plot(
        x,
        y,
        color=style.color,
        linestyle=style.dash,
        linewidth=1.2 if weak else 2.0,
        label=contender.name,
        zorder=2 if weak else 3,
    )
    axes.plot(x[-1:], y[-1:], color=style.color, marker=style.marker, markersize=5, zorder=4)
    mark(axes, contender.name, 0)


def label_axes(axes: Axes) -> None:
    """Set scales, labels and the common look."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(top=1.1)
    axes.set_xlabel("response time from the due instant, ms (log)")
    axes.set_ylabel("share of reads slower (log)")
    style_axes(axes)


def waits_in_words(analysis: Analysis, scenario: ScenarioInfo) -> str:
    """The caption: each contender's read p50 and p99."""
    found = []
    for contender, _ in of_scenario(analysis, scenario):
        if contender.kind != "contender":
            continue
        p50, p99 = (analysis.figure(scenario.name, contender.name, n) for n in ("read-p50", "read-p99"))
        if p50.missing:
            continue
        tail = "p99 not estimated" if p99.missing or p99.why else f"p99 {formatting.with_unit(p99.value, 'ms')}"
        found.append((p99.value, f"{contender.name} {formatting.with_unit(p50.value, 'ms')} ({tail})"))
    found.sort(key=lambda pair: (math.isnan(pair[0]), pair[0]))
    if not found:
        return "Nothing was answered."
    parts = [text for _, text in found]
    if len(parts) > NAMED + 1:
        parts = [*parts[: NAMED - 1], f"… {parts[-1]}"]
    return f"Median read response time, with the p99 in brackets: {'; '.join(parts)}."


CHART = ScenarioChart(order=10, draw=distribution)
