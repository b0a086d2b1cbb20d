"""Whether what the grid found holds over HTTP, on the real threads of a web server. Pure, over figures and intervals.

By a figure the order is the same where the pair is told apart in both places, and alike; it turns where they are told
apart the other way round; else nobody can tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stampede.reports.analysis.aa_pair import AAPair, twins_of
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.recommend import factors
from stampede.reports.recommend.factors import order
from stampede.reports.recommend.headline import Answer
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.experiments.experiments_section import ExperimentSection, sections
from stampede.reports.topics.experiments.over_http_section import FIGURES, NAME, PAIR, SCENARIO, figures, served


@dataclass(frozen=True, kw_only=True)
class OrderComparison:
    """How the first of the pair stands to the second by one figure: -1 below, 1 above, 0 not told apart."""

    figure: str
    in_grid: int
    over_http: int

    @property
    def turns(self) -> bool:
        return self.in_grid * self.over_http < 0

    @property
    def kept(self) -> bool:
        return self.in_grid * self.over_http > 0


Figures = Mapping[str, Mapping[str, Estimate]]
"""By contender and metric."""


def places(grid: Figures, http: Figures, twins: Sequence[AAPair]) -> list[OrderComparison]:
    """By each figure, given with the grid's two copies of one contender; over HTTP none has a copy."""
    found = []
    for own in twins:
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


def told(found: Sequence[OrderComparison]) -> str:
    """Same, turns, or cannot tell: in words."""
    first, second = PAIR
    pair = f"{first} and {second} in {SCENARIO}"
    turned = [p for p in found if p.turns]
    kept = [p.figure for p in found if p.kept]
    if turned:
        parts = []
        for p in turned:
            ahead, behind = (first, second) if p.in_grid < 0 else (second, first)
            parts.append(f"{p.figure}: {ahead} before {behind} in the grid, behind it over HTTP")
        return f"The order of {pair} turns over HTTP with real threads: {'; '.join(parts)}."
    if kept:
        return f"The same order over HTTP with real threads ({pair}, by {formatting.listed(kept)})."
    return f"HTTP with real threads: cannot tell whether the order of {pair} holds, no figure tells them apart in both."


def over_http(analysis: Analysis) -> list[str]:
    """In a sentence, where a run measured it and its scenario; else nothing."""
    done = {info.name for info in analysis.run.info.experiments if info.status == "done"}
    if NAME not in done or not all(analysis.of(SCENARIO, contender) for contender in PAIR):
        return []
    http = {name: figures(rounds) for name, rounds in served(analysis.run.experiment(NAME)).items()}
    if not all(contender in http for contender in PAIR):
        return []
    grid = {name: {figure: analysis.figure(SCENARIO, name, figure) for figure in FIGURES} for name in PAIR}
    return [told(places(grid, http, [twins_of(analysis, SCENARIO, figure) for figure in FIGURES]))]


def depends_on(found: Sequence[Answer], analysis: Analysis) -> str:
    """What the answer depends on as far as the grid varied it, and over HTTP."""
    return " ".join([factors.depends_on(found, analysis), *over_http(analysis)])


def sections_beside(analysis: Analysis) -> list[ExperimentSection]:
    """Every experiment of the run; that over HTTP says how it stands to the grid."""
    return [beside(section, analysis) if section.info.name == NAME else section for section in sections(analysis.run)]


def beside(section: ExperimentSection, analysis: Analysis) -> ExperimentSection:
    if section.findings is None:
        return section
    says = (
        " ".join(over_http(analysis)) or f"The grid's {SCENARIO} did not run beside it: their orders are not compared."
    )
    return replace(section, findings=replace(section.findings, answer=f"{section.findings.answer} {says}"))
