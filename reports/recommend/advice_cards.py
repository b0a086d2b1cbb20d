"""The advice cards: for each use case the contender to take, the reason, its cost, and what would change the advice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.aa_pair import describe_ignored_metrics
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
    "Eligible: every contender that answered all requests of the use case's scenario and meets the requirements.",
    "A contender fails a requirement if it does not guarantee it, or if one counterexample is known: a read that was "
    "certainly stale, or an order of steps that breaks the guarantee with nothing else happening. A contender whose "
    "guarantee this run did not test is eligible, and the card says so.",
    "With a reservation: the contender keeps the requirement in every order of steps as long as nothing else happens, "
    "and breaks it when something does, for example when an entry expires. If another cache that ran in the scenario "
    "keeps it even then, such a contender is not eligible. Otherwise it is taken with that reservation, and the card "
    f"names the contenders that would keep it and did not run there. {NO_CACHE} is named where a requirement "
    "says “never”, but excludes no other contender, because it does not reduce the database's load.",
    "Taken: the contender with the lowest value of the use case's metric. Two contenders are distinguished if their "
    "intervals have no value in common and they differ by more than the noise floor (two 95 % intervals that do not "
    "touch differ at about the 0.6 % level: eight such comparisons err in at most 5 % of runs).",
    "If the use case has a second metric, it breaks ties. Among the contenders that the first metric does not "
    "distinguish, it drops those whose interval does not overlap that of its lowest value among them and whose value "
    "is at least twice that value (the resolution that matters added to both).",
    "Two copies of one contender ran in some scenarios (A/A). If their intervals for a metric have no value in common, "
    f"and they differ by more than {100 * LEAST_DIFFERENCE:g} %, that metric is ignored in the scenario: it is neither "
    "a cost nor a reason, and the card says so. Differences smaller than the difference between the copies are ignored "
    "too, and a cost against their original is a cost against the worse of both copies.",
    "Cannot tell: this run cannot distinguish others from the lowest. The card names them all, first the one with the "
    "lowest read p99, else with the lowest p50, else the first in the order of the run. It is a suggestion, not a "
    "finding.",
    f"As seen: with fewer than {MIN_ROUNDS} rounds the figures have no interval, and there is no verdict.",
    "It costs: the metric in which the contender is furthest behind the reference or the next best, if their intervals "
    f"do not overlap and the ratio is {LEAST_COST_RATIO:g} or more; then its result in an outage, if this run has one. "
    "The column of races shows what orders of steps break.",
    "Changes it: at the figure of the next best, the next best would be taken; from the growth at which their "
    "intervals touch, this run could not distinguish them. Each requirement is also dropped once: if another "
    "contender would then be taken, the card names it.",
    "By arithmetic, an unprotected expiry costs 1 + rate × load time loads. If rate × load time is below "
    f"{LEAST_COST_RATIO - 1:g}, that is fewer than {LEAST_COST_RATIO:g} loads, and protection saves almost nothing.",
    f"A contender survives outages of Redis if it served {100 * SERVED_SHARE:g} % of the requests due in every outage, "
    f"in every round, without an error and within {LATE_MS / 1000:g} s. Among those, the one with the fewest loads per "
    "second in its worst outage is taken. The printed shares are those of all rounds together.",
)
"""The rules of the advice as sentences; the page prints them below the cards."""


@dataclass(frozen=True, kw_only=True)
class AdviceCard:
    """The texts of the page for one use case."""

    anchor: str
    """The id of the card on the page."""
    text: str
    """The use case, in a line."""
    workload: str
    """The scenario's workload, in a line."""
    scenario: str
    taken: str | None
    """The contender that the rule selects; None: no contender is eligible, or none has the figure."""
    sure: bool
    """Whether the contender differs from all others and has no reservation."""
    take: str
    """"Take X", "Cannot tell: X, Y", "As seen: X"."""
    because: str = ""
    """The deciding figure, compared with that of the next contender."""
    reservation: str = ""
    """The event under which the selected contender breaks a requirement, and the contenders that keep it even then."""
    costs: str = ""
    """The main cost, and the share of requests served in an outage."""
    next: str = ""
    """The next best contender, with its figure."""
    changes: str = ""
    """Which figure would have to change, and by how much, for another recommendation."""
    out: str = ""
    """Which contenders are not eligible, and why."""
    ran: str = ""
    """Which contenders ran in the scenario; empty if no other scenario had more."""
    ignored_metrics: str = ""
    """Which metrics are ignored in the scenario because the A/A copies differ."""


def advice_cards(figures: FigureSet, races: RacesInfo | None, outages: OutagesByContender) -> list[AdviceCard]:
    """One card for each use case whose scenario ran, and one for outages. A void run has none."""
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
        text=use_case.text,
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
        ignored_metrics=describe_ignored_metrics(figures, scenario.name, tuple(name for name in compared if name)),
    )


def card_without_answer(
    figures: FigureSet, scenario: ScenarioInfo, use_case: UseCase, metric: Metric, found: Eligibility
) -> AdviceCard:
    """The card of a use case for which no contender can be taken, with the reason."""
    why = f"{formatting.label(metric)} was not estimated" if found.contenders else "no contender meets the requirements"
    return AdviceCard(
        anchor=f"advice-{use_case.anchor}",
        text=use_case.text,
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
    """The first metric of the use case that any of the contenders has in the scenario."""
    for name in use_case.metrics:
        if any(not figures.figure(scenario, c.name, name).missing for c in contenders):
            return find_metric(name)
    return find_metric(use_case.metrics[0])


def ran(figures: FigureSet, scenario: str) -> str:
    """Which contenders ran in a scenario; empty if no other use case's scenario had more."""
    here = [c.name for c in runners(figures, scenario)]
    most = max(len(runners(figures, use_case.scenario)) for use_case in USE_CASES)
    if len(here) == most:
        return ""
    return f"Only {len(here)} of {most} contenders ran in this scenario: {formatting.listed(here)}."


def workload(scenario: ScenarioInfo) -> str:
    """The workload of a scenario in a line."""
    w = scenario.workload
    load = "your own SQL" if w.get("own_sql") else f"{w['load_cpu_ms'] + w['load_wait_ms']:g} ms per load"
    skew = "one hot key" if w.get("active_records") == 1 else f"keys by Zipf {w['key_skew']:g}"
    return (
        f"{w['rate_per_s']:g} requests/s, {100 * w['read_share']:g} % reads, {skew}, {load}, TTL {w['ttl_s']:g} s, "
        f"simulated RTT {w.get('rtt_ms') or 0:g} ms"
    )


def capitalised(text: str) -> str:
    """The text with its first letter in upper case."""
    return f"{text[:1].upper()}{text[1:]}"


def take(choice: Choice) -> str:
    """The recommendation in a few words."""
    assert choice.taken is not None
    others = [c.name for c in choice.tied]
    if choice.seen_only:
        return f"As seen: {choice.taken.name}; no verdict"
    if others:
        return f"Cannot tell: {formatting.listed([choice.taken.name, *others])}. Suggestion: {choice.taken.name}"
    return f"Take {choice.taken.name}"


def because(choice: Choice, metric: Metric, use_case: UseCase, not_tested: str) -> str:
    """The reason: the figure of the selected contender, that of the next one, and what broke a tie."""
    assert choice.taken is not None
    text = formatting.format_estimate(choice.taken.figure, metric)
    against = choice.next if choice.seen_only and not choice.by_second else next(iter(choice.worse), None)
    if against is not None:
        text += f", against {formatting.format_estimate(against.figure, metric, name_it=False)} with {against.name}"
        others_between = (choice.tied or choice.lost_tie_break) and not choice.seen_only
        text += ", the first that differs" if others_between else ", the next best"
    elif not choice.tied and not choice.lost_tie_break:
        text += "; no other contender qualifies"
    text += "."
    if choice.lost_tie_break and use_case.second:
        text += f" {by_second(choice, find_metric(use_case.second))}"
    if choice.seen_only:
        text += f" Fewer than {MIN_ROUNDS} rounds ran."
    elif choice.tied and not (metric.name == "read-p99" and lowest(choice)):
        text += f" Among the contenders that cannot be distinguished it {tie_break(choice)}."
    return f"{text}{f' It guarantees what is required; {not_tested}.' if not_tested else ''}"


def by_second(choice: Choice, second: Metric) -> str:
    """The contenders that lost the tie break, with their values of the second metric."""
    assert choice.taken is not None
    mine = f"{formatting.format_estimate(choice.taken.second, second)}, " if choice.taken.second else ""
    lost = [
        f"{formatting.format_estimate(c.second, second, name_it=False)} with {c.name}"
        for c in choice.lost_tie_break
        if c.second
    ]
    return f"The second metric breaks the tie: {mine}against {formatting.listed(lost)}."


def lowest(choice: Choice) -> bool:
    """Whether the selected contender also has the lowest value of the deciding metric."""
    return choice.taken is not None and all(choice.taken.figure.value <= c.figure.value for c in choice.tied)


def tie_break(choice: Choice) -> str:
    """What broke the tie: a response time, or the order of the run."""
    assert choice.taken is not None
    for i, name in enumerate(("read p99", "read p50")):
        mine = choice.taken.waits_ms[i]
        if math.isfinite(mine) and all(mine < c.waits_ms[i] for c in choice.tied):
            return f"has the lowest {name}, {formatting.with_unit(mine, 'ms')}, as seen"
    return "comes first in the order of the run"


def costs(
    figures: FigureSet,
    scenario: ScenarioInfo,
    contenders: Sequence[ContenderInfo],
    choice: Choice,
    outages: OutagesByContender,
) -> str:
    """The main cost of the selected contender, and the share of requests that it served in an outage."""
    assert choice.taken is not None
    name, following = choice.taken.name, choice.next.name if choice.next else ""
    taken = next(c for c in contenders if c.name == name)
    others = [c for c in contenders if c is not taken and c.name in (figures.reference, following)]
    cost, hurts = main_cost(figures, scenario.name, taken, others)
    parts = [f"{cost} (wrong for {hurts})" if cost else "nothing that differs measurably from the next best"]
    through = outages.get(name, [])
    if through:
        worst, where = worst_of(through)
        parts.append(f"{percent_served(worst)} of the requests due in the outage of {where} were served")
    return f"{'; '.join(parts)}."


def next_best(choice: Choice, metric: Metric, use_case: UseCase) -> str:
    """The next best contender, with the figure that distinguishes it from the selected one."""
    following: Candidate | None = choice.next
    if following is None:
        return ""
    if choice.by_second and following.second is not None:
        return f"{following.name}, {formatting.format_estimate(following.second, find_metric(use_case.second))}."
    figure = formatting.format_estimate(following.figure, metric, name_it=False)
    return f"{following.name}, {figure}{' (cannot be distinguished)' if choice.tied else ''}."


def out(reasons: dict[str, str]) -> str:
    """The contenders that are not eligible, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in reasons.items():
        by_reason.setdefault(why, []).append(name)
    return "; ".join(f"{formatting.listed(names)}: {why}" for why, names in by_reason.items())
