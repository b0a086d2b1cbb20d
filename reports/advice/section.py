"""The advice of a run: a situation each, what to take, why, at what cost, and what would change the answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from artefact.races import RacesInfo
from artefact.schema import ContenderInfo, ScenarioInfo
from reports import words
from reports.advice.able import able, chosen, deciding, keepers, reservation, runners
from reports.advice.changes import changes
from reports.advice.choice import Candidate, Choice
from reports.advice.needs import untried
from reports.advice.outage import survival
from reports.advice.situations import SITUATIONS, Situation
from reports.answer import PRICES, priced, says
from reports.decision import outages_of
from reports.judge import Judgement
from reports.metrics.metric import Metric, find_metric
from reports.outage.outage import percent_served, worst_of
from reports.statistics.estimate import MIN_ROUNDS
from reports.twins import silent_of


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
    reservation: str = ""
    """Under what the one taken breaks what must hold all the same, and who would keep it even then."""
    costs: str = ""
    next: str = ""
    changes: str = ""
    out: str = ""
    """Who could not be taken, and why."""
    ran: str = ""
    """Who ran there, where fewer did than elsewhere."""
    silent: str = ""
    """Which figures tell nobody apart there, by the two copies of one contender."""


def advice(judgement: Judgement, races: RacesInfo | None) -> list[Advice]:
    """One for each situation whose scenario this run has, and one for outages. Nothing in a run that is void."""
    if judgement.void:
        return []
    known = {s.name: s for s in judgement.scenarios}
    found = [advise(judgement, known[s.scenario], s, races) for s in SITUATIONS if s.scenario in known]
    through = survival(judgement)
    return [*found, *([Advice(**through)] if through else [])]


def advise(judgement: Judgement, scenario: ScenarioInfo, situation: Situation, races: RacesInfo | None) -> Advice:
    those = able(judgement, scenario, situation.needs, races)
    metric = deciding(judgement, scenario.name, situation, those.who)
    choice = chosen(judgement, scenario.name, situation, metric, those.who)
    anchor, silent = f"advice-{situation.anchor}", (metric.name, situation.second, "read-p99", *PRICES)
    taken = choice.taken
    if taken is None:
        why = f"{words.label(metric)} was not estimated" if those.who else "nobody meets what must hold"
        return Advice(
            anchor=anchor,
            says=situation.says,
            workload=workload(scenario),
            scenario=scenario.name,
            taken=None,
            sure=False,
            take=f"No answer: {why}.",
            out=out(those.out),
            ran=ran(judgement, scenario.name),
        )
    info = next(c for c in those.who if c.name == taken.name)
    but = reservation(those.standings[taken.name])
    kept = keepers(judgement, scenario, situation.needs, races) if but else ""
    return Advice(
        anchor=anchor,
        says=situation.says,
        workload=workload(scenario),
        scenario=scenario.name,
        taken=taken.name,
        sure=choice.sure and not but,
        take=take(choice) + (", with a reservation" if but else ""),
        because=because(choice, metric, situation, untried(those.standings[taken.name])),
        reservation=f"{capitalised(but)}. {kept}".strip() if but else "",
        costs=costs(judgement, scenario, info, those.who, choice),
        next=next_best(choice, metric, situation),
        changes=changes(judgement, scenario, situation, metric, choice, races),
        out=out(those.out),
        ran=ran(judgement, scenario.name),
        silent=silent_of(judgement, scenario.name, tuple(name for name in silent if name)),
    )


def ran(judgement: Judgement, scenario: str) -> str:
    """Who ran in a scenario, where another of the advice's had more contenders."""
    here = [c.name for c in runners(judgement, scenario)]
    most = max(len(runners(judgement, s.scenario)) for s in SITUATIONS)
    if len(here) == most:
        return ""
    return f"A contest of {len(here)}: only {words.listed(here)} ran here, of {most} elsewhere."


def workload(scenario: ScenarioInfo) -> str:
    w = scenario.workload
    load = "your own SQL" if w.get("own_sql") else f"{w['load_cpu_ms'] + w['load_wait_ms']:g} ms a load"
    skew = "one hot key" if w.get("active_records") == 1 else f"keys by Zipf {w['key_skew']:g}"
    return (
        f"{w['rate_per_s']:g} requests/s, {100 * w['read_share']:g} % reads, {skew}, {load}, TTL {w['ttl_s']:g} s, "
        f"{w.get('rtt_ms') or 0:g} ms a round trip"
    )


def capitalised(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def take(choice: Choice) -> str:
    assert choice.taken is not None
    others = [c.name for c in choice.tied]
    if choice.seen_only:
        return f"As seen {choice.taken.name}; no verdict"
    if others:
        return f"Cannot tell: {words.listed([choice.taken.name, *others])}. Of them {choice.taken.name}"
    return f"Take {choice.taken.name}"


def because(choice: Choice, metric: Metric, situation: Situation, not_looked_at: str) -> str:
    assert choice.taken is not None
    told = says(choice.taken.figure, metric)
    against = choice.next if choice.seen_only and not choice.by_second else next(iter(choice.beaten), None)
    if against is not None:
        told += f", against {says(against.figure, metric, name_it=False)} with {against.name}"
        apart = (choice.tied or choice.outdone) and not choice.seen_only
        told += ", the first that is told apart" if apart else ", the next"
    elif not choice.tied and not choice.outdone:
        told += "; nobody else may be taken"
    told += "."
    if choice.outdone and situation.second:
        told += f" {by_second(choice, find_metric(situation.second))}"
    if choice.seen_only:
        told += f" That is fewer than {MIN_ROUNDS} rounds."
    elif choice.tied and not (metric.name == "read-p99" and lowest(choice)):
        told += f" Of those that cannot be told apart it has the lowest {tie_break(choice)}."
    return f"{told}{f' It promises what must hold; {not_looked_at}.' if not_looked_at else ''}"


def by_second(choice: Choice, second: Metric) -> str:
    """Whom the figure did not tell apart, and the second figure did."""
    assert choice.taken is not None
    mine = f"{says(choice.taken.second, second)}, " if choice.taken.second else ""
    told = [f"{says(c.second, second, name_it=False)} with {c.name}" for c in choice.outdone if c.second]
    return f"Not told apart by that, but by the second figure: {mine}against {words.listed(told)}."


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
    judgement: Judgement, scenario: ScenarioInfo, taken: ContenderInfo, who: Sequence[ContenderInfo], choice: Choice
) -> str:
    following = choice.next.name if choice.next else ""
    beside = [c for c in who if c is not taken and c.name in (judgement.reference, following)]
    price, wrong_for = priced(judgement, scenario.name, taken, beside)
    parts = [f"{price} (wrong for {wrong_for})" if price else "nothing that was told apart from the next"]
    through = outages_of(judgement).get(taken.name, [])
    if through:
        worst, where = worst_of(through)
        parts.append(f"{percent_served(worst)} of the requests due in the outage of {where} were served")
    return f"{'; '.join(parts)}."


def next_best(choice: Choice, metric: Metric, situation: Situation) -> str:
    following: Candidate | None = choice.next
    if following is None:
        return ""
    if choice.by_second and following.second is not None:
        return f"{following.name}, {says(following.second, find_metric(situation.second))}."
    figure = says(following.figure, metric, name_it=False)
    return f"{following.name}, {figure}{' (cannot be told apart)' if choice.tied else ''}."


def out(reasons: dict[str, str]) -> str:
    """Who is out, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        by_reason.setdefault(why, []).append(name)
    return "; ".join(f"{words.listed(names)}: {why}" for why, names in by_reason.items())
