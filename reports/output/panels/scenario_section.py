"""A caching scenario's section of the page: its tables, its charts, and the requested and achieved conditions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.cpu_use import cores, cpu_share, database_cpu, machine_cpu
from stampede.reports.analysis.frames import Cell, began_inside, per_group
from stampede.reports.analysis.results import Verdict
from stampede.reports.analysis.rows import Floats
from stampede.reports.checks.load_checks import own_lags_ms
from stampede.reports.checks.server_checks import achieved_rtt_ms
from stampede.reports.metrics.metric import Metric, metrics
from stampede.reports.metrics.query_figures import QueryFigure, query_figures, query_metrics
from stampede.reports.metrics.response_times import waits_ms
from stampede.reports.output import charts, formatting
from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.scenario_chart import charts_of
from stampede.reports.output.csv_output.csv_text import plain
from stampede.reports.output.panels.key_table import Focus, KeyTable, focus_of, key_sentence, key_table
from stampede.reports.output.panels.server_events_panel import events_text, server_events
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import Estimate, quantile
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo


@dataclass(frozen=True, kw_only=True)
class ScenarioFigure:
    """One cell of a scenario's table."""

    value: str
    exact: str
    """The value for sorting; empty if it is missing."""
    low: str
    high: str
    title: str
    """The tooltip."""
    why: str
    """A remark on the value, or why it is missing."""


@dataclass(frozen=True, kw_only=True)
class ScenarioRow:
    """One contender's row in a scenario's table."""

    contender: ContenderInfo
    color: str
    figures: list[ScenarioFigure]
    note: str
    warnings: list[int]


@dataclass(frozen=True, kw_only=True)
class DetailTable:
    """A folded table below a scenario's table, for metrics that do not decide."""

    name: str
    title: str
    headings: list[tuple[str, int]]
    columns: list[Metric]
    rows: list[ScenarioRow]


OPEN_CHARTS: dict[Focus, tuple[str, ...]] = {
    "expiries": ("expiries", "timeline"),
    "freshness": ("frontier",),
    "hits": ("forest",),
}
"""The charts that are not folded, by what the scenario is about; if it has none of them, the first chart."""
DETAIL_TABLES = {"freshness": "Freshness and memory in full"}
"""Titles of the detail tables, by the name that their metrics carry."""


@dataclass(frozen=True, kw_only=True)
class ScenarioSection:
    """A scenario's section of the page."""

    scenario: ScenarioInfo
    headings: list[tuple[str, int]]
    """(group, number of columns)"""
    columns: list[Metric]
    rows: list[ScenarioRow]
    sentence: str
    """The answer of the section."""
    key: KeyTable
    """The table that is not folded."""
    charts: list[Chart]
    """The charts that are not folded."""
    folded_charts: list[Chart]
    details: list[DetailTable]
    queries: Grid | None
    """The figures of each query; None: the scenario has one query."""
    comparisons: list[Verdict]
    lags: list[dict[str, str]]
    warnings: list[int]
    """The warnings that concern several contenders, or the whole scenario."""


def section(analysis: Analysis, scenario: ScenarioInfo) -> ScenarioSection:
    """The section of one scenario."""
    contenders = [c for c in analysis.run.info.contenders if analysis.of(scenario.name, c.name)]
    drawn = charts_of(analysis, scenario)
    shown_anchors = [f"{scenario.name}-{name}" for name in OPEN_CHARTS[focus_of(analysis, scenario)]]
    shown_charts = [chart for chart in drawn if chart.anchor in shown_anchors] or drawn[:1]
    worth = [m for m in metrics() if worth_a_column(analysis, scenario.name, contenders, m)]
    shown = [m for m in worth if not m.separate_table]
    return ScenarioSection(
        scenario=scenario,
        headings=headings(shown),
        columns=shown,
        rows=[row(analysis, scenario, c, shown) for c in contenders],
        sentence=key_sentence(analysis, scenario),
        key=key_table(analysis, scenario, [c for c in contenders if c.name != NO_OP]),
        charts=shown_charts,
        folded_charts=[chart for chart in drawn if chart not in shown_charts],
        details=[
            DetailTable(
                name=name,
                title=title,
                headings=headings(columns),
                columns=columns,
                rows=[row(analysis, scenario, c, columns) for c in contenders if c.kind != "baseline"],
            )
            for name, title in DETAIL_TABLES.items()
            if (columns := [m for m in worth if m.separate_table == name])
        ],
        queries=query_grid(analysis, scenario, [c for c in contenders if c.name != NO_OP]),
        comparisons=[v for v in verdicts_of(analysis, scenario.name) if v.comparison.rounds],
        lags=[lag(analysis, scenario, c) for c in contenders],
        warnings=[x.number for x in analysis.shared_warnings(scenario.name)],
    )


def query_grid(analysis: Analysis, scenario: ScenarioInfo, contenders: Sequence[ContenderInfo]) -> Grid | None:
    """The figures of each contender and query; None if the scenario has one query."""
    if not scenario.queries:
        return None
    found = {c.name: query_figures(analysis.of(scenario.name, c.name)) for c in contenders}
    known = {f.metric.name for own in found.values() for f in own if not f.estimate.missing}
    rows: list[tuple[str, list[GridEntry]]] = []
    for contender in contenders:
        for query in scenario.queries:
            own = [f for f in found[contender.name] if f.query.name == query.name and f.metric.name in known]
            named = GridEntry(text=query.name, detail=f"{100 * query.share:.3g} % of requests")
            rows.append((contender.name, [named, *map(query_entry, own)]))
    shown = [metric for metric in query_metrics() if metric.name in known]
    titles = [f"{m.group} {m.title}".strip() + (f" ({m.unit})" if m.unit else "") for m in shown]
    return Grid(
        anchor=f"{scenario.name}-queries",
        title="the figures of each query",
        explain=(
            "Each figure is defined as for all requests, and computed from the requests of one query; below it is its "
            "95 % interval over rounds."
        ),
        columns=["contender", "query", *titles],
        rows=rows,
    )


def query_entry(figure: QueryFigure) -> GridEntry:
    """One figure of the table of queries."""
    shown = shown_figure(figure.estimate, figure.metric)
    return GridEntry(text=shown.value, detail=f"{shown.low} to {shown.high}" if shown.low else shown.why)


def headings(columns: Sequence[Metric]) -> list[tuple[str, int]]:
    """The headings above the columns: (group, number of columns)."""
    return [(group, len(list(members))) for group, members in groupby(columns, key=lambda m: m.group)]


def worth_a_column(analysis: Analysis, scenario: str, contenders: Sequence[ContenderInfo], metric: Metric) -> bool:
    """Whether a contender has the metric; read p50 and p99 always have a column."""
    if metric.name == "unanswered":
        return any(analysis.figure(scenario, c.name, metric.name).value for c in contenders)
    return any(not analysis.figure(scenario, c.name, metric.name).missing for c in contenders) or (
        metric.name in ("read-p50", "read-p99")
    )


def verdicts_of(analysis: Analysis, scenario: str) -> list[Verdict]:
    """The verdicts of a scenario by metric: the A/A copies first, then the contenders."""
    found = [v for (s, _), v in analysis.aa_pairs.items() if s == scenario]
    found += [v for (s, _, _), v in analysis.verdicts.items() if s == scenario]
    return sorted(found, key=lambda v: v.metric.order)


def row(analysis: Analysis, scenario: ScenarioInfo, contender: ContenderInfo, shown: Sequence[Metric]) -> ScenarioRow:
    """The row of one contender."""
    figures = []
    for metric in shown:
        figure = analysis.figure(scenario.name, contender.name, metric.name)
        figures.append(shown_figure(figure, metric))
    due, open_ = (analysis.figure(scenario.name, contender.name, n).value for n in ("due", "unanswered"))
    note = f"{open_:,.0f} of {due:,.0f} requests unanswered" if open_ else ""
    return ScenarioRow(
        contender=contender,
        color=charts.style_of(analysis.run.info.contenders, contender.name).variable,
        figures=figures,
        note=note,
        warnings=[x.number for x in analysis.warnings_of(scenario.name, contender.name)],
    )


def shown_figure(figure: Estimate, metric: Metric) -> ScenarioFigure:
    """The texts of one cell of the table."""
    span = formatting.has_interval(figure)
    return ScenarioFigure(
        value=formatting.figure(figure.value, metric),
        exact=plain(figure.value).replace("inf", "Infinity"),
        low=formatting.number(figure.low) if span else "",
        high=formatting.number(figure.high) if span else "",
        title=formatting.provenance(figure),
        why=figure.why,
    )


NO_OP = "no-op"
"""The baseline that sends no request to a server."""


def lag(analysis: Analysis, scenario: ScenarioInfo, contender: ContenderInfo) -> dict[str, str]:
    """Requested and achieved conditions of one contender's cells, by column title."""
    cells = analysis.of(scenario.name, contender.name)
    lag_p50_ms, lag_p99_ms = own_lags_ms(cells)
    rates = achieved_per_s(cells)

    def busy(used: Callable[[Cell], float]) -> str:
        middle = quantile(charts.array([used(cell) / cores(analysis.run) for cell in cells]), 0.5)
        return formatting.MISSING if math.isnan(middle) else f"{100 * middle:.0f} %"

    return {
        "contender": contender.name,
        "offered": f"{scenario.workload['rate_per_s']:g}/s",
        "achieved": f"{sum(rates) / len(rates):.1f}/s",
        "harness lateness p50": formatting.with_unit(lag_p50_ms, "ms"),
        "harness lateness p99": formatting.with_unit(lag_p99_ms, "ms"),
        "timer floor p50": formatting.with_unit(scenario.measured.get("timer_floor_p50_ms", math.nan), "ms"),
        "timer floor p99": formatting.with_unit(scenario.measured.get("timer_floor_p99_ms", math.nan), "ms"),
        "harness share of read p50": instrument_share(analysis, scenario, cells),
        "events in its cells": events_text(analysis.once(server_events), cells),
        "response over service at p99": stretch(cells),
        "simulated RTT requested": f"{scenario.workload.get('rtt_ms') or 0:g} ms",
        "simulated RTT achieved": formatting.with_unit(achieved_rtt_ms(cells), "ms"),
        "database CPU": busy(database_cpu),
        "Redis CPU": busy(lambda cell: cpu_share(cell, "redis")),
        "harness CPU": busy(lambda cell: cpu_share(cell, "process-", "coordinator")),
        "machine CPU": busy(machine_cpu),
    }


def instrument_share(analysis: Analysis, scenario: ScenarioInfo, cells: Sequence[Cell]) -> str:
    """The harness' share of a read: the no-op's p50 over this contender's, both from due times."""
    alone, whole = (middle_ms(some) for some in (analysis.of(scenario.name, NO_OP), cells))
    return formatting.MISSING if not math.isfinite(alone) or not whole else f"{100 * alone / whole:.0f} %"


def times_ms(cells: Sequence[Cell], name: str) -> Floats:
    """The response or service times of all reads that did not fail; infinite for those still open at the deadline."""
    each = [waits_ms(cell.reads, name) for cell in cells]
    return np.concatenate(each) if each else np.array([])


@per_group
def middle_ms(cells: Sequence[Cell]) -> float:
    """The median response time of reads, over all rounds."""
    return quantile(times_ms(cells, "response_ms"), 0.5)


@per_group
def achieved_per_s(cells: Sequence[Cell]) -> list[float]:
    """Requests per second that began inside the window, for each round."""
    return [began_inside(cell) / cell.window_s for cell in cells]


@per_group
def stretch(cells: Sequence[Cell]) -> str:
    """Response time over service time at p99: above 1, requests queued before they started."""
    response, service = (quantile(times_ms(cells, name), 0.99) for name in ("response_ms", "service_ms"))
    return formatting.MISSING if not math.isfinite(response) or not service else f"{response / service:.2f}"
