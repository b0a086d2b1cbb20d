"""Regressions: whether a figure of a run is worse than that of its base by more than is allowed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stampede.reports.compare.compare_runs import RunPair, rounds_of
from stampede.reports.compare.guarantee_changes import GateFinding, Ruling
from stampede.reports.compare.thresholds import Thresholds
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.statistics.comparison import Comparison, compare_independent
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.power import rounds_needed
from stampede.reports.statistics.rank_tests import Shift, holm, one_sided_p

CHANCE = 0.025
"""The probability of a false failure in a whole gate whose figures lie exactly at the limit: Holm, one-sided."""


@dataclass(frozen=True, kw_only=True)
class Worse:
    """A figure's finding, and the probability of such rounds if it were worse by exactly the allowed share."""

    finding: GateFinding
    p: float = 1.0


def of_regressions(both: RunPair, thresholds: Thresholds) -> list[GateFinding]:
    """Each contender's figures against the base's.

    A figure beyond its limit fails only if it stays so after Holm's correction over all figures: one of forty would
    exceed its limit by chance.
    """
    found = [
        worse
        for scenario in both.scenarios
        for c in both.contenders(scenario)
        if c.kind == "contender"
        for metric in thresholds.metrics
        if not (metric.name == "loads-per-1000-reads" and hot(both, scenario, c.name))  # loads per expiry replace them
        if (worse := of_regression(both, scenario, c.name, metric, *thresholds.allowed(metric.name))) is not None
    ]
    judged = [i for i, worse in enumerate(found) if worse.p < 1]
    adjusted = dict(zip(judged, holm([found[i].p for i in judged]), strict=True))
    return [in_the_family(worse.finding, adjusted.get(i, 1.0)) for i, worse in enumerate(found)]


def in_the_family(finding: GateFinding, p: float) -> GateFinding:
    """The finding after Holm's correction: a failure whose corrected p is too large cannot tell."""
    if finding.ruling != "fail" or p <= CHANCE:
        return finding
    corrected = "worse on its own, but not after Holm's correction over all figures: more rounds would decide"
    what = f"{finding.what}; {corrected}"
    return replace(finding, ruling="cannot tell", what=what)


def hot(both: RunPair, scenario: str, contender: str) -> bool:
    """Whether the base has loads per expiry for this contender: the scenario has one hot key."""
    return any(not math.isnan(v) for v in rounds_of(both.a, scenario, contender, find_metric("loads-per-expiry")))


def of_regression(
    both: RunPair, scenario: str, contender: str, metric: Metric, most: float, why: str = ""
) -> Worse | None:
    """The finding for one figure; None if neither run has it.

    The metric's resolution is added to both sides of the ratio: a difference below it cannot fail, and the base may be
    zero.
    """
    sides = [rounds_of(analysis, scenario, contender, metric) for analysis in (both.b, both.a)]
    known = [[v for v in side if not math.isnan(v)] for side in sides]
    rule = f"{scenario}, {contender}: {formatting.label(metric)} at most {100 * most:g} % {worse(metric)} than the base"
    rule += f" ({why})" if why else ""

    def finding(ruling: Ruling, what: str, p: float = 1.0) -> Worse:
        return Worse(finding=GateFinding(ruling=ruling, rule=rule, what=what), p=p)

    if not any(known):
        return None
    if not all(known):
        return finding("cannot tell", "only one of the runs has it")
    if known[0] == known[1]:
        return finding("pass", "the same in every round of both runs")
    if any(math.isinf(v) for side in known for v in side):
        return finding("cannot tell", "beyond the deadline D in some rounds")
    shifted = [[v + metric.resolution for v in side] for side in known]
    comparison = compare_independent(*shifted)
    if comparison.rounds < MIN_ROUNDS:
        return finding("cannot tell", f"{comparison.rounds} rounds, {MIN_ROUNDS} wanted in both runs")
    medians = " against ".join(formatting.figure(formatting.middle(side), metric) for side in known)
    p = p_at_limit(shifted, metric, most, comparison)
    if comparison.ratio is None:
        assert comparison.difference is not None
        room = most * abs(formatting.middle(known[1]))
        return finding(*of_difference(comparison.difference, metric, room, medians), p)
    return finding(*of_ratio(comparison, comparison.ratio, metric, most, medians), p)


def p_at_limit(shifted: Sequence[Sequence[float]], metric: Metric, most: float, comparison: Comparison) -> float:
    """The one-sided probability of rounds that differ this much, if the run were worse by exactly the allowed share."""
    sign = 1 if metric.better == "lower" else -1
    if comparison.ratio is None:
        room = most * abs(formatting.middle(shifted[1]))
        run, base = ([sign * v for v in side] for side in shifted)
    else:
        room = math.log1p(most)
        run, base = ([sign * math.log(v) for v in side] for side in shifted)
    return one_sided_p([v - room for v in run], base)


def of_difference(test: Shift, metric: Metric, room: float, medians: str) -> tuple[Ruling, str]:
    """The ruling by the difference, if a zero among the values leaves no ratio. `room`: the allowed difference."""
    sign = 1 if metric.better == "lower" else -1
    low, high = sorted((sign * test.low, sign * test.high))
    ruling: Ruling = "fail" if low > room else "pass" if high <= room else "cannot tell"
    return ruling, f"{medians}, difference {test.low:+.3g} to {test.high:+.3g}"


def of_ratio(comparison: Comparison, ratio: Shift, metric: Metric, most: float, medians: str) -> tuple[Ruling, str]:
    """The ruling by the ratio."""
    low, high = ratio.low, ratio.high
    if metric.better == "higher":
        low, high = 1 / high, 1 / low
    ruling: Ruling = "fail" if low > 1 + most else "pass" if high <= 1 + most else "cannot tell"
    room = math.log1p(most) - math.log(ratio.estimate) * (1 if metric.better == "lower" else -1)
    wanted = rounds_needed(comparison.spread, room)
    more = f"; about {wanted:.0f} rounds in both runs would decide" if wanted <= formatting.MANY_ROUNDS else ""
    interval = f"{formatting.number(ratio.low)} – {formatting.number(ratio.high)}, {100 * ratio.level:.1f} % interval"
    what = f"{medians}: × {formatting.number(ratio.estimate)} ({interval})"
    return ruling, f"{what}{more if ruling == 'cannot tell' else ''}"


def worse(metric: Metric) -> str:
    """The word for the bad direction of a metric."""
    return "more" if metric.better == "lower" else "less"
