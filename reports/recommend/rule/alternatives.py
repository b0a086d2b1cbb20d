"""The best significant alternative to a pick: what it buys, and what it costs."""

from collections.abc import Sequence

import numpy as np

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import find_metric
from stampede.reports.recommend.rule.effects import paired_effect
from stampede.reports.recommend.rule.pick import LEAST_EFFECT, Candidates, common_rounds
from stampede.reports.recommend.rule.prices import prices_of
from stampede.reports.recommend.rule.questions import Question
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL
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
    for i in candidates.tied:
        if buys := shorter_wait(figures, question.scenario, ranked[i].name, pick.name):
            return f"{ranked[i].name}: {buys}, compared with {pick.name}; {cost_of(figures, scenario, ranked[i], pick)}"
    return ""


def lower(candidates: Candidates, i: int) -> bool:
    """Whether the estimate of candidate i lies below that of the pick."""
    return bool(candidates.shifts(i, candidates.pick, np.arange(candidates.rounds)[None])[0] < 0)


def shorter_wait(figures: FigureSet, scenario: str, name: str, pick: str) -> str:
    """The first of SHORTER_WAITS by which a contender is significantly better than the pick, as an effect; or empty."""
    for metric in SHORTER_WAITS:
        values = common_rounds([dict(figures.round_values(scenario, who, metric)) for who in (name, pick)])
        if values.shape[1] < MIN_ROUNDS:
            continue
        shift = compare(list(values[0]), list(values[1]))
        if shift.ratio is None or shift.difference is None or shift.p > 1 - PAIRED_LEVEL:
            continue
        large = -shift.difference.estimate > find_metric(metric).resolution
        if large and shift.ratio.estimate < 1 - LEAST_EFFECT:
            return paired_effect(figures, scenario, metric, name, pick).text
    return ""


def cost_of(figures: FigureSet, scenario: ScenarioInfo, other: ContenderInfo, pick: ContenderInfo) -> str:
    """What an alternative costs, compared with the pick: the two largest measured prices."""
    prices = prices_of(figures, scenario, other, pick)
    measured = [price.text for price in prices if price.kind == "measured"][:2]
    return f"costs {' and '.join(measured)}" if measured else "no measurable extra cost"
