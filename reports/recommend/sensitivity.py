"""What would have to change for another recommendation."""

import math

from stampede.reports.analysis.aa_pair import twins_of
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
    """Which figure would have to change, and by how much, for another recommendation."""
    ignored = twins_of(figures, scenario.name, metric.name).silent
    deciding = find_metric(use_case.second) if choice.by_second else metric
    by_figure = if_copies_agreed(metric) if ignored and choice.tied else if_figure_changed(choice, deciding)
    parts = [by_figure, *without_requirements(figures, scenario, use_case, metric, choice, races)]
    if metric.name == "loads-per-expiry" and choice.taken is not None and not choice.seen_only:
        parts.append(by_arithmetic(scenario, choice.taken.name))
    return " ".join(part for part in parts if part)


def if_copies_agreed(metric: Metric) -> str:
    """The sentence for a metric that is ignored because the A/A copies differ."""
    return f"A quieter machine, if {formatting.label(metric)} then no longer parts two copies of one contender."


def if_figure_changed(choice: Choice, metric: Metric) -> str:
    """The figure at which the next contender would be taken, and the one at which the intervals touch."""
    taken, following, pair = choice.taken, choice.next, choice.deciding_pair
    if taken is None or following is None or pair is None:
        return ""
    label = formatting.label(metric)
    if choice.seen_only:
        return f"{MIN_ROUNDS} rounds or more: figures of so few may turn."
    mine, its = pair
    if choice.tied:
        low, high = max(mine.low, its.low), min(mine.high, its.high)
        shared = f" (both could be {span(low, high)})" if low <= high else ""
        return f"More rounds, if narrower intervals part {taken.name} from {following.name}{shared}."
    text = f"If {taken.name}'s {label} reached {formatting.with_unit(its.value, metric.unit)}"
    if choice.switch_ratio is not None:
        text += f" ({growth(choice.switch_ratio)})"
    text += f", it would be {following.name}"
    if choice.overlap_ratio is not None and choice.overlap_ratio > 1:
        text += f"; from {growth(choice.overlap_ratio)} on nobody could tell"
    return f"{text}."


def growth(ratio: float) -> str:
    """ "7 % more", "10.1 times as much"."""
    return f"{100 * (ratio - 1):.0f} % more" if ratio < 2 else f"{formatting.number(ratio)} times as much"


def span(low: float, high: float) -> str:
    """ "1.2 to 3.4", or one number where both are printed alike."""
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
    """For each requirement: which contender would be taken without it, where that is another."""
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
        sentences.append(f"If it need not hold that {requirement.says}: {verdict} ({estimate}).")
    return sentences


def by_arithmetic(scenario: ScenarioInfo, taken: str) -> str:
    """From which load time on protection is worth while at this rate."""
    rate, most = scenario.workload["rate_per_s"] * scenario.workload["read_share"], LEAST_COST_RATIO - 1
    load_ms = scenario.measured.get("load_ms", math.nan)
    if taken == "no-cache" or math.isnan(load_ms) or rate * load_ms / 1e3 <= most:
        return ""
    return (
        f"With loads below {formatting.number(1e3 * most / rate)} ms, or below {formatting.number(1e3 * most / load_ms)} reads/s "
        f"of the key, an unprotected expiry costs less than {LEAST_COST_RATIO:g} loads (arithmetic, not measured): "
        "then cache-aside would do."
    )
