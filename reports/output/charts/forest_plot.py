"""The forest plot: the differences from the reference, with their intervals."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.results import Verdict
from stampede.reports.output import formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import GRID, INK, MUTED, mark, short, style_of, two_and_five
from stampede.reports.output.charts.scenario_chart import ScenarioChart
from stampede.reports.output.charts.svg_figure import drawn, new_figure, style_axes
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo


def forest(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: paired ratios to the reference with their intervals, ± m shaded, the A/A copy in the first row."""
    by_metric = drawn_verdicts(analysis, scenario)
    if not by_metric:
        return None
    names = list(dict.fromkeys(v.contender for verdicts in by_metric.values() for v in verdicts))
    figure = new_figure(7.6, 1.0 + 0.32 * len(names))
    panels = figure.subplots(1, len(by_metric), sharey=True, squeeze=False)[0]
    for axes, verdicts in zip(panels, by_metric.values(), strict=True):
        draw_panel(axes, verdicts, names, analysis.run.info.contenders)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    panels[0].set_yticks(range(len(names)), [f"{n} (A/A)" if is_aa_copy(analysis, n) else n for n in names])
    figure.supxlabel(f"times {analysis.reference}, paired by round (log)", fontsize=9.5, color=MUTED)
    anchor = f"{scenario.name}-forest"
    question = f"How sure is the difference from {analysis.reference}?"
    caption = verdict_summary(analysis, scenario)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Mark: the Hodges–Lehmann estimate of the ratio, paired by round. Bar: its exact signed-rank interval. "
            "Shaded: ± m, the larger of 5 % and the difference between two copies of one contender (A/A, the first "
            "row). A bar inside the shade means the same. A bar that excludes 1 means better or worse, if Holm's "
            "correction over the rows confirms it. Otherwise this run cannot tell."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["figure", "contender", "against", "ratio", "verdict", "so what"],
        rows=[cells_of_table(v) for verdicts in by_metric.values() for v in verdicts],
    )


def drawn_verdicts(analysis: Analysis, scenario: ScenarioInfo) -> Mapping[str, Sequence[Verdict]]:
    """By metric: the verdict of the A/A copies, then those of the contenders; without metrics that have no ratio."""
    by_metric: dict[str, list[Verdict]] = {}
    for (where, name), verdict in analysis.aa_pairs.items():
        if where == scenario.name:
            by_metric.setdefault(name, []).append(verdict)
    for (where, _, name), verdict in analysis.verdicts.items():
        if where == scenario.name:
            by_metric.setdefault(name, []).append(verdict)
    return {n: found for n, found in by_metric.items() if any(v.comparison.ratio is not None for v in found)}


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
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(FuncFormatter(two_and_five))
    axes.set_title(f"{metric.group}\n{metric.title}", fontsize=9, color=INK, loc="left")
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0, labelcolor=INK)


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


def verdict_summary(analysis: Analysis, scenario: ScenarioInfo) -> str:
    """The caption: the contenders that are better or worse, and the number of other verdicts."""
    verdicts = [v for (where, _, _), v in analysis.verdicts.items() if where == scenario.name]
    found = []
    for word in ("better", "worse"):
        by_contender: dict[str, list[str]] = {}
        for v in verdicts:
            if v.sentence == word:
                by_contender.setdefault(v.contender, []).append(formatting.label(v.metric))
        if by_contender:
            each = "; ".join(f"{name} in {formatting.listed(figures)}" for name, figures in by_contender.items())
            found.append(f"{word.capitalize()}: {each}.")
    for word in ("same", "cannot tell"):
        count = sum(v.sentence == word for v in verdicts)
        if count:
            found.append(f"{word.capitalize()}: {count} of {sum(bool(v.sentence) for v in verdicts)} comparisons.")
    return " ".join(found) or "No verdict."


CHART = ScenarioChart(order=40, draw=forest)
