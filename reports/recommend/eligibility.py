"""Eligibility: which contenders may be taken for a question."""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.analysis.time_scale import scale_preserved
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.recommend.requirements import (
    Requirement,
    RequirementStatus,
    conditions,
    holds_everywhere,
    requirement_status,
)
from stampede.run_folder.races_json import RacesInfo
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

NO_CACHE = "no-cache"
"""Named where a requirement says "never". It excludes no other contender, as it does not reduce the database's load."""
NOT_FOUND = "returned no record for some that exist"
ANSWERED_SHARE = 0.999
"""The share of the due requests that an eligible contender answers.

A request that a stall of the machine leaves open is no property of a contender. There is no test against the others:
requests of one stall are one event, so a test over requests would find differences by chance (decision 12).
"""


@dataclass(frozen=True, kw_only=True)
class Eligibility:
    """Which contenders are eligible for a question, and why the others are not."""

    contenders: list[ContenderInfo]
    """The eligible contenders, in the order of the run."""
    statuses: dict[str, list[RequirementStatus]]
    """By contender that ran: one status for each requirement."""
    excluded: dict[str, str]
    """By contender: why it is not eligible."""


def rivals(figures: FigureSet) -> list[ContenderInfo]:
    """The caching contenders of a run, without baselines and copies."""
    return [c for c in figures.contenders if c.kind == "contender" and c.family == "caching"]


def runners(figures: FigureSet, scenario: str) -> list[ContenderInfo]:
    """The contenders that ran in a scenario."""
    return [c for c in rivals(figures) if figures.ran(scenario, c.name)]


def not_answered(figures: FigureSet, scenario: str, contender: ContenderInfo) -> tuple[float, float]:
    """The requests that a contender did not answer, failed ones included, and those that were due."""
    due, answered = (figures.figure(scenario, contender.name, name) for name in ("due", "answered"))
    if due.missing or answered.missing or due.value <= 0:
        return 0.0, 0.0
    return due.value - answered.value, due.value


def unanswered_text(figures: FigureSet, scenario: str, contender: ContenderInfo) -> str:
    """How many requests a contender did not answer: "2 of 4,799 requests not answered"; empty: it answered all."""
    left, due = not_answered(figures, scenario, contender)
    return f"{left:,.0f} of {due:,.0f} requests not answered" if left or not due else ""


def answered_enough(figures: FigureSet, scenario: str, contender: ContenderInfo) -> bool:
    """Whether a contender answered at least ANSWERED_SHARE of the requests that were due."""
    left, due = not_answered(figures, scenario, contender)
    return due > 0 and left <= (1 - ANSWERED_SHARE) * due + 1e-9


def wrong_answers(figures: FigureSet, scenario: str, ran: Sequence[ContenderInfo]) -> dict[str, str]:
    """The contenders that are excluded without regard to the requirements, each with the reason."""
    denying = {c.name: NOT_FOUND for c in ran if figures.returns_no_record(scenario, c)}
    unanswered = {
        c.name: unanswered_text(figures, scenario, c) for c in ran if not answered_enough(figures, scenario, c)
    }
    return denying | unanswered


def eligible(
    figures: FigureSet, scenario: ScenarioInfo, requirements: Sequence[Requirement], races: RacesInfo | None
) -> Eligibility:
    """The contenders that answered their requests, meet the requirements and keep their scale of times.

    A contender that meets a requirement only under a condition is eligible if no other cache keeps it without one.
    """
    ran = runners(figures, scenario.name)
    statuses = {c.name: requirement_statuses(figures, scenario, requirements, c, races) for c in ran}
    excluded = {name: why for name, found in statuses.items() if (why := next((s.fails for s in found if s.fails), ""))}
    excluded |= {c.name: why for c in ran if (why := scale_preserved(c, scenario))}
    excluded |= wrong_answers(figures, scenario.name, ran)
    left = [c for c in ran if c.name not in excluded]
    if any(c.name != NO_CACHE and holds_everywhere(statuses[c.name]) for c in left):
        conditional = {c.name: why for c in left if (why := conditions(statuses[c.name]))}
        excluded |= {name: f"another cache keeps it even then ({why})" for name, why in conditional.items()}
        left = [c for c in left if c.name not in conditional]
    return Eligibility(contenders=left, statuses=statuses, excluded=excluded)


def requirement_statuses(
    figures: FigureSet,
    scenario: ScenarioInfo,
    requirements: Sequence[Requirement],
    contender: ContenderInfo,
    races: RacesInfo | None,
) -> list[RequirementStatus]:
    """One status for each requirement."""
    ttls = bool(scenario.workload.get("ttl_s"))
    found = []
    for requirement in requirements:
        counter = requirement.counter
        count = figures.figure(scenario.name, contender.name, counter) if counter else None
        found.append(requirement_status(requirement, contender, count, races, ttls=ttls))
    return found


def alternatives_that_hold(
    figures: FigureSet, scenario: ScenarioInfo, requirements: Sequence[Requirement], races: RacesInfo | None
) -> str:
    """The contenders that kept the requirements under every tested event and did not run in the scenario.

    no-cache is named for a literal "never".
    """
    holding = [
        c for c in rivals(figures) if holds_everywhere(requirement_statuses(figures, scenario, requirements, c, races))
    ]
    elsewhere = [c.name for c in holding if c.name != NO_CACHE and not figures.ran(scenario.name, c.name)]
    parts = []
    if elsewhere:
        names = formatting.listed(elsewhere)
        parts.append(f"No order of steps that was tried breaks it with {names}, which did not run here")
    if any(c.name == NO_CACHE for c in holding):
        metric = find_metric("loads-per-1000-reads")
        figure = figures.figure(scenario.name, NO_CACHE, metric.name)
        at = f" ({formatting.number(figure.value)} {formatting.label(metric)})" if not figure.missing else ""
        parts.append(f"for a literal “never”: {NO_CACHE}{at}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""
