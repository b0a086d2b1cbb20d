"""The line below the headline: which figures of this run can be trusted, and which cannot."""

from collections.abc import Mapping

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import formatting
from stampede.reports.output.panels.first_screen.tail_latency import p99_reliable
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.run_folder.run_warnings import COUNTS_DIFFER, DATABASE_BUSY, DRIFT, MACHINE_BUSY, OTHER_LOAD
from stampede.run_folder.schema import ScenarioInfo

LEVELS_OFF = (DATABASE_BUSY, MACHINE_BUSY, OTHER_LOAD, DRIFT)
"""Warnings that make absolute latency unreliable, and leave differences valid."""


def trust_line(analysis: Analysis) -> str:
    """What can be trusted, in one or two sentences."""
    if analysis.void:
        return "The run is void: no figure can be trusted."
    if analysis.rounds < MIN_ROUNDS:
        rounds = f"{analysis.rounds} round{'' if analysis.rounds == 1 else 's'}"
        return f"{rounds}: this run shows ranges and supports no verdict; six rounds are needed."
    differ = any(warning.kind is COUNTS_DIFFER for warning in analysis.warnings)
    levels = not any(warning.kind in LEVELS_OFF for warning in analysis.warnings)
    return trust_text(differ, unreliable_p99(analysis), len(main_scenarios(analysis)), levels=levels)


def trust_text(counts_differ: bool, reasons: Mapping[str, str], scenarios: int, *, levels: bool = True) -> str:
    """What can be trusted in a run with enough rounds.

    `reasons`: by scenario, why its p99 is not reliable. `levels`: whether absolute latency is reliable, and not only
    differences.
    """
    first = f"Query counts are {'not ' if counts_differ else ''}reliable in this run"
    if not reasons and not levels:
        return f"{first}; differences in latency are reliable, its absolute level is not."
    if not reasons:
        return f"{first}; latency is reliable, p99 included."
    where = "" if len(reasons) == scenarios else f" in {formatting.listed(list(reasons))}"
    return f"{first}; tail latency (p99) is not{where}: {next(iter(reasons.values()))}."


def main_scenarios(analysis: Analysis) -> list[ScenarioInfo]:
    """The scenarios that are no variant of another."""
    return [scenario for scenario in analysis.scenarios if not scenario.variant_of]


def unreliable_p99(analysis: Analysis) -> dict[str, str]:
    """By the name of a scenario: why its p99 is not reliable."""
    found = {s.name: p99_reliable(analysis, s.name) for s in main_scenarios(analysis)}
    return {name: why for name, why in found.items() if why}
