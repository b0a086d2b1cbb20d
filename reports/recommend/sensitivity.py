"""The sensitivity of a recommendation: what would have to change for another one."""

import math

from stampede.reports.analysis.aa_pair import aa_pair_of
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.recommend.eligibility import eligible
from stampede.reports.recommend.selection import LEAST_COST_RATIO, Choice, select
from stampede.reports.recommend.use_cases import UseCase
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.run_folder.races_json import RacesInfo
from stampede.run_folder.schema import ScenarioInfo


def sensitivity(
    figures: FigureSet,
    scenario: ScenarioInfo,
    use_case: UseCase,
    metric: Metric,
    choice: Choice,
    races: RacesInfo | None,
) -> str:
    """The sentences of "changes it": which figure would have to change, and by how much, for another recommendation."""
    ignored = aa_pair_of(figures, scenario.name, metric.name).ignored
    deciding = find_metric(use_case.second) if choice.by_second else metric
    by_figure = if_copies_agreed(metric) if ignored and choice.tied else if_figure_changed(choice, deciding)
    parts = [by_figure, *without_requirements(figures, scenario, use_case, metric, choice, races)]
    if metric.name == "loads-per-expiry" and choice.taken is not None and not choice.seen_only:
        parts.append(by_arithmetic(scenario, choice.taken.name))
    return " ".join(part for part in parts if part)


def if_copies_agreed(metric: Metric) -> str:
    """The sentence for a metric that is ignored because the A/A copies differ."""
    return f"A quieter machine, on which two copies of one contender do not differ in {formatting.label(metric)}."


def if_figure_changed(choice: Choice, metric: Metric) -> str:
    """The figure at which the next contender would be taken, and the growth at which the intervals touch."""
    taken, following, pair = choice.taken, choice.next, choice.deciding_pair
    if taken is None or following is None or pair is None:
        return ""
    label = formatting.label(metric)
    if choice.seen_only:
        return f"{MIN_ROUNDS} rounds or more: with fewer, the order can change."
    mine, its = pair
    if choice.tied:
        low, high = max(mine.low, its.low), min(mine.high, its.high)
        shared = f" (both could be {span(low, high)})" if low <= high else ""
        return f"More rounds, if narrower intervals distinguish {taken.name} from {following.name}{shared}."
    text = f"If {taken.name}'s {label} reached {formatting.with_unit(its.value, metric.unit)}"
    if choice.switch_ratio is not None:
        text += f" ({growth(choice.switch_ratio)})"
    text += f", it would be {following.name}"
    if choice.overlap_ratio is not None and choice.overlap_ratio > 1:
        text += f"; from {growth(choice.overlap_ratio)} on, the intervals overlap"
    return f"{text}."


def growth(ratio: float) -> str:
    """A ratio as text: "7 % more", "10.1 times as much"."""
    return f"{100 * (ratio - 1):.0f} % more" if ratio < 2 else f"{formatting.number(ratio)} times as much"


def span(low: float, high: float) -> str:
    """A range as text: "1.2 to 3.4", or one number if both are printed alike."""
    low_text, high_text = formatting.number(low), formatting.number(high)
    return low_text if low_text == high_text else f"{low_text} to {high_text}"


def without_requirements(
    figures: FigureSet,
    scenario: ScenarioInfo,
    use_case: UseCase,
    metric: Metric,
    choice: Choice,
    races: RacesInfo | None,
) -> list[str]:
    """For each requirement that changes the recommendation: the contender that would be taken without it."""
    sentences = []
    for requirement in use_case.requirements:
        rest = [other for other in use_case.requirements if other is not requirement]
        contenders = eligible(figures, scenario, rest, races).contenders
        without = select(figures, scenario.name, metric, contenders, second=use_case.second, estimated_only=True)
        if without.taken is None or choice.taken is None or without.taken.name == choice.taken.name:
            continue
        name = without.taken.name
        same = any(c.name == choice.taken.name for c in without.tied)
        verdict = f"{name} could be taken as well" if same else f"it would be {name}"
        estimate = formatting.format_estimate(without.taken.figure, metric)
        sentences.append(f"If it need not hold that {requirement.text}: {verdict} ({estimate}).")
    return sentences


def by_arithmetic(scenario: ScenarioInfo, taken: str) -> str:
    """The load time and the rate below which protection is not worthwhile, by arithmetic."""
    rate, most = scenario.workload["rate_per_s"] * scenario.workload["read_share"], LEAST_COST_RATIO - 1
    load_ms = scenario.measured.get("load_ms", math.nan)
    if taken == "no-cache" or math.isnan(load_ms) or rate * load_ms / 1e3 <= most:
        return ""
    least_ms, least_per_s = formatting.number(1e3 * most / rate), formatting.number(1e3 * most / load_ms)
    return (
        f"If a load takes less than {least_ms} ms, or the key gets fewer than {least_per_s} reads/s, an unprotected "
        f"expiry costs fewer than {LEAST_COST_RATIO:g} loads (arithmetic, not measured), and cache-aside is enough."
    )
