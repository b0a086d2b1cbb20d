"""Validation over HTTP: whether the grid's order of two contenders also holds behind a web server with real threads.

For each figure: the order is the same if both places distinguish the pair in the same direction; it reverses if they
distinguish it in opposite directions; otherwise the result is "cannot tell". Pure functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stampede.reports.analysis.aa_pair import AAPair, aa_pair_of
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.recommend import factors
from stampede.reports.recommend.factors import order
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.experiments.experiments_section import ExperimentSection, sections
from stampede.reports.topics.experiments.over_http_section import FIGURES, NAME, PAIR, SCENARIO, figures, served


@dataclass(frozen=True, kw_only=True)
class OrderComparison:
    """The order of the pair by one figure: -1 the first is lower, 1 it is higher, 0 not distinguished."""

    figure: str
    in_grid: int
    over_http: int

    @property
    def reversed(self) -> bool:
        """Whether the order over HTTP is opposite."""
        return self.in_grid * self.over_http < 0

    @property
    def kept(self) -> bool:
        """Whether the order over HTTP is the same."""
        return self.in_grid * self.over_http > 0


FiguresByContender = Mapping[str, Mapping[str, Estimate]]
"""Figures by contender and metric."""


def compare_orders(
    grid: FiguresByContender, http: FiguresByContender, aa_pairs: Sequence[AAPair]
) -> list[OrderComparison]:
    """Compare the order by each figure. `aa_pairs`: the grid's A/A pair for each figure; over HTTP there is none."""
    found = []
    for own in aa_pairs:
        (here, here_too), (there, there_too) = (
            [place[name][own.metric.name] for name in PAIR] for place in (grid, http)
        )
        found.append(
            OrderComparison(
                figure=formatting.label(own.metric),
                in_grid=order(here, here_too, own),
                over_http=order(there, there_too, AAPair(metric=own.metric)),
            )
        )
    return found


def summary(found: Sequence[OrderComparison]) -> str:
    """Whether the order is the same, reversed, or not decided."""
    first, second = PAIR
    pair = f"{first} and {second} in {SCENARIO}"
    reversed_orders = [p for p in found if p.reversed]
    kept = [p.figure for p in found if p.kept]
    if reversed_orders:
        parts = []
        for p in reversed_orders:
            ahead, behind = (first, second) if p.in_grid < 0 else (second, first)
            parts.append(f"{p.figure}: {ahead} before {behind} in the grid, behind it over HTTP")
        return f"The order of {pair} reverses over HTTP with real threads: {'; '.join(parts)}."
    if kept:
        return f"The same order over HTTP with real threads ({pair}, by {formatting.listed(kept)})."
    return (
        f"HTTP with real threads: cannot tell whether the order of {pair} holds; no figure distinguishes them both in "
        "the grid and over HTTP."
    )


def over_http(analysis: Analysis) -> list[str]:
    """The summary, if the run has the experiment and its scenario; else an empty list."""
    done = {info.name for info in analysis.run.info.experiments if info.status == "done"}
    if NAME not in done or not all(analysis.of(SCENARIO, contender) for contender in PAIR):
        return []
    http = {name: figures(rounds) for name, rounds in served(analysis.run.experiment(NAME)).items()}
    if not all(contender in http for contender in PAIR):
        return []
    grid = {name: {figure: analysis.figure(SCENARIO, name, figure) for figure in FIGURES} for name in PAIR}
    return [summary(compare_orders(grid, http, [aa_pair_of(analysis, SCENARIO, figure) for figure in FIGURES]))]


def depends_on(analysis: Analysis) -> str:
    """The factors on which the answer depends, as far as the grid varied them, and the validation over HTTP."""
    return " ".join([factors.depends_on(analysis), *over_http(analysis)])


def experiment_sections(analysis: Analysis) -> list[ExperimentSection]:
    """Every experiment of the run; the one over HTTP includes the comparison with the grid."""
    return [
        with_comparison(section, analysis) if section.info.name == NAME else section
        for section in sections(analysis.run)
    ]


def with_comparison(section: ExperimentSection, analysis: Analysis) -> ExperimentSection:
    """The section with the comparison appended to its answer."""
    if section.findings is None:
        return section
    text = " ".join(over_http(analysis)) or f"The grid has no results for {SCENARIO}, so the orders are not compared."
    return replace(section, findings=replace(section.findings, answer=f"{section.findings.answer} {text}"))
