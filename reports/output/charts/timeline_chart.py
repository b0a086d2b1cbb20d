"""The timeline charts: the requests around one expiry, one row per request.

One chart shows the reference next to the contender whose readers wait; the other one, folded, shows all others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Bools, Floats, Rows
from stampede.reports.metrics.database_loads import episodes_of, hot_key_of, hot_loads
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import GRID, INK, MUTED, slug, style_of
from stampede.reports.output.charts.expiries_chart import load_time_s
from stampede.reports.output.charts.scenario_chart import ScenarioChart, of_scenario
from stampede.reports.output.charts.svg_figure import NARROW, drawn_twice, new_figure, style_axes
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

MOST_REQUESTS = 36
"""Requests that a timeline shows of one expiry."""
MOST_QUERY_TIMES = 10
"""Length of the axis after the first load, in times of a load, if a reader waits longer than that."""
WAITING = "coalescing"
"""The contender next to the reference; if it did not run, the one with the fewest queries per expiry."""


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
    longest_s: float = 0.0
    """From the first load to the end of the longest wait for it."""

    @property
    def before_s(self) -> float:
        """From the left end of the axis to the first load."""
        return 0.5 * self.delta_s

    @property
    def after_s(self) -> float:
        """From the first load to the right end of the axis."""
        return max(3.2 * self.delta_s, 1.08 * self.longest_s)


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
    """The chart of two contenders: the reference, and the one whose readers wait for one query."""
    pair = pair_of(analysis, scenario)
    return chart_of(
        analysis,
        scenario,
        [m for m in drawn_moments(analysis, scenario) if m.contender.name in pair],
        anchor=f"{scenario.name}-timeline",
        question="What happens at one expiry?",
    )


def chart_of(
    analysis: Analysis, scenario: ScenarioInfo, chosen: Sequence[Moment], *, anchor: str, question: str
) -> Chart | None:
    """A chart with one panel per expiry; None if there is none, or the time of a query is not known."""
    delta_s = load_time_s(analysis, scenario)
    if not chosen or not math.isfinite(delta_s):
        return None
    span = TimeAxis(delta_s=delta_s, longest_s=min(longest_wait_s(chosen, delta_s), MOST_QUERY_TIMES * delta_s))
    caption = "One typical expiry of each contender. A row is a request, a coloured bar its database query."
    described = "; ".join(title(m, m.requests(span.before_s, span.after_s), span) for m in chosen)
    table = []
    for moment in chosen:
        shown = shown_requests(moment, span)
        table += cells_of_table(moment.contender.name, shown, times_ms(shown, moment, span))
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Each row is a request: a dot at its due time, a grey line until its answer, a thick coloured bar during "
            "its database query. A coloured dotted line with a mark at its end: a reader that waits without a query of "
            "its own. Shaded: the time of one query; the requests that arrive in it are the stampede. The "
            "chart shows the expiry whose number of queries is nearest to the contender's mean."
        ),
        svg=drawn_twice(lambda width: timeline_figure(analysis, chosen, span, width), anchor, question, described),
        columns=["contender", "operation", "due ms", "end ms", "query began ms", "query ended ms"],
        rows=table,
    )


def longest_wait_s(chosen: Sequence[Moment], delta_s: float) -> float:
    """From the first load to the last answer of the requests that are due before that load ends, in seconds."""
    ends = [moment.requests(0, delta_s).floats("end_s") - moment.begin_s for moment in chosen]
    return max((float(np.nanmax(end)) for end in ends if np.isfinite(end).any()), default=0.0)


def drawn_moments(analysis: Analysis, scenario: ScenarioInfo) -> list[Moment]:
    """The complete expiry of each contender that the charts show. A variant of a scenario has none."""
    return [] if scenario.variant_of else [m for m in moments(analysis, scenario) if not m.endless]


def pair_of(analysis: Analysis, scenario: ScenarioInfo) -> tuple[str, ...]:
    """The reference, and the contender next to it."""
    names = [m.contender.name for m in drawn_moments(analysis, scenario) if m.contender.name != analysis.reference]
    if WAITING in names:
        return analysis.reference, WAITING
    fewest = sorted(names, key=lambda name: analysis.figure(scenario.name, name, "loads-per-expiry").value)
    return analysis.reference, *fewest[:1]


def shown_requests(moment: Moment, span: TimeAxis) -> Rows:
    """The first MOST_REQUESTS requests of an expiry."""
    rows = moment.requests(span.before_s, span.after_s)
    return rows.between(0, min(MOST_REQUESTS, len(rows)))


def timeline_figure(analysis: Analysis, chosen: Sequence[Moment], span: TimeAxis, width: float) -> Figure:
    """Two panels next to each other in a row; one below the other on a phone."""
    columns = 1 if width == NARROW else min(2, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = new_figure(width, 0.4 + rows * 2.1)
    panels = list(figure.subplots(rows, columns, sharex=True, squeeze=False).flat)
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    for axes, moment in zip(panels, chosen, strict=False):
        shown = shown_requests(moment, span)
        style = style_of(analysis.run.info.contenders, moment.contender.name)
        draw_requests(axes, times_ms(shown, moment, span), style.color, waiting(shown, span))
        axes.set_title(
            title(moment, moment.requests(span.before_s, span.after_s), span), loc="left", fontsize=9, color=INK
        )
        frame_panel(axes, len(shown), span, moment.contender.name)
    figure.supxlabel("ms since the first query began", fontsize=9.5, color=MUTED)
    return figure


Times = tuple[Floats, Floats, Floats, Floats]
"""For each request, in ms since the first load began: due, end, load began, load ended."""


def times_ms(shown: Rows, moment: Moment, span: TimeAxis) -> Times:
    """The times of the requests; an open request ends at the end of the axis."""
    due, end, at, done = (
        1000 * (shown.floats(name) - moment.begin_s) for name in ("due_s", "end_s", "load_start_s", "load_end_s")
    )
    return due, np.where(np.isnan(end), 1000 * span.after_s, end), at, done


def waiting(rows: Rows, span: TimeAxis) -> Bools:
    """Which requests wait for the load of another one: they load nothing, and take longer than half a usual load."""
    took_s = rows.floats("end_s") - rows.floats("due_s")
    return np.asarray((rows.ints("loads") == 0) & (took_s > span.delta_s / 2))


def draw_requests(axes: Axes, times: Times, color: str, waits: Bools) -> None:
    """Draw a line per request, a thick one during its load, a dotted one if it waits, and a dot at its due time."""
    due, end, at, done = times
    y = np.arange(len(due))
    loaded = ~np.isnan(at)
    axes.hlines(y[~waits], due[~waits], end[~waits], color=MUTED, linewidth=0.9)
    if waits.any():
        axes.hlines(y[waits], due[waits], end[waits], color=color, linewidth=1.6, linestyle=(0, (1, 1)))
        axes.plot(end[waits], y[waits], linestyle="none", marker="|", markersize=5, color=color)
        number = np.count_nonzero(waits)
        text = f"dotted: {number} reader{'s wait' if number > 1 else ' waits'}"
        axes.text(0.02, 0.05, text, transform=axes.transAxes, fontsize=9, color=INK)
    axes.hlines(y[loaded], at[loaded], done[loaded], color=color, linewidth=2.6)
    axes.plot(due, y, linestyle="none", marker=".", markersize=3.2, color=INK)


def title(moment: Moment, rows: Rows, span: TimeAxis) -> str:
    """The title of a panel: "coalescing: 1 query, 9 readers wait about 107 ms (poll interval 100 ms)"."""
    count = int(np.count_nonzero(rows.known("load_start_s")))
    waits_s = (rows.floats("end_s") - rows.floats("due_s"))[waiting(rows, span)]
    text = f"{moment.contender.name}: {count} {'query' if count == 1 else 'queries'}"
    if not len(waits_s):
        return text
    text += f", {len(waits_s)} reader{'s wait' if len(waits_s) > 1 else ' waits'} about "
    text += formatting.with_unit(1000 * float(np.median(waits_s)), "ms")
    poll_s = moment.contender.config.get("poll_every_s")
    return f"{text} (poll interval {1000 * poll_s:g} ms)" if isinstance(poll_s, int | float) else text


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
