"""The comparison of patterns on the second screen: which scenario it shows, and how each pattern works."""

from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output import charts
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.patterns_chart import patterns_chart
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo


@dataclass(frozen=True, kw_only=True)
class PatternsCompared:
    """All caching patterns of a run in one scenario."""

    scenario: ScenarioInfo
    chart: Chart
    patterns: list[ContenderInfo]
    """The patterns that ran, without A/A copies and baselines."""
    copies: list[ContenderInfo]
    """The A/A copies that ran."""


def patterns_compared(analysis: Analysis) -> PatternsCompared | None:
    """The comparison of patterns; None if no caching scenario has figures for it."""
    scenario = many_keys(analysis)
    if scenario is None:
        scenario = next(iter(analysis.scenarios), None)
    chart = patterns_chart(analysis, scenario) if scenario is not None else None
    if scenario is None or chart is None:
        return None
    ran = [c for c, _ in charts.of_scenario(analysis, scenario)]
    return PatternsCompared(
        scenario=scenario,
        chart=chart,
        patterns=[c for c in ran if c.kind == "contender"],
        copies=[c for c in ran if c.kind == "aa-copy"],
    )


def many_keys(analysis: Analysis) -> ScenarioInfo | None:
    """The first scenario of the run that reads many keys and is no variant of another; None if there is none."""
    return next((s for s in analysis.scenarios if not s.variant_of and keys_of(s) != 1), None)


def keys_of(scenario: ScenarioInfo) -> int:
    """The number of keys that the scenario's requests name."""
    return int(scenario.workload.get("active_records") or scenario.workload.get("records") or 0)
