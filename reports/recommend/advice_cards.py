"""The advice cards: for each use case which contender to take, why, at what cost, and what would change the advice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.aa_pair import silent_of
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.analysis.timeseries import LATE_MS
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.recommend.eligibility import NO_CACHE, Eligibility, alternatives_that_hold, eligible, runners
from stampede.reports.recommend.outage_advice import OutagesByContender, survival
from stampede.reports.recommend.requirements import conditions, untested
from stampede.reports.recommend.selection import COST_METRICS, LEAST_COST_RATIO, Candidate, Choice, main_cost, select
from stampede.reports.recommend.sensitivity import sensitivity
from stampede.reports.recommend.use_cases import SERVED_SHARE, USE_CASES, UseCase
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE
from stampede.reports.topics.faults.outage_effects import percent_served, worst_of
from stampede.run_folder.races_json import RacesInfo
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

RULES = (
    "Who may be taken: every contender that answered all requests of the situation's scenario and meets what must "
    "hold.",
    "What must hold is failed by a contender that does not promise it, or of which one counterexample is known: a "
    "stale read that was certainly stale, or an order of steps that breaks it with nothing else happening. What is "
    "promised and was not looked at in this run may be taken, and the advice says so.",
    "With a reservation: kept in every order of steps as long as nothing else happens, but broken when something does "
    "in between, as when an entry expires. Such a contender is left out where another cache that ran there is not "
    "broken at all; else it is taken with that reservation, and the card names who would keep it and did not run "
    f"there. {NO_CACHE} is named for a literal “never” and displaces nobody: it takes nothing off the database.",
    "Who is taken: the lowest by the situation's figure. Two are told apart where their intervals have no value in "
    "common and they differ by more than the noise floor (two 95 % intervals that do not touch differ at about the "
    "0.6 % level: eight such comparisons err in at most 5 % of runs).",
    "Where the situation names a second figure: of those whom the first does not tell apart, only those stay whom the "
    "second does not tell apart either: behind its lowest among them beyond their intervals, and by twice or more (the "
    "resolution that matters added to both), nobody stays.",
    "Two copies of one contender ran in some scenarios (A/A). Where their own intervals lie apart by a figure, and by "
    f"more than {100 * LEAST_DIFFERENCE:g} %, that figure tells nobody apart in that scenario: it is no price and no "
    "reason, and the card says so. What differs by less than the copies do is not told apart either; a price beside "
    "their original is one beside the worse of both.",
    "Cannot tell: others are not told apart from the lowest. Then all are named; the first of them has the lowest "
    "read p99, else the lowest p50, else it comes first in the run. It is a suggestion, not a finding.",
    f"As seen: below {MIN_ROUNDS} rounds no interval stands behind the figures, and there is no verdict.",
    "It costs: the figure in which it is furthest behind the reference or the next, beyond their intervals and by "
    f"{LEAST_COST_RATIO:g} times or more; then how it got through an outage, where this run looked. What orders of "
    "steps break stands in the column of races.",
    "What changes it: at the next one's figure the next would be taken, and from where their intervals touch nobody "
    "could tell. Each thing that must hold is taken away once: if somebody else is taken without it, this is said.",
    "By arithmetic, an unprotected expiry costs 1 + rate × load time loads. Below a rate × load time of "
    f"{LEAST_COST_RATIO - 1:g} that is less than {LEAST_COST_RATIO:g} loads, and protection saves next to nothing.",
    f"Who survives Redis: served {100 * SERVED_SHARE:g} % of the requests due in every outage, in every round, without "
    f"an error and within {LATE_MS / 1000:g} s; of these the fewest loads a second in the outage "
    "that asked for most. The shares that are printed are those of all rounds together.",
)
"""The rules of the advice in words, as the page prints them."""


@dataclass(frozen=True, kw_only=True)
class AdviceCard:
    """What the page says for one use case."""

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
    """The event under which the one taken breaks what must hold, and which contenders keep it even then."""
    costs: str = ""
    next: str = ""
    changes: str = ""
    out: str = ""
    """Which contenders are not eligible, and why."""
    ran: str = ""
    """Which contenders ran in the scenario, where fewer did than in others."""
    ignored_metrics: str = ""
    """Which metrics are ignored in the scenario because the A/A copies differ."""


def advice_cards(figures: FigureSet, races: RacesInfo | None, outages: OutagesByContender) -> list[AdviceCard]:
    """One for each use case whose scenario this run has, and one for outages. None in a run that is void."""
    if figures.void:
        return []
    known = {s.name: s for s in figures.scenarios}
    found = [
        advice_card(figures, known[use_case.scenario], use_case, races, outages)
        for use_case in USE_CASES
        if use_case.scenario in known
    ]
    through = survival(outages)
    return [*found, *([AdviceCard(**through)] if through else [])]


def advice_card(
    figures: FigureSet,
    scenario: ScenarioInfo,
    use_case: UseCase,
    races: RacesInfo | None,
    outages: OutagesByContender,
) -> AdviceCard:
    """The card of one use case."""
    found = eligible(figures, scenario, use_case.requirements, races)
    metric = deciding_metric(figures, scenario.name, use_case, found.contenders)
    choice = select(figures, scenario.name, metric, found.contenders, second=use_case.second, estimated_only=True)
    if choice.taken is None:
        return card_without_answer(figures, scenario, use_case, metric, found)
    taken = choice.taken.name
    statuses = found.statuses[taken]
    condition = conditions(statuses)
    kept = alternatives_that_hold(figures, scenario, use_case.requirements, races) if condition else ""
    compared = (metric.name, use_case.second, "read-p99", *COST_METRICS)
    return AdviceCard(
        anchor=f"advice-{use_case.anchor}",
        says=use_case.says,
        workload=workload(scenario),
        scenario=scenario.name,
        taken=taken,
        sure=choice.sure and not condition,
        take=take(choice) + (", with a reservation" if condition else ""),
        because=because(choice, metric, use_case, untested(statuses)),
        reservation=f"{capitalised(condition)}. {kept}".strip() if condition else "",
        costs=costs(figures, scenario, found.contenders, choice, outages),
        next=next_best(choice, metric, use_case),
        changes=sensitivity(figures, scenario, use_case, metric, choice, races),
        out=out(found.excluded),
        ran=ran(figures, scenario.name),
        ignored_metrics=silent_of(figures, scenario.name, tuple(name for name in compared if name)),
    )


def card_without_answer(
    figures: FigureSet, scenario: ScenarioInfo, use_case: UseCase, metric: Metric, found: Eligibility
) -> AdviceCard:
    """The card where no contender can be taken, with the reason."""
    why = f"{formatting.label(metric)} was not estimated" if found.contenders else "nobody meets what must hold"
    return AdviceCard(
        anchor=f"advice-{use_case.anchor}",
        says=use_case.says,
        workload=workload(scenario),
        scenario=scenario.name,
        taken=None,
        sure=False,
        take=f"No answer: {why}.",
        out=out(found.excluded),
        ran=ran(figures, scenario.name),
    )


def deciding_metric(
    figures: FigureSet, scenario: str, use_case: UseCase, contenders: Sequence[ContenderInfo]
) -> Metric:
    """The first of the use case's metrics that any of the contenders has in the scenario."""
    for name in use_case.metrics:
        if any(not figures.figure(scenario, c.name, name).missing for c in contenders):
            return find_metric(name)
    return find_metric(use_case.metrics[0])


def ran(figures: FigureSet, scenario: str) -> str:
    """Which contenders ran in a scenario, where another use case's scenario had more."""
    here = [c.name for c in runners(figures, scenario)]
    most = max(len(runners(figures, use_case.scenario)) for use_case in USE_CASES)
    if len(here) == most:
        return ""
    return f"A contest of {len(here)}: only {formatting.listed(here)} ran here, of {most} elsewhere."


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
        return f"Cannot tell: {formatting.listed([choice.taken.name, *others])}. Of them {choice.taken.name}"
    return f"Take {choice.taken.name}"


def because(choice: Choice, metric: Metric, use_case: UseCase, not_tested: str) -> str:
    assert choice.taken is not None
    text = formatting.format_estimate(choice.taken.figure, metric)
    against = choice.next if choice.seen_only and not choice.by_second else next(iter(choice.worse), None)
    if against is not None:
        text += f", against {formatting.format_estimate(against.figure, metric, name_it=False)} with {against.name}"
        apart = (choice.tied or choice.lost_tie_break) and not choice.seen_only
        text += ", the first that is told apart" if apart else ", the next"
    elif not choice.tied and not choice.lost_tie_break:
        text += "; nobody else may be taken"
    text += "."
    if choice.lost_tie_break and use_case.second:
        text += f" {by_second(choice, find_metric(use_case.second))}"
    if choice.seen_only:
        text += f" That is fewer than {MIN_ROUNDS} rounds."
    elif choice.tied and not (metric.name == "read-p99" and lowest(choice)):
        text += f" Of those that cannot be told apart it has the lowest {tie_break(choice)}."
    return f"{text}{f' It guarantees what must hold; {not_tested}.' if not_tested else ''}"


def by_second(choice: Choice, second: Metric) -> str:
    """The contenders that lost the tie break, with their second figures."""
    assert choice.taken is not None
    mine = f"{formatting.format_estimate(choice.taken.second, second)}, " if choice.taken.second else ""
    lost = [
        f"{formatting.format_estimate(c.second, second, name_it=False)} with {c.name}"
        for c in choice.lost_tie_break
        if c.second
    ]
    return f"Not told apart by that, but by the second figure: {mine}against {formatting.listed(lost)}."


def lowest(choice: Choice) -> bool:
    """Whether the one taken also leads by the figure itself."""
    return choice.taken is not None and all(choice.taken.figure.value <= c.figure.value for c in choice.tied)


def tie_break(choice: Choice) -> str:
    """Which response time broke the tie."""
    assert choice.taken is not None
    for i, name in enumerate(("read p99", "read p50")):
        mine = choice.taken.waits_ms[i]
        if math.isfinite(mine) and all(mine < c.waits_ms[i] for c in choice.tied):
            return f"{name}, {formatting.with_unit(mine, 'ms')}, as seen"
    return "place in the order of the run"


def costs(
    figures: FigureSet,
    scenario: ScenarioInfo,
    contenders: Sequence[ContenderInfo],
    choice: Choice,
    outages: OutagesByContender,
) -> str:
    """The main cost of the one taken, and what it served in an outage."""
    assert choice.taken is not None
    name, following = choice.taken.name, choice.next.name if choice.next else ""
    taken = next(c for c in contenders if c.name == name)
    others = [c for c in contenders if c is not taken and c.name in (figures.reference, following)]
    cost, hurts = main_cost(figures, scenario.name, taken, others)
    parts = [f"{cost} (wrong for {hurts})" if cost else "nothing that was told apart from the next"]
    through = outages.get(name, [])
    if through:
        worst, where = worst_of(through)
        parts.append(f"{percent_served(worst)} of the requests due in the outage of {where} were served")
    return f"{'; '.join(parts)}."


def next_best(choice: Choice, metric: Metric, use_case: UseCase) -> str:
    following: Candidate | None = choice.next
    if following is None:
        return ""
    if choice.by_second and following.second is not None:
        return f"{following.name}, {formatting.format_estimate(following.second, find_metric(use_case.second))}."
    figure = formatting.format_estimate(following.figure, metric, name_it=False)
    return f"{following.name}, {figure}{' (cannot be told apart)' if choice.tied else ''}."


def out(reasons: dict[str, str]) -> str:
    """The contenders that are not eligible, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        by_reason.setdefault(why, []).append(name)
    return "; ".join(f"{formatting.listed(names)}: {why}" for why, names in by_reason.items())
