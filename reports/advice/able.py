"""Who may be taken in a situation, and whom the rule then takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from artefact.races import RacesInfo
from artefact.schema import ContenderInfo, ScenarioInfo
from reports import words
from reports.absent import denies
from reports.advice.choice import Candidate, Choice, choose
from reports.advice.needs import Need, Standing, standing
from reports.advice.situations import Situation
from reports.answer import answered_all, waits
from reports.judge import Judgement
from reports.metrics.metric import Metric, find_metric
from reports.statistics.estimate import Estimate
from reports.twins import floor_of

NO_CACHE = "no-cache"
"""Takes nothing off the database: it keeps what must hold for a literal "never", and displaces nobody."""

SECOND_FLOOR = 1.0
"""A second figure parts those whom the first does not from twice on, the resolution that matters added to both: 0.7 ms
of a median are no reason to leave out who may have the lowest p99."""


@dataclass(frozen=True, kw_only=True)
class Able:
    """Who may be taken, and who not."""

    who: list[ContenderInfo]
    standings: dict[str, list[Standing]]
    """Of all that ran, one a need."""
    out: dict[str, str]
    """Why the others may not."""


def runners(judgement: Judgement, scenario: str) -> list[ContenderInfo]:
    """The contenders that ran in a scenario."""
    return [c for c in rivals(judgement) if judgement.of(scenario, c.name)]


def rivals(judgement: Judgement) -> list[ContenderInfo]:
    return [c for c in judgement.run.info.contenders if c.kind == "contender" and c.family == "caching"]


def able(judgement: Judgement, scenario: ScenarioInfo, needs: Sequence[Need], races: RacesInfo | None) -> Able:
    """Who answered everything and meets the needs; those with a reservation only where no other cache keeps them."""
    ran = runners(judgement, scenario.name)
    stand = {c.name: standings(judgement, scenario, needs, c, races) for c in ran}
    out = {name: why for name, found in stand.items() if (why := next((s.fails for s in found if s.fails), ""))}
    out |= {c.name: "found no record for some that exist" for c in ran if denies(judgement, scenario.name, c)}
    out |= {c.name: "left requests unanswered" for c in ran if not answered_all(judgement, scenario.name, c)}
    who = [c for c in ran if c.name not in out]
    if any(c.name != NO_CACHE and firm(stand[c.name]) for c in who):
        reserved = {c.name: why for c in who if (why := reservation(stand[c.name]))}
        out |= {name: f"behind who keeps it even then ({why})" for name, why in reserved.items()}
        who = [c for c in who if c.name not in reserved]
    return Able(who=who, standings=stand, out=out)


def standings(
    judgement: Judgement,
    scenario: ScenarioInfo,
    needs: Sequence[Need],
    contender: ContenderInfo,
    races: RacesInfo | None,
) -> list[Standing]:
    counts = [judgement.figure(scenario.name, contender.name, n.counter) if n.counter else None for n in needs]
    ttls = bool(scenario.workload.get("ttl_s"))
    return [standing(need, contender, count, races, ttls=ttls) for need, count in zip(needs, counts, strict=True)]


def firm(found: Sequence[Standing]) -> bool:
    """Whether orders of steps were explored, and nothing that was tried breaks a need."""
    return not any(s.fails or s.reserved or s.untried for s in found)


def reservation(found: Sequence[Standing]) -> str:
    """Under what needs are broken all the same, each once."""
    return "; ".join(dict.fromkeys(s.reserved for s in found if s.reserved))


def keepers(judgement: Judgement, scenario: ScenarioInfo, needs: Sequence[Need], races: RacesInfo | None) -> str:
    """Who would keep the needs under whatever was tried, and did not run there; and no-cache for a literal never."""
    firmly = [c for c in rivals(judgement) if firm(standings(judgement, scenario, needs, c, races))]
    elsewhere = [c.name for c in firmly if c.name != NO_CACHE and not judgement.of(scenario.name, c.name)]
    parts = []
    if elsewhere:
        parts.append(f"No order of steps that was tried breaks it with {words.listed(elsewhere)}, not run here")
    if any(c.name == NO_CACHE for c in firmly):
        metric = find_metric("loads-per-1000-reads")
        figure = judgement.figure(scenario.name, NO_CACHE, metric.name)
        at = f" ({words.number(figure.value)} {words.label(metric)})" if not figure.missing else ""
        parts.append(f"for a literal “never”: {NO_CACHE}{at}")
    told = "; ".join(parts)
    return f"{told[0].upper()}{told[1:]}." if told else ""


def deciding(judgement: Judgement, scenario: str, situation: Situation, who: Sequence[ContenderInfo]) -> Metric:
    """The first of the situation's metrics that somebody has there."""
    for name in situation.metrics:
        if any(not judgement.figure(scenario, c.name, name).missing for c in who):
            return find_metric(name)
    return find_metric(situation.metrics[0])


def chosen(
    judgement: Judgement, scenario: str, situation: Situation, metric: Metric, who: Sequence[ContenderInfo]
) -> Choice:
    """The rule's choice. What is seen, not estimated, decides nothing."""
    candidates = []
    for contender in who:
        figure = known(judgement, scenario, contender.name, metric.name)
        if figure is not None:
            p99, p50, _ = waits(judgement, scenario, contender)
            second = known(judgement, scenario, contender.name, situation.second) if situation.second else None
            candidates.append(Candidate(name=contender.name, figure=figure, second=second, waits_ms=(p99, p50)))
    floor = floor_of(judgement, scenario, metric.name)
    if not situation.second:
        return choose(candidates, floor)
    return choose(
        candidates,
        floor,
        max(SECOND_FLOOR, floor_of(judgement, scenario, situation.second)),
        find_metric(situation.second).resolution,
    )


def known(judgement: Judgement, scenario: str, contender: str, metric: str) -> Estimate | None:
    figure = judgement.figure(scenario, contender, metric)
    return None if figure.missing or figure.why else figure
