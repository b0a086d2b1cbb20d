"""Report sections of the fault scenarios: one section per outage, cold start or task-queue scenario."""

from collections.abc import Callable
from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.checks.cell_checks import why_not_comparable
from stampede.reports.output import formatting
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.reports.topics.faults import cold_start_section, refresh_queue_section
from stampede.reports.topics.faults import outage_section as outage
from stampede.run_folder.schema import ScenarioInfo


@dataclass(frozen=True, kw_only=True)
class FaultSection:
    """A scenario's part of the page."""

    scenario: ScenarioInfo
    findings: Findings
    notes: list[str]
    """Contenders whose counts the servers' own counters cannot confirm, with the reason."""


def sections(analysis: Analysis) -> list[FaultSection]:
    """One section for each separately reported scenario that has a finished cell. Points of a curve have none."""
    separate = analysis.separate
    return [] if separate is None else [section(separate, s) for s in separate.scenarios if not s.variant_of]


def section(separate: Analysis, scenario: ScenarioInfo) -> FaultSection:
    """The section of one scenario."""
    notes: dict[str, list[str]] = {}
    for (where, contender), cells in separate.groups.items():
        if where == scenario.name and why_not_comparable(cells[0]):
            notes.setdefault(why_not_comparable(cells[0]), []).append(contender)
    return FaultSection(
        scenario=scenario,
        findings=findings_function(scenario)(separate, scenario),
        notes=[
            f"{formatting.listed(names)}: the harness's counts and the servers' counters are {why}."
            for why, names in notes.items()
        ],
    )


def findings_function(scenario: ScenarioInfo) -> Callable[[Analysis, ScenarioInfo], Findings]:
    """The function that computes the findings of this kind of scenario."""
    if scenario.fault is not None:
        return outage.findings
    return cold_start_section.findings if scenario.cold else refresh_queue_section.findings
