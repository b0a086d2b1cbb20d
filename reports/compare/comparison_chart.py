"""The chart of a comparison: the ratio B over A, one row per contender, one panel per metric."""

from matplotlib.ticker import FuncFormatter

from stampede.reports.compare.compare_runs import RunPair
from stampede.reports.output import charts, formatting
from stampede.reports.output.charts import Chart

PANELS = 4
"""Metrics that the chart shows at most."""


def forest(both: RunPair, scenario: str) -> Chart | None:
    """The forest plot of one scenario; None if no metric has a ratio with an interval."""
    found = [v for v in both.verdicts if v.scenario == scenario and v.metric.compared and v.comparison.ratio]
    metrics = list({v.metric.name: v.metric for v in found}.values())[:PANELS]
    names = list(dict.fromkeys(v.contender for v in found))
    if not metrics:
        return None
    figure = charts.new_figure(7.6, 1.2 + 0.34 * len(names))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        rows = [v for v in found if v.metric is metric]
        m = rows[0].m
        axes.axvspan(1 / (1 + m), 1 + m, color=charts.GRID, alpha=0.6, linewidth=0)
        axes.axvline(1, color=charts.MUTED, linewidth=1)
        for v in rows:
            ratio = v.comparison.ratio
            assert ratio is not None
            style = charts.style_of(both.b.run.info.contenders, v.contender)
            y = names.index(v.contender)
            axes.plot([ratio.low, ratio.high], [y, y], color=style.color, linewidth=2.2, solid_capstyle="butt")
            axes.plot([ratio.estimate], [y], color=style.color, marker=style.marker, markersize=6)
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.8), max(high, 1.25))
        axes.xaxis.set_major_formatter(FuncFormatter(charts.short))
        axes.xaxis.set_minor_formatter(FuncFormatter(charts.two_and_five))
        axes.set_title(f"{metric.group}\n{metric.title}", fontsize=9, color=charts.INK, loc="left")
        charts.style_axes(axes)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, labelcolor=charts.INK)
        axes.tick_params(axis="x", which="minor", labelsize=8)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    panels[0].set_yticks(range(len(names)), names)
    figure.supxlabel("B over A (log)", fontsize=9.5, color=charts.MUTED)
    anchor, question = f"{scenario}-b-over-a", "What changed from A to B?"
    counts = {word: sum(v.sentence == word for v in found) for word in ("better", "worse", "same", "cannot tell")}
    caption = f"{', '.join(f'{n} {word}' for word, n in counts.items() if n) or 'no verdict'}, of {len(found)} drawn."
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Mark: the estimate of B over A. Bar: its interval over rounds that are not paired. Shaded: ± m. Left "
            "of 1, B is lower. The rows of baselines and A/A copies show the effect of the machine and of chance."
        ),
        svg=charts.drawn(figure, anchor, question, caption),
        columns=["figure", "contender", "B over A", "verdict"],
        rows=[[formatting.label(v.metric), v.contender, formatting.against(v), formatting.spoken(v)] for v in found],
    )
