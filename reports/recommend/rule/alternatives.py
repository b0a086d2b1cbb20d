"""The best significant alternative to a pick: what it buys, and what it costs."""

from collections.abc import Sequence

import numpy as np

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import find_metric
from stampede.reports.recommend.rule.effects import paired_effect
from stampede.reports.recommend.rule.pick import LEAST_EFFECT, SIGNIFICANT, Candidates, common_rounds
from stampede.reports.recommend.rule.prices import NO_COST, prices_of
from stampede.reports.recommend.rule.questions import Question
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import holm
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

SHORTER_WAITS = ("waiting-p50", "hit-p50")
"""By what an alternative may be better if it is not better by the question's metric, first to last."""


def alternative_to(
    figures: FigureSet,
    question: Question,
    scenario: ScenarioInfo,
    candidates: Candidates,
    ranked: Sequence[ContenderInfo],
) -> str:
    """The best alternative in a phrase; empty if there is none.

    First: the candidate that is significantly better by the question's metric, by the most, although by less than the
    minimum. Else: the simplest tied candidate whose readers wait significantly less.
    """
    pick = ranked[candidates.pick]
    better = [i for i in candidates.tied if candidates.significant(i, candidates.pick) and lower(candidates, i)]
    if better:
        other = ranked[min(better, key=lambda i: float(np.median(candidates.values[i])))]
        buys = paired_effect(figures, question.scenario, question.metric, other.name, pick.name).text
        return f"{other.name}: {buys}, compared with {pick.name}; {cost_of(figures, scenario, other, pick)}"
    found = shorter_waits(figures, question.scenario, [ranked[i].name for i in candidates.tied], pick.name)
    for i in candidates.tied:
        if metric := found.get(ranked[i].name):
            buys = paired_effect(figures, question.scenario, metric, ranked[i].name, pick.name).text
            return f"{ranked[i].name}: {buys}, compared with {pick.name}; {cost_of(figures, scenario, ranked[i], pick)}"
    return ""


def lower(candidates: Candidates, i: int) -> bool:
    """Whether the estimate of candidate i lies below that of the pick."""
    return bool(candidates.shifts(i, candidates.pick, np.arange(candidates.rounds)[None])[0] < 0)


def shorter_waits(figures: FigureSet, scenario: str, names: Sequence[str], pick: str) -> dict[str, str]:
    """By name, the first of SHORTER_WAITS by which a contender is significantly better than the pick.

    Holm's correction covers all comparisons that are possible. A contender that is better by none is left out.
    """
    compared: dict[tuple[str, str], Comparison] = {}
    for name in names:
        for metric in SHORTER_WAITS:
            values = common_rounds([dict(figures.round_values(scenario, who, metric)) for who in (name, pick)])
            if values.shape[1] >= MIN_ROUNDS:
                compared[name, metric] = compare(list(values[0]), list(values[1]))
    found: dict[str, str] = {}
    adjusted = holm([comparison.p for comparison in compared.values()])
    for ((name, metric), comparison), p in zip(compared.items(), adjusted, strict=True):
        if p <= SIGNIFICANT and shortens(comparison, metric):
            found.setdefault(name, metric)
    return found


def shortens(comparison: Comparison, metric: str) -> bool:
    """Whether the estimate is a decrease of more than LEAST_EFFECT and more than the metric's resolution."""
    ratio, shift = comparison.ratio, comparison.difference
    if ratio is None or shift is None:
        return False
    return ratio.estimate < 1 - LEAST_EFFECT and -shift.estimate > find_metric(metric).resolution


def cost_of(figures: FigureSet, scenario: ScenarioInfo, other: ContenderInfo, pick: ContenderInfo) -> str:
    """What an alternative costs, compared with the pick: the two largest measured prices."""
    prices = prices_of(figures, scenario, other, pick)
    measured = [price.text for price in prices if price.kind == "measured"][:2]
    return f"costs {' and '.join(measured)}" if measured else NO_COST
