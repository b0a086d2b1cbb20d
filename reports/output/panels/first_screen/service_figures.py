"""The figures of a web service next to those of the comparison: one table for each scenario."""

import math
from collections.abc import Sequence

import numpy as np

from stampede.core.models.closed_forms import loads_per_expiry
from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics.database_loads import hot_key_of, load_times_s
from stampede.reports.metrics.metric import find_metric
from stampede.reports.metrics.request_counts import due, failed
from stampede.reports.output import formatting
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.run_folder.schema import ScenarioInfo

COLUMNS = {
    "read p50": "read-p50",
    "read p99": "read-p99",
    "queries per 1,000 requests": "queries-per-1000-requests",
    "queries per expiry": "loads-per-expiry",
    "hit rate": "redis-hit-rate",
    "stale reads": "stale-after-told",  # quoted
    "failed": "failed",
    "of these 429": "refused-429",
}
"""The headings, and the metric of each."""
FAILED_SHARE = 0.01
"""From this share on, failed requests are the headline."""
ONLY_HERE = {"queries per expiry": "stampede", "stale reads": "mixed-writes"}
"""Columns that only one scenario has."""
EXPLAIN = (
    "Response times count from when a request was due. Queries are those that the database counted while the cell ran: "
    "nothing else may use it. The hit rate is Redis' own: keyspace hits over hits and misses. "
)
EXPIRIES = (
    "Without single flight, an expiry costs about 1 + rate × miss time queries; the last column has that figure. "
    "The miss time is the median of the reads that took at least as long as a query. "
)
LATE = "A query counts when it ends, and the counts are read about every 15 ms. "


def service_grids(analysis: Analysis) -> list[Grid]:
    """One table for each scenario in which a web service ran; none for other runs."""
    if all(c.counted_by == "meters" for c in analysis.run.info.contenders):
        return []
    return [service_grid(analysis, scenario) for scenario in analysis.scenarios]


def service_headline(analysis: Analysis) -> str:
    """At most twelve words: requests that failed; otherwise the service's most telling count, next to that of the
    comparison."""
    share = failed_share(analysis)
    if share >= FAILED_SHARE:
        return f"{100 * share:.0f} % of the requests to your service failed."
    if analysis.rounds < MIN_ROUNDS:
        return f"No verdict: {analysis.rounds} of the {MIN_ROUNDS} rounds needed."
    for name, unit in (
        ("loads-per-expiry", "queries per expiry"),
        ("queries-per-1000-requests", "queries per 1,000 requests"),
    ):
        for scenario in analysis.scenarios:
            found = [
                f"{c.name} {formatting.number(figure.value)}"
                for c in analysis.run.info.contenders
                if c.kind != "aa-copy" and not (figure := analysis.figure(scenario.name, c.name, name)).missing
            ]
            if found:
                return f"{unit.capitalize()}: {', '.join(found)}."
    return "Your service was measured; its queries were not counted."


def failed_share(analysis: Analysis) -> float:
    """The share of the requests to the service, 0 to 1, that failed in any scenario; 0 without requests."""
    names = [c.name for c in analysis.run.info.contenders if c.counted_by == "servers"]
    cells = [cell for scenario in analysis.scenarios for name in names for cell in analysis.of(scenario.name, name)]
    requests = sum(due(cell) for cell in cells)
    return sum(failed(cell) for cell in cells) / requests if requests else 0.0


def service_grid(analysis: Analysis, scenario: ScenarioInfo) -> Grid:
    """The table of one scenario."""
    columns = {title: name for title, name in COLUMNS.items() if ONLY_HERE.get(title, scenario.name) == scenario.name}
    hot = scenario.name == ONLY_HERE["queries per expiry"]
    rows = []
    for c in analysis.run.info.contenders:
        cells = analysis.of(scenario.name, c.name)
        if cells:
            entries = [entry(analysis, scenario.name, c.name, name) for name in columns.values()]
            rows.append((c.name, [*entries, *([expected(cells, scenario)] if hot else [])]))
    return Grid(
        anchor=f"service-{scenario.name}",
        title=f"{scenario.name}: {scenario.workload['rate_per_s']:g} requests/s",
        explain=EXPLAIN + (EXPIRIES + LATE if hot else ""),
        columns=["contender", *columns, *(["1 + rate × miss time"] if hot else [])],
        rows=rows,
    )


def entry(analysis: Analysis, scenario: str, contender: str, name: str) -> GridEntry:
    """A figure with its interval; the reason if it is missing."""
    figure, metric = analysis.figure(scenario, contender, name), find_metric(name)
    if figure.missing:
        return GridEntry(text="not estimated", detail=figure.why.removeprefix("not estimated: "))
    bounds = formatting.interval(figure) if formatting.has_interval(figure) else ""
    return GridEntry(text=formatting.figure(figure.value, metric), detail=bounds)


def expected(cells: Sequence[Cell], scenario: ScenarioInfo) -> GridEntry:
    """Queries per expiry without protection, by the closed form."""
    query_s = load_times_s(cells)[0]
    if math.isnan(query_s) or hot_key_of(cells) is None:
        return GridEntry(text="not estimated", detail="no query was counted")
    miss_s = miss_time_s(cells, query_s)
    rate_per_s = float(scenario.workload["rate_per_s"])
    took = f"a miss takes {formatting.with_unit(1000 * miss_s, 'ms')}"
    detail = f"{took}\nits query {formatting.with_unit(1000 * query_s, 'ms')}"
    return GridEntry(text=formatting.number(loads_per_expiry(rate_per_s, miss_s)), detail=detail)


def miss_time_s(cells: Sequence[Cell], query_s: float) -> float:
    """How long an answer takes that needed a query: the median of the reads that took at least as long as a query.

    It includes what the service does around its query. Without such reads: the time of the query.
    """
    took_s = np.concatenate([cell.reads.floats("service_ms") for cell in cells]) / 1000
    misses = took_s[took_s >= query_s]
    return float(np.median(misses)) if len(misses) else query_s
