"""The forest plot: the differences from the reference, with their intervals."""

import math
from collections.abc import Collection, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.results import Verdict
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import GRID, INK, MUTED, mark, short, style_of
from stampede.reports.output.charts.scenario_chart import ScenarioChart, caches_of
from stampede.reports.output.charts.svg_figure import NARROW, drawn_twice, new_figure, style_axes
from stampede.reports.output.panels.key_table import HEADINGS, key_metrics
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

PANELS = 5
"""Metrics that the chart shows."""
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Ratios that may have a label on the axis."""
LEAST_GAP = 0.12
"""Shortest distance of two labels, as a share of the axis."""
QUESTION = "How sure is the difference from {}?"


def forest(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: paired ratios to the reference with their intervals, ± m shaded, the A/A copy in the first row."""
    by_metric = drawn_verdicts(analysis, scenario)
    if not by_metric:
        return None
    anchor, question = f"{scenario.name}-forest", QUESTION.format(analysis.reference)
    caption = verdict_summary(by_metric.values())
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Mark: the Hodges–Lehmann estimate of the ratio, paired by round. Bar: its exact signed-rank interval. "
            "Shaded: ± m, the larger of 5 % and the difference between two copies of one contender (A/A, the first "
            "row). A bar inside the shade means the same. A bar that excludes 1 means better or worse, if Holm's "
            "correction over the rows confirms it. Contenders without a cache are not drawn."
        ),
        svg=drawn_twice(lambda width: forest_figure(analysis, by_metric, width), anchor, question, caption),
        columns=["figure", "contender", "against", "ratio", "verdict", "so what"],
        rows=[cells_of_table(v) for verdicts in by_metric.values() for v in verdicts],
    )


def forest_figure(analysis: Analysis, by_metric: Mapping[str, Sequence[Verdict]], width: float) -> Figure:
    """One panel per metric, next to each other; below each other on a phone."""
    names = list(dict.fromkeys(v.contender for verdicts in by_metric.values() for v in verdicts))
    rows = len(by_metric) if width == NARROW else 1
    figure = new_figure(width, 0.35 + rows * (0.55 + 0.24 * len(names)))
    panels = figure.subplots(rows, len(by_metric) // rows, sharey=True, squeeze=False).flat
    for axes, verdicts in zip(panels, by_metric.values(), strict=True):
        draw_panel(axes, verdicts, names, analysis.run.info.contenders)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), [f"{n} (A/A)" if is_aa_copy(analysis, n) else n for n in names])
    figure.supxlabel(f"times {analysis.reference}, paired by round (log)", fontsize=9.5, color=MUTED)
    return figure


def drawn_verdicts(analysis: Analysis, scenario: ScenarioInfo) -> Mapping[str, Sequence[Verdict]]:
    """By metric of the section's table: the A/A copies, then the contenders that use the cache. Only ratios."""
    uses_cache = {c.name for c, _ in caches_of(analysis, scenario)}
    found: dict[str, list[Verdict]] = {}
    for metric in key_metrics(analysis, scenario):
        copies = [analysis.aa_pairs[key] for key in [(scenario.name, metric.name)] if key in analysis.aa_pairs]
        rivals = [v for (s, _, m), v in analysis.verdicts.items() if (s, m) == (scenario.name, metric.name)]
        some = [v for v in (*copies, *rivals) if v.contender in uses_cache]
        if any(v.comparison.ratio is not None for v in some):
            found[metric.name] = some
    return dict(list(found.items())[:PANELS])


def draw_panel(
    axes: Axes, verdicts: Sequence[Verdict], names: Sequence[str], contenders: Sequence[ContenderInfo]
) -> None:
    """Draw one metric: a bar and a mark per contender."""
    metric, m = verdicts[0].metric, verdicts[0].m
    axes.axvspan(1 / (1 + m), 1 + m, color=GRID, alpha=0.7, linewidth=0)
    axes.axvline(1, color=MUTED, linewidth=0.9)
    for verdict in verdicts:
        ratio = verdict.comparison.ratio
        y = names.index(verdict.contender)
        style = style_of(contenders, verdict.contender)
        if ratio is not None:
            axes.plot([ratio.low, ratio.high], [y, y], color=style.color, linewidth=2.2, solid_capstyle="butt")
            axes.plot([ratio.estimate], [y], color=style.color, marker=style.marker, markersize=5.5)
        mark(axes, verdict.contender, 1)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.8), max(high, 1.25))
    axes.xaxis.set_major_locator(FixedLocator(ticks_of(*axes.get_xlim())))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.set_title(HEADINGS.get(metric.name, formatting.label(metric)), fontsize=9, color=INK, loc="left")
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def ticks_of(low: float, high: float) -> list[float]:
    """The ratios with a label on a logarithmic axis: 1, the last one that fits at each end, and others with room."""
    inside = [tick for tick in TICKS if low <= tick <= high]
    gap = LEAST_GAP * math.log(high / low)
    found: list[float] = []
    for tick in sorted(inside, key=lambda t: (t != 1.0, t not in (inside[0], inside[-1]), abs(math.log(t)))):
        if all(abs(math.log(tick / other)) >= gap for other in found):
            found.append(tick)
    return sorted(found)


def cells_of_table(verdict: Verdict) -> list[str]:
    """One row of the table below the chart."""
    return [
        formatting.label(verdict.metric),
        verdict.contender,
        verdict.against,
        formatting.against(verdict),
        formatting.spoken(verdict),
        formatting.so_what(verdict),
    ]


def is_aa_copy(analysis: Analysis, name: str) -> bool:
    """Whether the name is that of an A/A copy."""
    return any(c.name == name and c.kind == "aa-copy" for c in analysis.run.info.contenders)


def verdict_summary(by_metric: Collection[Sequence[Verdict]]) -> str:
    """The caption: the contenders that are significantly better or worse, by metric."""
    found = []
    for word in ("better", "worse"):
        by_contender: dict[str, list[str]] = {}
        for v in (v for verdicts in by_metric for v in verdicts if v.sentence == word):
            by_contender.setdefault(v.contender, []).append(HEADINGS.get(v.metric.name, formatting.label(v.metric)))
        if by_contender:
            each = "; ".join(f"{name} in {formatting.listed(figures)}" for name, figures in by_contender.items())
            found.append(f"Significantly {word}: {each}.")
    return " ".join(found) or "No significant difference."


CHART = ScenarioChart(order=40, draw=forest)
