"""Lookups for the claims: scenarios by type, their simulated RTT, and figures of groups."""

import math
from collections.abc import Iterator, Sequence

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.metrics.metric import find_metric
from stampede.reports.metrics.response_times import over, reads, waits_ms, writes
from stampede.reports.statistics.estimate import Estimate, median, quantile
from stampede.run_folder.schema import ScenarioInfo

REFERENCE = "cache-aside"
UNCACHED = "no-cache"


def simulated_rtt(scenario: ScenarioInfo) -> str:
    """The simulated RTT, for example "RTT 0.5 ms"."""
    return f"RTT {scenario.workload.get('rtt_ms') or 0:g} ms"


def hot_scenarios(analysis: Analysis) -> list[ScenarioInfo]:
    """The scenarios in which every request reads the same key."""
    return [s for s in analysis.scenarios if s.workload.get("active_records") == 1 and s.workload["read_share"] == 1]


def ran(analysis: Analysis, scenario: ScenarioInfo, *contenders: str) -> bool:
    """Whether all those contenders finished a cell of the scenario."""
    return all(analysis.of(scenario.name, name) for name in contenders)


def groups(analysis: Analysis, contender: str) -> Iterator[tuple[ScenarioInfo, list[Cell]]]:
    """The rounds of a contender in each scenario, including scenarios that are reported separately."""
    for part in (analysis, analysis.separate):
        for scenario in part.scenarios if part is not None else ():
            if part is not None and part.of(scenario.name, contender):
                yield scenario, part.of(scenario.name, contender)


@per_group
def read_took(cells: Sequence[Cell]) -> tuple[Estimate, Estimate]:
    """Median and 99th percentile of the service time of reads, in ms."""
    return over(0.5, reads, "service_ms")(cells), over(0.99, reads, "service_ms")(cells)


@per_group
def write_took(cells: Sequence[Cell]) -> Estimate:
    """Median service time of writes, in ms."""
    return over(0.5, writes, "service_ms")(cells)


@per_group
def write_waits(cells: Sequence[Cell]) -> dict[int, float]:
    """Median response time of writes in ms, by round."""
    metric = find_metric("write-p50")
    return {cell.info.round: metric.of_cell(cell) for cell in cells if not math.isnan(metric.of_cell(cell))}


@per_group
def hit_wait(cells: Sequence[Cell]) -> Estimate:
    """Response time of reads that hit, in ms: the median over rounds of each round's median."""
    each = []
    for cell in cells:
        hits = waits_ms(cell.reads.where(cell.reads.labels("outcome").equal("hit")))
        each.append(quantile(hits, 0.5))
    return median(each)
