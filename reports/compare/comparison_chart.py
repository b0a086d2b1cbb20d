"""The chart of a comparison: the ratio B over A, one row per contender, one panel per metric."""

from collections import Counter
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from stampede.reports.analysis.results import Verdict
from stampede.reports.compare.compare_runs import MOVED, RunPair
from stampede.reports.metrics.metric import Metric
from stampede.reports.output import charts, formatting
from stampede.reports.output.charts import Chart

MOST_TICKS = 6
TICKS = (
    (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
    (0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 5.0, 10.0, 20.0),
    (0.01, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0),
    (1e-4, 0.01, 1.0, 100.0, 1e4),
    (1.0,),
)
"""Places of labels, from fine to coarse."""
PANELS = 4
"""Metrics that the chart shows at most."""


def forest(both: RunPair, scenario: str) -> Chart | None:
    """The forest plot of one scenario; None if no metric has a ratio with an interval."""
    found = [v for v in both.verdicts if v.scenario == scenario and v.metric.compared and v.comparison.ratio]
    metrics = charted(found)
    names = list(dict.fromkeys(v.contender for v in found))
    if not metrics:
        return None

    def draw(width: float) -> Figure:
        return draw_panels(both, found, metrics, names, width)

    anchor, question = f"{scenario}-b-over-a", "What changed from A to B?"
    words = {"worse": "worse", "better": "better", "same": "same", "cannot tell": "not significant"}
    counts = {text: sum(v.sentence == word for v in found) for word, text in words.items()}
    caption = f"{', '.join(f'{n} {word}' for word, n in counts.items() if n) or 'no verdict'}, of {len(found)} drawn."
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Mark: the estimate of B over A. Bar: its interval over rounds that are not paired. Shaded: ± m. Left "
            "of 1, B is lower. The rows of baselines and A/A copies show the effect of the machine and of chance."
        ),
        svg=charts.drawn_twice(draw, anchor, question, caption, hover_texts(found)),
        columns=["figure", "contender", "B over A", "verdict"],
        rows=[[formatting.label(v.metric), v.contender, formatting.against(v), formatting.spoken(v)] for v in found],
    )


def charted(found: Sequence[Verdict]) -> list[Metric]:
    """The metrics of the panels: those with the most significant changes first."""
    metrics = {v.metric.name: v.metric for v in found}
    moved = Counter(v.metric.name for v in found if v.sentence in MOVED)
    return sorted(metrics.values(), key=lambda metric: -moved[metric.name])[:PANELS]


def draw_panels(
    both: RunPair, found: Sequence[Verdict], metrics: Sequence[Metric], names: Sequence[str], width: float
) -> Figure:
    """Draw the panels next to each other, or below each other in a narrow figure."""
    narrow = width <= charts.NARROW
    height = 1.2 + 0.34 * len(names)
    figure = charts.new_figure(width, height * (len(metrics) if narrow else 1))
    grid = figure.subplots(len(metrics), 1, squeeze=False) if narrow else None
    if grid is None:
        grid = figure.subplots(1, len(metrics), sharey=True, squeeze=False)
    for axes, metric in zip(grid.flat, metrics, strict=True):
        draw_panel(axes, both, [v for v in found if v.metric is metric], names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), names)
    return figure


def draw_panel(axes: Axes, both: RunPair, rows: Sequence[Verdict], names: Sequence[str]) -> None:
    """Draw one metric: for each contender the ratio and its interval."""
    m = rows[0].m
    axes.axvspan(1 / (1 + m), 1 + m, color=charts.GRID, alpha=0.6, linewidth=0)
    axes.axvline(1, color=charts.MUTED, linewidth=1)
    for v in rows:
        ratio = v.comparison.ratio
        assert ratio is not None
        style = charts.style_of(both.b.run.info.contenders, v.contender)
        y = names.index(v.contender)
        axes.plot([ratio.low, ratio.high], [y, y], color=style.color, linewidth=2.2, solid_capstyle="butt")
        (dot,) = axes.plot([ratio.estimate], [y], color=style.color, marker=style.marker, markersize=6)
        dot.set_gid(gid_of(v))
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.8), max(high, 1.25))
    axes.xaxis.set_major_locator(FixedLocator(ticks(*axes.get_xlim())))
    axes.xaxis.set_major_formatter(FuncFormatter(charts.short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    metric = rows[0].metric
    axes.set_title(f"{metric.group}\n{metric.title}", fontsize=9, color=charts.INK, loc="left")
    axes.set_xlabel("B over A (log)", color=charts.MUTED)
    charts.style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=charts.INK)
    axes.tick_params(axis="x", which="minor", length=0)


def ticks(low: float, high: float) -> list[float]:
    """The ratios at which the axis has labels: at most six round ones between the limits, 1 among them."""
    return next(inside for step in TICKS if len(inside := [x for x in step if low <= x <= high]) <= MOST_TICKS)


def gid_of(verdict: Verdict) -> str:
    """The id of a mark."""
    return f"{verdict.metric.name}--{charts.slug(verdict.contender)}--"


def hover_texts(found: Sequence[Verdict]) -> dict[str, str]:
    """By the id of each mark: contender, metric and change."""
    return {gid_of(v): f"{v.contender}: {formatting.label(v.metric)}, B over A {formatting.against(v)}" for v in found}
