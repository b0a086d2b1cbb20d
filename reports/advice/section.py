"""The advice of a run: a situation each, what to take, why, at what cost, and what would change the answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from artefact.races import RacesInfo
from artefact.schema import ContenderInfo, ScenarioInfo
from reports import words
from reports.advice.choice import Candidate, Choice, choose
from reports.advice.needs import Need, Standing, standing, untried
from reports.advice.outage import survival
from reports.advice.situations import SITUATIONS, Situation
from reports.answer import WORTH_SAYING, answered_all, priced, says, waits
from reports.decision import outages_of
from reports.judge import Judgement
from reports.metrics.metric import Metric, find_metric
from reports.outage.outage import share_served
from reports.statistics import MIN_ROUNDS, noise_floor


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What the page says for one situation."""

    anchor: str
    says: str
    workload: str
    """In a line; the scenario first."""
    scenario: str
    taken: str | None
    sure: bool
    take: str
    """"Take X", "Cannot tell: X, Y", "As seen: X"."""
    because: str = ""
    costs: str = ""
    next: str = ""
    changes: str = ""
    out: str = ""
    """Who could not be taken, and why."""


def advice(judgement: Judgement, races: RacesInfo | None) -> list[Advice]:
    """One for each situation whose scenario this run has, and one for outages. Nothing in a run that is void."""
    if judgement.void:
        return []
    known = {s.name: s for s in judgement.scenarios}
    found = [advise(judgement, known[s.scenario], s, races) for s in SITUATIONS if s.scenario in known]
    through = survival(judgement)
    return [*found, *([Advice(**through)] if through else [])]


def advise(judgement: Judgement, scenario: ScenarioInfo, situation: Situation, races: RacesInfo | None) -> Advice:
    runners = [
        c
        for c in judgement.run.info.contenders
        if c.kind == "contender" and c.family == "caching" and judgement.of(scenario.name, c.name)
    ]
    stand = {c.name: standings(judgement, scenario, situation.needs, c, races) for c in runners}
    failed = {name: next((s.fails for s in found if s.fails), "") for name, found in stand.items()}
    failed |= {c.name: "left requests unanswered" for c in runners if not answered_all(judgement, scenario.name, c)}
    able = [c for c in runners if not failed[c.name]]
    metric = deciding(judgement, scenario, situation, able)
    choice = chosen(judgement, scenario, metric, able)
    common = {
        "anchor": f"advice-{situation.anchor}",
        "says": situation.says,
        "workload": workload(scenario),
        "scenario": scenario.name,
        "out": out(failed),
    }
    taken = choice.taken
    if taken is None:
        why = f"{words.label(metric)} was not estimated" if able else "nobody meets what must hold"
        return Advice(**common, taken=None, sure=False, take=f"No answer: {why}.")
    info = next(c for c in able if c.name == taken.name)
    return Advice(
        **common,
        taken=taken.name,
        sure=choice.sure,
        take=take(choice),
        because=because(choice, metric, untried(stand[taken.name])),
        costs=costs(judgement, scenario, info, able, choice, races),
        next=next_best(choice, metric),
        changes=changes(judgement, scenario, situation, metric, choice, runners, races),
    )


def standings(
    judgement: Judgement,
    scenario: ScenarioInfo,
    needs: Sequence[Need],
    contender: ContenderInfo,
    races: RacesInfo | None,
) -> list[Standing]:
    counts = [judgement.figure(scenario.name, contender.name, n.counter) if n.counter else None for n in needs]
    return [standing(need, contender, count, races) for need, count in zip(needs, counts, strict=True)]


def deciding(
    judgement: Judgement, scenario: ScenarioInfo, situation: Situation, able: Sequence[ContenderInfo]
) -> Metric:
    """The first of the situation's metrics that somebody has there."""
    for name in situation.metrics:
        if any(not judgement.figure(scenario.name, c.name, name).missing for c in able):
            return find_metric(name)
    return find_metric(situation.metrics[0])


def chosen(judgement: Judgement, scenario: ScenarioInfo, metric: Metric, able: Sequence[ContenderInfo]) -> Choice:
    candidates = []
    for contender in able:
        figure = judgement.figure(scenario.name, contender.name, metric.name)
        if not figure.missing and not figure.why:  # "seen, not estimated" decides nothing
            p99, p50, _ = waits(judgement, scenario.name, contender)
            candidates.append(Candidate(name=contender.name, figure=figure, waits_ms=(p99, p50)))
    twin = judgement.twins.get((scenario.name, metric.name))
    return choose(candidates, noise_floor(twin.comparison if twin else None))


def workload(scenario: ScenarioInfo) -> str:
    w = scenario.workload
    load = "your own SQL" if w.get("own_sql") else f"{w['load_cpu_ms'] + w['load_wait_ms']:g} ms a load"
    skew = "one hot key" if w.get("active_records") == 1 else f"keys by Zipf {w['key_skew']:g}"
    return (
        f"{w['rate_per_s']:g} requests/s, {100 * w['read_share']:g} % reads, {skew}, {load}, TTL {w['ttl_s']:g} s, "
        f"{w.get('rtt_ms') or 0:g} ms a round trip"
    )


def take(choice: Choice) -> str:
    assert choice.taken is not None
    others = [c.name for c in choice.tied]
    if choice.seen_only:
        return f"As seen {choice.taken.name}; no verdict"
    if others:
        return f"Cannot tell: {words.listed([choice.taken.name, *others])}. Of them {choice.taken.name}"
    return f"Take {choice.taken.name}"


def because(choice: Choice, metric: Metric, not_looked_at: str) -> str:
    assert choice.taken is not None
    told = says(choice.taken.figure, metric)
    against = choice.next if choice.seen_only else next(iter(choice.beaten), None)
    if against is not None:
        told += f", against {says(against.figure, metric, name_it=False)} with {against.name}"
        told += ", the first that is told apart" if choice.tied and not choice.seen_only else ", the next"
    elif not choice.tied:
        told += "; nobody else may be taken"
    told += "."
    if choice.seen_only:
        told += f" That is fewer than {MIN_ROUNDS} rounds."
    elif choice.tied and not (metric.name == "read-p99" and lowest(choice)):
        told += f" Of those that cannot be told apart it has the lowest {tie_break(choice)}."
    return f"{told}{f' It promises what must hold; {not_looked_at}.' if not_looked_at else ''}"


def lowest(choice: Choice) -> bool:
    """Whether the one taken leads by the figure itself, too."""
    return choice.taken is not None and all(choice.taken.figure.value <= c.figure.value for c in choice.tied)


def tie_break(choice: Choice) -> str:
    """By which wait the one was preferred."""
    assert choice.taken is not None
    for i, name in enumerate(("read p99", "read p50")):
        mine = choice.taken.waits_ms[i]
        if math.isfinite(mine) and all(mine < c.waits_ms[i] for c in choice.tied):
            return f"{name}, {words.with_unit(mine, 'ms')}, as seen"
    return "place in the order of the run"


def costs(
    judgement: Judgement,
    scenario: ScenarioInfo,
    taken: ContenderInfo,
    able: Sequence[ContenderInfo],
    choice: Choice,
    races: RacesInfo | None,
) -> str:
    following = choice.next.name if choice.next else ""
    beside = [c for c in able if c is not taken and c.name in (judgement.reference, following)]
    price, wrong_for = priced(judgement, scenario.name, taken, beside)
    parts = [f"{price} (wrong for {wrong_for})" if price else "nothing that was told apart from the next"]
    return f"{'; '.join([*parts, *card(judgement, taken.name, races)])}."


def card(judgement: Judgement, name: str, races: RacesInfo | None) -> list[str]:
    """What the card of correctness says against it."""
    told = []
    if races is not None and name not in races.skipped:
        found = {i.name: word for i in races.invariants if (word := races.word(name, i.name))}
        broken = [invariant for invariant, word in found.items() if word in ("BROKEN", "broken")]
        if broken:
            promised = sum(word == "BROKEN" for word in found.values())
            vowed = f"{promised} of them promised" if promised else "none of them promised"
            count = "1 invariant" if len(broken) == 1 else f"{len(broken)} invariants"
            told.append(f"some order of steps breaks {count}, {vowed}")
    through = outages_of(judgement).get(name, [])
    if through:
        worst = min(share_served(one) for one in through)
        told.append(f"{100 * worst:.0f} % of the requests served while Redis is dead or hangs")
    return told


def next_best(choice: Choice, metric: Metric) -> str:
    if choice.next is None:
        return ""
    figure = says(choice.next.figure, metric, name_it=False)
    return f"{choice.next.name}, {figure}{' (cannot be told apart)' if choice.tied else ''}."


def changes(
    judgement: Judgement,
    scenario: ScenarioInfo,
    situation: Situation,
    metric: Metric,
    choice: Choice,
    runners: Sequence[ContenderInfo],
    races: RacesInfo | None,
) -> str:
    """Which figure would have to change, by how much, for another answer."""
    parts = [by_figure(choice, metric), *by_need(judgement, scenario, situation, metric, choice, runners, races)]
    if metric.name == "loads-per-expiry" and choice.taken is not None and not choice.seen_only:
        parts.append(by_arithmetic(scenario, choice.taken.name))
    return " ".join(part for part in parts if part)


def by_figure(choice: Choice, metric: Metric) -> str:
    taken, following = choice.taken, choice.next
    if taken is None or following is None:
        return ""
    label = words.label(metric)
    if choice.seen_only:
        return f"{MIN_ROUNDS} rounds or more: figures of so few may turn."
    if choice.tied:
        low, high = max(taken.figure.low, following.figure.low), min(taken.figure.high, following.figure.high)
        shared = f" (both could be {span(low, high)})" if low <= high else ""
        return f"More rounds, if narrower intervals part {taken.name} from {following.name}{shared}."
    told = f"If {taken.name}'s {label} reached {words.with_unit(following.figure.value, metric.unit)}"
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
    runners: Sequence[ContenderInfo],
    races: RacesInfo | None,
) -> list[str]:
    """Each need taken away once: who would be taken then."""
    told = []
    for need in situation.needs:
        rest = [n for n in situation.needs if n is not need]
        able = [
            c
            for c in runners
            if answered_all(judgement, scenario.name, c)
            and not any(s.fails for s in standings(judgement, scenario, rest, c, races))
        ]
        without = chosen(judgement, scenario, metric, able)
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


def out(failed: dict[str, str]) -> str:
    """Who is out, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in failed.items():
        if why:
            by_reason.setdefault(why, []).append(name)
    return "; ".join(f"{words.listed(names)}: {why}" for why, names in by_reason.items())
