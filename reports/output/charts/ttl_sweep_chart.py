"""The TTL sweep chart: figures of scenarios that differ only in the TTL."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import INK, Style, mark, short, style_of, two_and_five
from stampede.reports.output.charts.scenario_chart import ScenarioChart
from stampede.reports.output.charts.svg_figure import NARROW, drawn_twice, legend, new_figure, style_axes
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

SWEEP = "ttl-sweep-"
"""The beginning of the names of scenarios that differ only in the TTL."""
METRICS = ("hit-rate", "stale-after-told", "loads-per-1000-reads")
Points = tuple[list[float], list[float]]
"""TTLs in seconds, and the figures."""


def sweep(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: hit rate, staleness and queries against the TTL, in the section of the sweep's first scenario."""
    family = sorted(
        (s for s in analysis.scenarios if s.name.startswith(SWEEP)), key=lambda s: float(s.workload["ttl_s"])
    )
    if len(family) < 2 or scenario.name != family[0].name:
        return None
    anchor, question = f"{scenario.name}-sweep", "What does a longer TTL buy?"
    caption = sweep_in_words(analysis, family)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "The same requests under increasing TTLs. If entries only expire, a longer TTL gives more hits and more "
            "stale reads. If a write deletes its entry, a longer TTL adds few stale reads, and few hits once writes, "
            "not expiries, remove the entries."
        ),
        svg=drawn_twice(lambda width: sweep_figure(analysis, family, width), anchor, question, caption),
        columns=["figure", "contender", "TTL s", "value"],
        rows=[
            [formatting.label(metric), contender.name, f"{x:g}", formatting.figure(y, metric)]
            for metric in map(find_metric, METRICS)
            for contender in contenders_of(analysis)
            for x, y in zip(*points_of(analysis, family, contender, metric), strict=True)
        ],
    )


def sweep_figure(analysis: Analysis, family: Sequence[ScenarioInfo], width: float) -> Figure:
    """One panel per metric, next to each other; below each other on a phone."""
    rows = len(METRICS) if width == NARROW else 1
    figure = new_figure(width, 0.4 + 2.4 * rows)
    panels = list(figure.subplots(rows, len(METRICS) // rows, squeeze=False).flat)
    for axes, metric in zip(panels, map(find_metric, METRICS), strict=True):
        for contender in contenders_of(analysis):
            points = points_of(analysis, family, contender, metric)
            labelled = axes is panels[0] or contender.name == "no-cache"
            draw_points(axes, contender, style_of(analysis.run.info.contenders, contender.name), points, labelled)
        label_axes(axes, metric)
    legend(figure)
    return figure


def contenders_of(analysis: Analysis) -> list[ContenderInfo]:
    """The contenders, without baselines and A/A copies."""
    return [c for c in analysis.run.info.contenders if c.kind == "contender"]


def points_of(analysis: Analysis, family: Sequence[ScenarioInfo], contender: ContenderInfo, metric: Metric) -> Points:
    """The TTLs that have the figure, and its values."""
    x, y = [], []
    for member in family:
        estimate = analysis.figure(member.name, contender.name, metric.name)
        if not estimate.missing:
            x.append(float(member.workload["ttl_s"]))
            y.append(estimate.value)
    return x, y


def draw_points(axes: Axes, contender: ContenderInfo, style: Style, points: Points, labelled: bool) -> None:
    """Draw one contender's line."""
    x, y = points
    if not x:
        return
    first = len(axes.get_lines())
    axes.plot(
        x,
        y,
        color=style.color,
        linestyle=style.dash,
        marker=style.marker,
        markersize=4.5,
        label=contender.name if labelled else None,
    )
    mark(axes, contender.name, first)


def label_axes(axes: Axes, metric: Metric) -> None:
    """Set scales, labels and the common look."""
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(FuncFormatter(two_and_five))
    axes.set_title(
        f"{formatting.label(metric)}{', %' if metric.unit == '%' else ''}", fontsize=9, color=INK, loc="left"
    )
    axes.set_xlabel("TTL, s (log)")
    style_axes(axes)
    axes.tick_params(axis="x", which="minor", labelsize=8)


def sweep_in_words(analysis: Analysis, family: list[ScenarioInfo]) -> str:
    """The caption: the change from the shortest TTL to the longest, for each contender that has both."""
    found = []
    ends = (family[0], family[-1])
    for contender in analysis.run.info.contenders:
        if contender.kind != "contender":
            continue
        hits = [analysis.figure(s.name, contender.name, "hit-rate").value for s in ends]
        stale = [analysis.figure(s.name, contender.name, "stale-after-told").value for s in ends]
        if not any(math.isnan(v) for v in (*hits, *stale)):
            (hits_low, hits_high), (stale_low, stale_high) = (
                [formatting.with_unit(value, "%") for value in values] for values in (hits, stale)
            )
            found.append(
                f"{contender.name} from {hits_low} to {hits_high} hits and from {stale_low} to {stale_high} reads that "
                "are stale after acknowledgement"
            )
    low, high = (float(s.workload["ttl_s"]) for s in ends)
    return f"From a TTL of {low:g} s to one of {high:g} s {'; '.join(found)}." if found else "Nothing to compare."


CHART = ScenarioChart(order=70, draw=sweep)
