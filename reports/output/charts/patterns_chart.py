"""The chart that compares the patterns of a scenario: queries, latency of hits and misses, Redis commands.

The page's script hides contenders and rescales the axes to those that it shows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.metrics.metric import find_metric, metrics
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import BASELINE, INK, MUTED, short, slug, style_of, two_and_five
from stampede.reports.output.charts.scenario_chart import of_scenario
from stampede.reports.output.charts.svg_figure import NARROW, drawn_twice, new_figure, style_axes
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

NO_CACHE = "no-cache"
TWO_THIRDS = 7.8
"""Width of the wide drawing in inches: the page shows another section next to it."""
HEADROOM = 1.22
"""The end of a linear axis over its largest value: the numbers at the marks need room."""
MARGIN = 0.08
"""The room on each side of a logarithmic axis, as a share of the data's span."""


@dataclass(frozen=True, kw_only=True)
class PatternPanel:
    """One panel: a figure, or two figures in the same unit."""

    title: str
    axis: str
    metrics: tuple[str, ...]
    """The first has a filled mark, the second an empty one."""


PANELS = (
    PatternPanel(title="Database queries", axis="queries per 1,000 reads", metrics=("loads-per-1000-reads",)),
    PatternPanel(title="Latency: hit ●, miss ○", axis="ms, median (log)", metrics=("hit-p50", "miss-p50")),
    PatternPanel(title="Redis commands", axis="commands per request", metrics=("commands-per-request",)),
)


def patterns_chart(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: one row for each pattern, the A/A copy in grey. None without figures, or with one pattern only.

    Reads without a cache are left out: their queries are given in the caption, and would compress the axes.
    """
    names = {m.name for m in metrics()}
    rows = [c for c, _ in of_scenario(analysis, scenario) if c.kind != "baseline" and c.name != NO_CACHE]
    panels = [panel for panel in PANELS if any(measured(analysis, scenario, rows, m) for m in panel.metrics)]
    if len(rows) < 2 or not panels:
        return None
    anchor = f"{scenario.name}-patterns"
    question = "How do the patterns compare?"
    caption = caption_of(analysis, scenario, rows)

    def draw(width: float) -> Figure:
        return draw_panels(analysis, scenario, rows, panels, width)

    shown = [find_metric(m) for panel in panels for m in panel.metrics if m in names]
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Mark: the median over rounds. Bar: its interval. Filled mark: reads that hit; empty mark: reads that "
            "missed. Grey: the A/A copy of a pattern; a difference smaller than the one between a pattern and its "
            "copy is noise."
        ),
        svg=drawn_twice(
            draw,
            anchor,
            question,
            caption,
            hover_texts(analysis, scenario, rows, panels),
            TWO_THIRDS,
            lambda drawing: scales_of(drawing, analysis, scenario, rows, panels),
        ),
        columns=["contender", *(formatting.label(m) for m in shown)],
        rows=[
            [
                c.name,
                *(formatting.format_estimate(figure(analysis, scenario, c, m.name), m, name_it=False) for m in shown),
            ]
            for c in rows
        ],
    )


def figure(analysis: Analysis, scenario: ScenarioInfo, contender: ContenderInfo, metric: str) -> Estimate:
    """The figure of a contender."""
    return analysis.figure(scenario.name, contender.name, metric)


def measured(analysis: Analysis, scenario: ScenarioInfo, rows: Sequence[ContenderInfo], metric: str) -> bool:
    """Whether a contender has the figure."""
    return any(not figure(analysis, scenario, c, metric).missing for c in rows)


def caption_of(analysis: Analysis, scenario: ScenarioInfo, rows: Sequence[ContenderInfo]) -> str:
    """The workload in a few words, and the queries without a cache."""
    w = scenario.workload
    text = f"{scenario.name}: {w['rate_per_s']:g} requests/s, {100 * w['read_share']:g} % reads, TTL {w['ttl_s']:g} s."
    uncached = analysis.figure(scenario.name, NO_CACHE, "loads-per-1000-reads")
    if not uncached.missing:
        text += f" Without a cache: {formatting.number(uncached.value)} queries per 1,000 reads."
    if any(c.kind == "aa-copy" for c in rows):
        text += " Grey: the A/A copy; smaller differences are noise."
    return text


def draw_panels(
    analysis: Analysis,
    scenario: ScenarioInfo,
    rows: Sequence[ContenderInfo],
    panels: Sequence[PatternPanel],
    width: float,
) -> Figure:
    """Draw the panels next to each other, or below each other in a narrow figure."""
    narrow = width <= NARROW
    row_height, frame = 0.3 if narrow else 0.4, 0.85
    height = (row_height * len(rows) + frame) * (len(panels) if narrow else 1)
    drawing = new_figure(width, height)
    grid = drawing.subplots(len(panels), 1, squeeze=False)[:, 0] if narrow else None
    if grid is None:
        grid = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(grid, panels, strict=True):
        draw_panel(axes, analysis, scenario, rows, panel)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [label_of(c) for c in rows])
    return drawing


def label_of(contender: ContenderInfo) -> str:
    """The label of a row."""
    return "A/A copy" if contender.kind == "aa-copy" else contender.name


def draw_panel(
    axes: Axes, analysis: Analysis, scenario: ScenarioInfo, rows: Sequence[ContenderInfo], panel: PatternPanel
) -> None:
    """Draw one panel: for each contender a mark and its interval."""
    for y, contender in enumerate(rows):
        style = style_of(analysis.run.info.contenders, contender.name)
        color = BASELINE if contender.kind == "aa-copy" else style.color
        for k, metric in enumerate(panel.metrics):
            estimate = figure(analysis, scenario, contender, metric)
            if estimate.missing:
                continue
            gid = gid_of(metric, contender)
            if formatting.has_interval(estimate):
                (bar,) = axes.plot([estimate.low, estimate.high], [y, y], color=color, linewidth=2.4, alpha=0.6)
                bar.set_gid(f"{gid}-bar")
            face = color if k == 0 else "none"
            (dot,) = axes.plot(
                [estimate.value], [y], color=color, marker="o", markersize=7, markerfacecolor=face, markeredgewidth=1.6
            )
            dot.set_gid(gid)
            if len(panel.metrics) == 1:
                axes.annotate(
                    formatting.number(estimate.value),
                    (max(estimate.value, estimate.high if formatting.has_interval(estimate) else estimate.value), y),
                    xytext=(7, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=9,
                    color=INK,
                ).set_gid(f"{gid}-text")
    if len(panel.metrics) == 1:
        reach = [figure(analysis, scenario, c, panel.metrics[0]) for c in rows]
        axes.set_xlim(0, HEADROOM * max(max(e.value, e.high if formatting.has_interval(e) else 0.0) for e in reach))
        axes.xaxis.set_major_locator(MaxNLocator(5))
    else:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(FuncFormatter(two_and_five))
        axes.tick_params(axis="x", which="minor", labelsize=8)
        axes.margins(x=MARGIN)
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.set_title(panel.title, fontsize=9.5, color=INK, loc="left")
    axes.set_xlabel(panel.axis, color=MUTED)
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def gid_of(metric: str, contender: ContenderInfo) -> str:
    """The id of a mark; it ends with the contender's slug, so that the page can hide it."""
    return f"{metric}--{slug(contender.name)}--"


def scales_of(
    drawing: Figure,
    analysis: Analysis,
    scenario: ScenarioInfo,
    rows: Sequence[ContenderInfo],
    panels: Sequence[PatternPanel],
) -> str:
    """JSON for the page's script, one object for each panel: its axis, and the value and interval of each mark."""
    found = []
    for axes, panel in zip(drawing.axes, panels, strict=True):
        marks = []
        for name in panel.metrics:
            for contender in rows:
                estimate = figure(analysis, scenario, contender, name)
                if not estimate.missing:
                    low, high = estimate.value, estimate.value
                    if formatting.has_interval(estimate):
                        low, high = estimate.low, estimate.high
                    mark = {"id": gid_of(name, contender), "contender": slug(contender.name)}
                    marks.append(mark | {"value": float(estimate.value), "low": float(low), "high": float(high)})
        low, high = axes.get_xlim()
        log = len(panel.metrics) > 1
        room = MARGIN if log else HEADROOM
        found.append({"log": log, "low": float(low), "high": float(high), "room": room, "marks": marks})
    return json.dumps(found)


def hover_texts(
    analysis: Analysis, scenario: ScenarioInfo, rows: Sequence[ContenderInfo], panels: Sequence[PatternPanel]
) -> dict[str, str]:
    """By the id of each mark: contender, metric, value and interval."""
    found = {}
    for panel in panels:
        for name in panel.metrics:
            for contender in rows:
                estimate = figure(analysis, scenario, contender, name)
                if not estimate.missing:
                    text = formatting.format_estimate(estimate, find_metric(name))
                    found[gid_of(name, contender)] = f"{contender.name}: {text}"
    return found
