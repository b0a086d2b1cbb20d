"""What would have to change for another answer."""

import math

from artefact.races import RacesInfo
from artefact.schema import ScenarioInfo
from reports import words
from reports.advice.able import able, chosen
from reports.advice.choice import Choice
from reports.advice.situations import Situation
from reports.answer import WORTH_SAYING, says
from reports.judge import Judgement
from reports.metrics.metric import Metric, find_metric
from reports.statistics.estimate import MIN_ROUNDS
from reports.twins import twins_of


def changes(
    judgement: Judgement,
    scenario: ScenarioInfo,
    situation: Situation,
    metric: Metric,
    choice: Choice,
    races: RacesInfo | None,
) -> str:
    """Which figure would have to change, by how much, for another answer."""
    silent = twins_of(judgement, scenario.name, metric.name).silent
    second = find_metric(situation.second) if choice.by_second else metric
    figure = by_twins(metric) if silent and choice.tied else by_figure(choice, second)
    parts = [figure, *by_need(judgement, scenario, situation, metric, choice, races)]
    if metric.name == "loads-per-expiry" and choice.taken is not None and not choice.seen_only:
        parts.append(by_arithmetic(scenario, choice.taken.name))
    return " ".join(part for part in parts if part)


def by_twins(metric: Metric) -> str:
    return f"A quieter machine, if {words.label(metric)} then no longer parts two copies of one contender."


def by_figure(choice: Choice, metric: Metric) -> str:
    taken, following, parted = choice.taken, choice.next, choice.parted
    if taken is None or following is None or parted is None:
        return ""
    label = words.label(metric)
    if choice.seen_only:
        return f"{MIN_ROUNDS} rounds or more: figures of so few may turn."
    mine, its = parted
    if choice.tied:
        low, high = max(mine.low, its.low), min(mine.high, its.high)
        shared = f" (both could be {span(low, high)})" if low <= high else ""
        return f"More rounds, if narrower intervals part {taken.name} from {following.name}{shared}."
    told = f"If {taken.name}'s {label} reached {words.with_unit(its.value, metric.unit)}"
    if choice.turns_at is not None:
        told += f" ({grown(choice.turns_at)})"
    told += f", it would be {following.name}"
    if choice.touches_at is not None and choice.touches_at > 1:
        told += f"; from {grown(choice.touches_at)} on nobody could tell"
    return f"{told}."


def grown(ratio: float) -> str:
    """ "7 % more", "10.1 times as much"."""
    return f"{100 * (ratio - 1):.0f} % more" if ratio < 2 else f"{words.number(ratio)} times as much"


def span(low: float, high: float) -> str:
    return (
        words.number(low) if words.number(low) == words.number(high) else f"{words.number(low)} to {words.number(high)}"
    )


def by_need(
    judgement: Judgement,
    scenario: ScenarioInfo,
    situation: Situation,
    metric: Metric,
    choice: Choice,
    races: RacesInfo | None,
) -> list[str]:
    """Each need taken away once: who would be taken then."""
    told = []
    for need in situation.needs:
        rest = [n for n in situation.needs if n is not need]
        without = chosen(judgement, scenario.name, situation, metric, able(judgement, scenario, rest, races).who)
        if without.taken is None or choice.taken is None or without.taken.name == choice.taken.name:
            continue
        name = without.taken.name
        same = any(c.name == choice.taken.name for c in without.tied)
        verdict = f"{name} could be taken as well" if same else f"it would be {name}"
        told.append(f"If it need not hold that {need.says}: {verdict} ({says(without.taken.figure, metric)}).")
    return told


def by_arithmetic(scenario: ScenarioInfo, taken: str) -> str:
    """From which load time on protection is worth while at this rate."""
    rate, most = scenario.workload["rate_per_s"] * scenario.workload["read_share"], WORTH_SAYING - 1
    load_ms = scenario.measured.get("load_ms", math.nan)
    if taken == "no-cache" or math.isnan(load_ms) or rate * load_ms / 1e3 <= most:
        return ""
    return (
        f"With loads below {words.number(1e3 * most / rate)} ms, or below {words.number(1e3 * most / load_ms)} reads/s "
        f"of the key, an unprotected expiry costs less than {WORTH_SAYING:g} loads (arithmetic, not measured): then "
        "cache-aside would do."
    )
