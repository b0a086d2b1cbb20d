"""The measured effect of a pick, in words and as numbers for an interval bar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.analysis.rows import Floats
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import Effect
from stampede.reports.recommend.rule import number_texts
from stampede.reports.recommend.rule.pick import Candidates, centre, common_rounds
from stampede.reports.recommend.rule.questions import Question
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import MIN_ROUNDS

NOUNS = {
    "read-p50": "median read",
    "loads-per-1000-reads": "queries per 1,000 reads",
    "loads-per-expiry": "queries per expiry",
    "misses-per-1000-reads": "misses per 1,000 reads",
    "misses-per-ttl": "misses per expiry",
    "waiting-p50": "wait of waiting readers",
    "hit-p50": "median hit",
    "miss-p50": "median miss",
    "write-p50": "median write",
}
"""The names of metrics in a sentence."""
BRIEF_NOUNS = {"loads-per-1000-reads": "queries"}
"""Shorter names, for a second metric after the one that decides."""
LONGEST = 110
"""The longest text of an effect."""


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
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", number_texts.MINUS)


def effect_of(figures: FigureSet, question: Question, candidates: Candidates) -> Effect | None:
    """The pick against the simplest candidate; if it is the simplest, the best other against it. None: no other ran."""
    if len(candidates.names) == 1:
        return None
    simplest = candidates.names[0]
    other = candidates.names[candidates.pick or best_other(candidates)]
    effect = paired_effect(figures, question.scenario, question.metric, other, simplest)
    if candidates.pick:
        also = [brief_change(figures, question.scenario, name, other, simplest) for name in question.also]
        text = shortest_enough(effect.text, [c for c in also if c], f", compared with {simplest}")
    else:
        sentence = question.no_better.format(share=f"{100 * candidates.required.share:.0f} %")
        beyond = effect.change < -candidates.required.share and candidates.rounds >= MIN_ROUNDS
        text = f"{sentence} (best: {other}, {signless(effect)}{', not significant' if beyond else ''})"
    return replace(effect, text=text)


def shortest_enough(first: str, also: Sequence[tuple[str, str]], end: str) -> str:
    """The first text with the others, each as (with interval, without it), as far as LONGEST allows with the end."""
    for more in ([long for long, _ in also], [short for _, short in also]):
        text = "; ".join([first, *more]) + end
        if len(text) <= LONGEST:
            return text
    return first + end


def best_other(candidates: Candidates) -> int:
    """The candidate with the largest decrease against the simplest, paired by round, as for every other effect."""
    values = candidates.values
    each = range(1, len(candidates.names))
    simplest = float(np.median(values[0]))
    changes = [(change_of(values[[i, 0]]) or change_by_difference(values[[i, 0]], simplest)).share for i in each]
    return 1 + int(np.argmin(np.nan_to_num(changes, nan=np.inf)))


def level(figures: FigureSet, scenario: str, contender: str, metric: str) -> float:
    """The level that the tables print for a contender; without one, the median over the rounds."""
    figure = figures.figure(scenario, contender, metric)
    if not figure.missing:
        return figure.value
    known = [v for v in figures.round_values(scenario, contender, metric).values() if math.isfinite(v)]
    return formatting.middle(known) if known else math.nan


def paired_effect(figures: FigureSet, scenario: str, name: str, mine: str, other: str) -> Effect:
    """One contender against another by one metric: "90 % (88 – 92) fewer queries per expiry: 1.00 instead of 10.5".

    The change and its interval are paired by round; the levels are those of the tables.
    """
    metric = find_metric(name)
    noun = NOUNS.get(name, formatting.label(metric))
    values = common_rounds([dict(figures.round_values(scenario, who, name)) for who in (mine, other)])
    if not values.size:
        return Effect(text=f"{noun}: not estimated", against=other, change=math.nan, low=math.nan, high=math.nan)
    here, there = (level(figures, scenario, who, name) for who in (mine, other))
    levels = number_texts.instead(here, there, metric.unit)
    change = change_of(values)
    if change is None:
        change = change_by_difference(values, there)
        text = f"{levels} {noun}{difference(values, metric)}"
    else:
        text = f"{change.size.replace(' %', f' % {direction(metric, change)} {noun}', 1)}: {levels}"
    return Effect(text=text, against=other, change=change.share, low=change.low, high=change.high)


def direction(metric: Metric, change: RelativeChange) -> str:
    """The word for a decrease or an increase of a time or a count."""
    if change.share <= 0:
        return "shorter" if metric.unit else "fewer"
    return "longer" if metric.unit else "more"


def brief_change(figures: FigureSet, scenario: str, name: str, mine: str, other: str) -> tuple[str, str] | tuple[()]:
    """The change without the levels, and without the interval too: "88 % fewer queries"; empty if there is no ratio."""
    values = common_rounds([dict(figures.round_values(scenario, who, name)) for who in (mine, other)])
    change = change_of(values) if values.size else None
    if change is None:
        return ()
    metric = find_metric(name)
    what = f"{direction(metric, change)} {BRIEF_NOUNS.get(name) or NOUNS.get(name, formatting.label(metric))}"
    return f"{change.size} {what}", f"{percent(abs(change.share))} % {what}"


def signless(effect: Effect) -> str:
    """The size of a change with its interval: "7.3 % less (6.3 – 8.2)"; "not estimated" without one."""
    if math.isnan(effect.change):
        return "not estimated"
    size = RelativeChange(share=effect.change, low=effect.low, high=effect.high).size
    return size.replace(" %", " % less" if effect.change < 0 else " % more", 1)


def change_of(values: Floats) -> RelativeChange | None:
    """The change from the second row of round values to the first; None if a value is zero."""
    if not np.all(values > 0):
        return None
    ratio = compare(list(values[0]), list(values[1])).ratio
    if ratio is None:
        return RelativeChange(share=float(np.expm1(centre(np.log(values[0]) - np.log(values[1]))[0])))
    return RelativeChange(share=ratio.estimate - 1, low=ratio.low - 1, high=ratio.high - 1)


def change_by_difference(values: Floats, there: float) -> RelativeChange:
    """The change where a round has a zero: the paired difference as a share of the other's level; nan if that is 0.

    A contender with zero in every round has a change of −100 %.
    """
    shift = compare(list(values[0]), list(values[1])).difference
    if not there > 0:
        return RelativeChange(share=math.nan)
    if shift is None:
        return RelativeChange(share=max(float(centre(values[0] - values[1])[0]) / there, -1.0))
    share, low, high = (max(bound / there, -1.0) for bound in (shift.estimate, shift.low, shift.high))
    return RelativeChange(share=share if values[0].any() else -1.0, low=low, high=high)


def difference(values: Floats, metric: Metric) -> str:
    """The interval of the paired difference: " (14.7 – 25.0 fewer)"; empty with fewer than MIN_ROUNDS rounds."""
    shift = compare(list(values[0]), list(values[1])).difference
    if shift is None or shift.rounds < MIN_ROUNDS:
        return ""
    unit = f"{metric.unit} " if metric.unit else ""
    less, more = ("shorter", "longer") if metric.unit else ("fewer", "more")
    if shift.high <= 0:
        return number_texts.between(-shift.high, -shift.low, f"{unit}{less}")
    return number_texts.between(shift.low, shift.high, f"{unit}{more}")
