"""The timeline chart: the requests around one expiry, one row per request."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats, Rows
from stampede.reports.metrics.database_loads import episodes_of, hot_key_of, hot_loads
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import GRID, INK, MUTED, slug, style_of
from stampede.reports.output.charts.expiries_chart import load_time_s
from stampede.reports.output.charts.scenario_chart import ScenarioChart, of_scenario
from stampede.reports.output.charts.svg_figure import drawn, new_figure, style_axes
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

MOST_REQUESTS = 48
"""Requests that a timeline shows of one expiry; half as many for more than MANY contenders."""
MANY = 6


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The expiry that is shown of one contender."""

    contender: ContenderInfo
    cell: Cell
    begin_s: float
    """The start of its first load, in seconds since the cell's window began."""
    endless: bool
    """Whether no complete expiry was seen: then it is the first load in the window."""

    def requests(self, before_s: float, after_s: float) -> Rows:
        """The requests in flight between `before_s` before and `after_s` after that start, by due time."""
        rows, begin = self.cell.rows, self.begin_s
        until_s = np.where(rows.known("end_s"), rows.floats("end_s"), self.cell.deadline_s)
        inside = (rows.floats("due_s") <= begin + after_s) & (until_s >= begin - before_s)
        return rows.where(rows.known("start_s") & inside).sorted_by("due_s")


@dataclass(frozen=True, kw_only=True)
class TimeAxis:
    """The range of the horizontal axis, in seconds around the first load."""

    delta_s: float
    """The time of one load."""

    @property
    def before_s(self) -> float:
        """From the left end of the axis to the first load."""
        return 0.5 * self.delta_s

    @property
    def after_s(self) -> float:
        """From the first load to the right end of the axis."""
        return 3.2 * self.delta_s


def typical(cells: Sequence[Cell], mean: float) -> tuple[Cell, float] | None:
    """The expiry whose number of loads is nearest to the mean (the first of equals): its cell and its start."""
    found = [
        (abs(e.loads - mean), cell.info.id, e.begin_s, cell)
        for cell, seen in zip(cells, episodes_of(cells), strict=True)
        for e in seen
    ]
    if not found:
        return None
    _, _, begin, cell = min(found, key=lambda f: f[:3])
    return cell, begin


def moments(analysis: Analysis, scenario: ScenarioInfo) -> Iterator[Moment]:
    """The expiry of each contender; none for one without a hot key or without a load in the window."""
    for contender, cells in of_scenario(analysis, scenario):
        if contender.kind != "contender" or hot_key_of(cells) is None:
            continue
        mean = analysis.figure(scenario.name, contender.name, "loads-per-expiry").value
        pick = typical(cells, mean)
        if pick is None:
            starts_s = hot_loads(cells[0]).floats("load_start_s")
            if not len(starts_s) or starts_s[-1] < 0:
                continue
            pick = cells[0], float(starts_s[starts_s >= 0][0])
        yield Moment(contender=contender, cell=pick[0], begin_s=pick[1], endless=math.isnan(mean))


def timeline(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: one row per request, from due to end, with its load. A variant of a scenario has none."""
    if scenario.variant_of:
        return None
    chosen = list(moments(analysis, scenario))
    delta_s = load_time_s(analysis, scenario)
    if not chosen or all(m.endless for m in chosen) or not math.isfinite(delta_s):
        return None
    span = TimeAxis(delta_s=delta_s)
    seen = [m.requests(span.before_s, span.after_s) for m in chosen]
    most = MOST_REQUESTS if len(chosen) <= MANY else MOST_REQUESTS // 2
    heights = [max(6, min(most, len(rows))) for rows in seen]
    figure = new_figure(7.6, 0.8 + sum(0.058 * h + 0.34 for h in heights))
    grid = figure.subplots(len(chosen), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    table = []
    for axes, moment, rows in zip(grid[:, 0], chosen, seen, strict=True):
        shown = rows.between(0, min(most, len(rows)))
        style = style_of(analysis.run.info.contenders, moment.contender.name)
        times = times_ms(shown, moment, span)
        draw_requests(axes, times, style.color)
        axes.set_title(title(moment, rows, most, span), loc="left", fontsize=9.5, color=INK, pad=3)
        frame_panel(axes, len(shown), span, moment.contender.name)
        table += cells_of_table(moment.contender.name, shown, times)
    grid[-1, 0].set_xlabel("ms since the first load began; shaded: Δ, the time of one load")
    anchor = f"{scenario.name}-timeline"
    question = "What happens at one expiry?"
    caption = (
        "One typical expiry of each contender: which requests were due, which loaded, and which waited. The requests "
        "that arrive within Δ of the first load are the stampede."
    )
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Each row is a request: a dot at its due time, a grey line until its answer, a thick coloured bar during "
            "its load. The chart shows the expiry whose number of loads is nearest to the contender's mean."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "operation", "due ms", "end ms", "load began ms", "load ended ms"],
        rows=table,
    )


Times = tuple[Floats, Floats, Floats, Floats]
"""For each request, in ms since the first load began: due, end, load began, load ended."""


def times_ms(shown: Rows, moment: Moment, span: TimeAxis) -> Times:
    """The times of the requests; an open request ends at the end of the axis."""
    due, end, at, done = (
        1000 * (shown.floats(name) - moment.begin_s) for name in ("due_s", "end_s", "load_start_s", "load_end_s")
    )
    return due, np.where(np.isnan(end), 1000 * span.after_s, end), at, done


def draw_requests(axes: Axes, times: Times, color: str) -> None:
    """Draw a line per request, a thick one during its load, and a dot at its due time."""
    due, end, at, done = times
    y = np.arange(len(due))
    loaded = ~np.isnan(at)
    axes.hlines(y, due, end, color=MUTED, linewidth=0.9)
    axes.hlines(y[loaded], at[loaded], done[loaded], color=color, linewidth=2.6)
    axes.plot(due, y, linestyle="none", marker=".", markersize=3.2, color=INK)


def title(moment: Moment, rows: Rows, most: int, span: TimeAxis) -> str:
    """The title of a panel: the contender, and the number of requests that loaded and that waited."""
    count = int(np.count_nonzero(rows.known("load_start_s")))
    took_s = rows.floats("end_s") - rows.floats("due_s")
    waiting = int(np.count_nonzero((rows.ints("loads") == 0) & (took_s > span.delta_s / 2)))
    what = (
        "no complete expiry seen" if moment.endless else f"{count} load{'' if count == 1 else 's'}, {waiting} waiting"
    )
    return f"{moment.contender.name}: {what}{f', first {most} shown' if len(rows) > most else ''}"


def frame_panel(axes: Axes, requests: int, span: TimeAxis, contender: str) -> None:
    """Set limits, the shade of one load and the common look."""
    axes.set_ylim(max(requests, 6), -1)
    axes.set_xlim(-1000 * span.before_s, 1000 * span.after_s)
    style_axes(axes)
    axes.set_gid(f"panel--{slug(contender)}--")
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.axvspan(0, 1000 * span.delta_s, color=GRID, alpha=0.45, linewidth=0, zorder=0)


def cells_of_table(contender: str, shown: Rows, times: Times) -> list[list[str]]:
    """The rows of the table below the chart."""
    operations = map(str, shown.labels("operation").texts())
    return [
        [contender, operation, f"{due:.2f}", f"{end:.2f}", *("" if math.isnan(t) else f"{t:.2f}" for t in load)]
        for operation, due, end, *load in zip(operations, *times, strict=True)
    ]


CHART = ScenarioChart(order=30, draw=timeline)
