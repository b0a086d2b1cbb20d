"""The chart over time: read p50 of each contender, round by round, so that drift of the machine can be seen."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import MUTED, mark, style_of
from stampede.reports.output.charts.scenario_chart import ScenarioChart, caches_of
from stampede.reports.output.charts.svg_figure import drawn_twice, legend, new_figure, style_axes
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

LEAST_ROUNDS = 2


def rounds_chart(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart; None for a variant, a scenario with a hot key or with writes to fresh records, or one round."""
    if scenario.variant_of or scenario.workload.get("active_records") == 1 or scenario.check_after_drain:
        return None
    metric = find_metric("read-p50")
    by_contender = {
        contender.name: {cell.info.round: metric.of_cell(cell) for cell in cells}
        for contender, cells in caches_of(analysis, scenario)
    }
    if max((len(each) for each in by_contender.values()), default=0) < LEAST_ROUNDS:
        return None
    anchor, question = f"{scenario.name}-rounds", "Did latency drift during the run?"
    caption = "Read p50 of each contender, round by round. Contenders without a cache are not drawn."
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "If all lines rise or fall together, the machine became slower or faster. Comparisons are paired by round, "
            "so that such a drift cancels out; absolute times do not."
        ),
        svg=drawn_twice(
            lambda width: rounds_figure(by_contender, analysis.run.info.contenders, width), anchor, question, caption
        ),
        columns=["contender", "round", "read p50 ms"],
        rows=[
            [name, str(number), formatting.number(value)]
            for name, each in by_contender.items()
            for number, value in sorted(each.items())
        ],
    )


def rounds_figure(
    by_contender: Mapping[str, Mapping[int, float]], contenders: Sequence[ContenderInfo], width: float
) -> Figure:
    """A line per contender over the rounds."""
    figure = new_figure(width, 2.4)
    axes = figure.add_subplot()
    for name, each in by_contender.items():
        style, numbers = style_of(contenders, name), sorted(each)
        axes.plot(
            numbers,
            [each[n] for n in numbers],
            color=style.color,
            linestyle=style.dash,
            marker=style.marker,
            markersize=5,
            linewidth=1.6,
            label=name,
        )
        mark(axes, name, 0)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("round", color=MUTED)
    axes.set_ylabel("read p50, ms", color=MUTED)
    style_axes(axes)
    legend(figure)
    return figure


CHART = ScenarioChart(order=45, draw=rounds_chart)
