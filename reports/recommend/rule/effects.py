"""The measured effect of a pick, in words and as numbers for an interval bar."""

import math
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.analysis.rows import Floats
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import Effect
from stampede.reports.recommend.rule.pick import Candidates, centre, common_rounds
from stampede.reports.recommend.rule.questions import Question
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import MIN_ROUNDS

NOUNS = {
    "read-p50": "median read",
    "loads-per-1000-reads": "queries per 1,000 reads",
    "loads-per-expiry": "queries per expiry",
    "misses-per-1000-reads": "misses per 1,000 reads",
    "waiting-p50": "wait of waiting readers",
    "hit-p50": "median hit",
    "miss-p50": "median miss",
    "write-p50": "median write",
}
"""The names of metrics in a sentence."""


@dataclass(frozen=True, kw_only=True)
class RelativeChange:
    """A change as a share, with its interval: -0.25 is 25 % less. The bounds are nan with too few rounds."""

    share: float
    low: float = math.nan
    high: float = math.nan

    @property
    def size(self) -> str:
        """The size without its sign, with the interval: "25 % (20 – 30)"."""
        if math.isnan(self.low):
            return f"{percent(abs(self.share))} %"
        bounds = (self.low, self.high) if self.share > 0 else (-self.high, -self.low)
        digits = 1 if self.high - self.low < NARROW or bounds[1] > ALMOST_ALL else 0
        low, high = (percent(bound, digits) for bound in bounds)
        return f"{percent(abs(self.share), digits)} % ({low} – {high})"


NARROW = 0.02
"""An interval narrower than two points is printed with one decimal."""
ALMOST_ALL = 0.99
"""So is one that ends above 99 %."""


def percent(share: float, digits: int = 0) -> str:
    """A share in percent, without the sign %."""
    text = f"{100 * share:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def effect_of(figures: FigureSet, question: Question, candidates: Candidates) -> Effect | None:
    """The pick against the simplest candidate; if it is the simplest, the best other against it. None: no other ran."""
    if len(candidates.names) == 1:
        return None
    simplest = candidates.names[0]
    other = candidates.names[candidates.pick or best_other(candidates)]
    effect = paired_effect(figures, question.scenario, question.metric, other, simplest)
    also = [paired_effect(figures, question.scenario, name, other, simplest).text for name in question.also]
    text = f"{'; '.join([effect.text, *also])}, compared with {simplest}"
    if candidates.pick == 0:
        sentence = question.no_better.format(share=f"{100 * candidates.minimum.share:.0f} %")
        text = f"{sentence} (closest: {other}, {effect.text})"
    return Effect(text=text, against=simplest, change=effect.change, low=effect.low, high=effect.high)


def best_other(candidates: Candidates) -> int:
    """The candidate other than the simplest with the lowest median over the rounds."""
    return 1 + int(np.argmin(np.median(candidates.values[1:], axis=1)))


def paired_effect(figures: FigureSet, scenario: str, name: str, mine: str, other: str) -> Effect:
    """One contender against another by one metric: "90 % (88 – 92) fewer queries per expiry: 1.00 instead of 10.5"."""
    metric = find_metric(name)
    noun = NOUNS.get(name, formatting.label(metric))
    values = common_rounds([dict(figures.round_values(scenario, who, name)) for who in (mine, other)])
    if not values.size:
        return Effect(text=f"{noun}: not estimated", against=other, change=math.nan, low=math.nan, high=math.nan)
    here, there = (formatting.with_unit(float(np.median(row)), metric.unit) for row in values)
    change = change_of(values)
    if change is None:
        text = f"{here} instead of {there} {noun}{difference(values, metric)}"
        return Effect(text=text, against=other, change=math.nan, low=math.nan, high=math.nan)
    word = ("shorter" if metric.unit else "fewer") if change.share <= 0 else ("longer" if metric.unit else "more")
    text = f"{change.size.replace(' %', f' % {word} {noun}', 1)}: {here} instead of {there}"
    return Effect(text=text, against=other, change=change.share, low=change.low, high=change.high)


def change_of(values: Floats) -> RelativeChange | None:
    """The change from the second row of round values to the first; None if a value is zero."""
    if not np.all(values > 0):
        return None
    ratio = compare(list(values[0]), list(values[1])).ratio
    if ratio is None:
        return RelativeChange(share=float(np.expm1(centre(np.log(values[0]) - np.log(values[1]))[0])))
    return RelativeChange(share=ratio.estimate - 1, low=ratio.low - 1, high=ratio.high - 1)


def difference(values: Floats, metric: Metric) -> str:
    """The paired difference with its interval in parentheses; empty with fewer than MIN_ROUNDS rounds."""
    shift = compare(list(values[0]), list(values[1])).difference
    if shift is None or shift.rounds < MIN_ROUNDS:
        return ""
    low, high = (formatting.number(bound) for bound in (shift.low, shift.high))
    unit = f" {metric.unit}" if metric.unit else ""
    return f" ({shift.estimate:+.3g}{unit}, {low} – {high})"
