"""Compares the figures of a run with those of its base: whether one is worse by more than is allowed."""

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
from stampede.reports.statistics.rank_tests import Shift, chance_of_less, holm

CHANCE = 0.025
"""Of one false failure in a whole gate at the very limit: Holm over all its figures, one-sided."""


@dataclass(frozen=True, kw_only=True)
class Worse:
    """A figure's finding, and the chance of such rounds if it were no more than the allowed share worse."""

    finding: GateFinding
    p: float = 1.0


def of_regressions(both: RunPair, thresholds: Thresholds) -> list[GateFinding]:
    """Each contender's figures against the base's.

    What lies beyond its limit by itself fails only where it does so among all figures that are judged: one of forty
    would by luck.
    """
    found = [
        worse
        for scenario in both.scenarios
        for c in both.contenders(scenario)
        if c.kind == "contender"
        for metric in thresholds.metrics
        if not (metric.name == "loads-per-1000-reads" and hot(both, scenario, c.name))  # loads per expiry say it better
        if (worse := of_regression(both, scenario, c.name, metric, *thresholds.allowed(metric.name))) is not None
    ]
    judged = [i for i, worse in enumerate(found) if worse.p < 1]
    adjusted = dict(zip(judged, holm([found[i].p for i in judged]), strict=True))
    return [in_the_family(worse.finding, adjusted.get(i, 1.0)) for i, worse in enumerate(found)]


def in_the_family(finding: GateFinding, p: float) -> GateFinding:
    if finding.ruling != "fail" or p <= CHANCE:
        return finding
    corrected = "worse on its own, but not after Holm's correction over all figures: more rounds would decide"
    what = f"{finding.what}; {corrected}"
    return replace(finding, ruling="cannot tell", what=what)


def hot(both: RunPair, scenario: str, contender: str) -> bool:
    return any(not math.isnan(v) for v in rounds_of(both.a, scenario, contender, find_metric("loads-per-expiry")))


def of_regression(
    both: RunPair, scenario: str, contender: str, metric: Metric, most: float, why: str = ""
) -> Worse | None:
    """None where neither run has the figure. The metric's resolution is added to both sides of the ratio, so that what
    matters to nobody cannot fail, and a zero in the base can be a base."""
    sides = [rounds_of(j, scenario, contender, metric) for j in (both.b, both.a)]
    known = [[v for v in side if not math.isnan(v)] for side in sides]
    rule = f"{scenario}, {contender}: {formatting.label(metric)} at most {100 * most:g} % {worse(metric)} than the base"
    rule += f" ({why})" if why else ""

    def ruled(ruling: Ruling, what: str, p: float = 1.0) -> Worse:
        return Worse(finding=GateFinding(ruling=ruling, rule=rule, what=what), p=p)

    if not any(known):
        return None
    if not all(known):
        return ruled("cannot tell", "only one of the runs has it")
    if known[0] == known[1]:
        return ruled("pass", "the same in every round of both")
    if any(math.isinf(v) for side in known for v in side):
        return ruled("cannot tell", "beyond the deadline D in some rounds")
    shifted = [[v + metric.resolution for v in side] for side in known]
    comparison = compare_independent(*shifted)
    if comparison.rounds < MIN_ROUNDS:
        return ruled("cannot tell", f"{comparison.rounds} rounds, {MIN_ROUNDS} wanted on both sides")
    said = " against ".join(formatting.figure(formatting.middle(side), metric) for side in known)
    p = chance(shifted, metric, most, comparison)
    if comparison.ratio is None:
        assert comparison.difference is not None
        return ruled(*of_difference(comparison.difference, metric, most * abs(formatting.middle(known[1])), said), p)
    return ruled(*of_ratio(comparison, comparison.ratio, metric, most, said), p)


def chance(shifted: Sequence[Sequence[float]], metric: Metric, most: float, comparison: Comparison) -> float:
    """One-sided: how likely rounds so far apart are, were the run worse by exactly the allowed share."""
    sign = 1 if metric.better == "lower" else -1
    if comparison.ratio is None:
        room = most * abs(formatting.middle(shifted[1]))
        run, base = ([sign * v for v in side] for side in shifted)
    else:
        room = math.log1p(most)
        run, base = ([sign * math.log(v) for v in side] for side in shifted)
    return chance_of_less([v - room for v in run], base)


def of_difference(test: Shift, metric: Metric, room: float, said: str) -> tuple[Ruling, str]:
    """Where a zero among the values leaves no ratio. `room`: the allowed share of the base's median."""
    sign = 1 if metric.better == "lower" else -1
    low, high = sorted((sign * test.low, sign * test.high))
    ruling: Ruling = "fail" if low > room else "pass" if high <= room else "cannot tell"
    return ruling, f"{said}, difference {test.low:+.3g} to {test.high:+.3g}"


def of_ratio(comparison: Comparison, ratio: Shift, metric: Metric, most: float, said: str) -> tuple[Ruling, str]:
    low, high = ratio.low, ratio.high
    if metric.better == "higher":
        low, high = 1 / high, 1 / low
    ruling: Ruling = "fail" if low > 1 + most else "pass" if high <= 1 + most else "cannot tell"
    room = math.log1p(most) - math.log(ratio.estimate) * (1 if metric.better == "lower" else -1)
    wanted = rounds_needed(comparison.spread, room)
    more = f"; about {wanted:.0f} rounds on both sides would do" if wanted <= formatting.MANY_ROUNDS else ""
    what = (
        f"{said}: × {formatting.number(ratio.estimate)} ({formatting.number(ratio.low)} – {formatting.number(ratio.high)}, "
        f"{100 * ratio.level:.1f} % interval){more if ruling == 'cannot tell' else ''}"
    )
    return ruling, what


def worse(metric: Metric) -> str:
    return "more" if metric.better == "lower" else "less"
