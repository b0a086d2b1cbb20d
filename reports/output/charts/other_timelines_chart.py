"""The timelines of the contenders that the timeline chart leaves out."""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.scenario_chart import ScenarioChart
from stampede.reports.output.charts.timeline_chart import chart_of, drawn_moments, pair_of
from stampede.run_folder.schema import ScenarioInfo


def other_timelines(analysis: Analysis, scenario: ScenarioInfo) -> Chart | None:
    """The chart: one panel per contender that is not in the timeline chart."""
    pair = pair_of(analysis, scenario)
    return chart_of(
        analysis,
        scenario,
        [m for m in drawn_moments(analysis, scenario) if m.contender.name not in pair],
        anchor=f"{scenario.name}-other-timelines",
        question="What happens at one expiry of the other contenders?",
    )


CHART = ScenarioChart(order=32, draw=other_timelines)
