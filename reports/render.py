"""From a run folder to report.html and the CSVs beside it. The same folder gives the same bytes."""

import base64
import csv
import hashlib
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import numpy as np

from artefact import write
from artefact.read import Run, read_run
from artefact.schema import METHOD, ContenderInfo, ScenarioInfo
from core.text import visible
from reports import answer, charts, decision, doubting, monitoring, provoked, transfer, words
from reports.advice.rules import RULES
from reports.advice.section import advice
from reports.charts import Chart
from reports.checks import distance_ms, own_lags_ms
from reports.claims import section as claims
from reports.cpu import cores, cpu_share, database_cpu, machine_cpu
from reports.events import told as told_events
from reports.experiments import section as experiments
from reports.frames import Cell, Floats, of_group
from reports.freshness.charts import charts as freshness_charts
from reports.judge import Judgement, judge
from reports.limiting import section as limiters
from reports.metrics.metric import Metric, metrics
from reports.metrics.response import waits_ms
from reports.races import section as races
from reports.results import Verdict
from reports.statistics import Estimate, quantile
from reports.theory import section as theory
from reports.who import who_ran

PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One cell of a scenario's table."""

    value: str
    exact: str
    """For sorting; empty where it is missing."""
    low: str
    high: str
    title: str
    why: str
    """Stands below the value, or instead of it."""
    verdict: str
    mark: str
    """better, worse, same, unclear or nothing: a class."""


@dataclass(frozen=True, kw_only=True)
class Row:
    contender: ContenderInfo
    color: str
    figures: list[Figure]
    note: str
    doubts: list[int]


@dataclass(frozen=True, kw_only=True)
class Apart:
    """A table of its own below a scenario's: what does not decide."""

    name: str
    title: str
    headings: list[tuple[str, int]]
    columns: list[Metric]
    rows: list[Row]


APART = {"freshness": "Freshness and memory in full"}
"""Titles of such tables, by what their metrics name."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A scenario's part of the page."""

    scenario: ScenarioInfo
    headings: list[tuple[str, int]]
    """(group, how many columns)"""
    columns: list[Metric]
    rows: list[Row]
    charts: list[Chart]
    apart: list["Apart"]
    comparisons: list[Verdict]
    lags: list[dict[str, str]]
    doubts: list[int]


def render(folder: Path) -> Path:
    """Write report.html, summary-<scenario>.csv, comparisons.csv and doubts.csv into the folder; the page's path.

    Raises RunFolderError (one line) where the folder is not a run, of another schema, or holds a cut file.
    """
    return render_judged(judge(read_run(folder)))


def render_judged(judgement: Judgement) -> Path:
    """As `render`, of a run that was judged already."""
    folder = judgement.run.folder
    for name, text in tables(judgement).items():
        write_whole(folder / name, text)
    path = folder / "report.html"
    write_page(path, page(judgement))
    return path


def write_page(path: Path, text: str) -> None:
    """Write a page; control characters in names, keys and error texts stand in it as escapes."""
    write_whole(path, visible(text, keep="\n\t"))


def write_whole(path: Path, text: str) -> None:
    """Raises WriteFailed."""
    write.write_whole(path, text.encode())


def page(judgement: Judgement) -> str:
    """The whole page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(words=words, isnan=math.isnan)
    environment.filters.update(flat=flat, slug=charts.slug, unbroken=unbroken)
    script = (PAGES / "report.js").read_text(encoding="utf-8")
    run = judgement.run
    found = answer.answers(judgement)
    explored = races.section_of(run.folder)
    judged_claims = claims.findings(judgement)
    advised = advice(judgement, explored.info if explored else None)
    covered = {a.scenario for a in advised}
    return environment.get_template("report.html.j2").render(
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        run=run.info,
        name=run.folder.resolve().name,
        judgement=judgement,
        done=len(run.done),
        asked=[(scenario.name, asked(scenario)) for scenario in run.info.scenarios],
        asked_in_all=asked_in_all(run.info.scenarios),
        who=who_ran(judgement),
        machine=machine(run),
        headline=answer.headline(found, judgement),
        answers=[a for a in found if a.scenario.name not in covered],
        reasons=[a for a in found if a.winner and a.scenario.name in covered and not a.scenario.variant_of],
        advice=advised,
        advice_rules=RULES,
        doubting=doubting.entries(judgement.doubts),
        rule=answer.RULE,
        depends_on=transfer.depends_on(found, judgement),
        claims=judged_claims,
        claims_said=claims.in_words(judged_claims),
        next=answer.next_command(judgement),
        decision=decision.decision_table(judgement, explored.info if explored else None),
        races=explored,
        colors={c.name: charts.style_of(run.info.contenders, c.name).variable for c in run.info.contenders},
        sections=[section(judgement, scenario) for scenario in judgement.scenarios],
        provoked=provoked.sections(judgement),
        limiters=limiters.sections(judgement, explored.info if explored else None),
        experiments=transfer.sections_beside(judgement),
        watched=monitoring.grids(judgement),
        theory=theory.section(judgement),
        palette=charts.PALETTE,
        method=METHOD,
        downloads=sorted(tables(judgement)),
    )


def asked(scenario: ScenarioInfo) -> str:
    """A scenario's workload in a line."""
    if scenario.kind == "limiting":
        return limiters.asked(scenario)
    w = scenario.workload
    load = (
        "your own SQL"
        if w.get("own_sql")
        else f"{w['load_cpu_ms']:g} ms of CPU and {w['load_wait_ms']:g} ms of waiting a load"
    )
    keys = w.get("active_records") or w.get("records")
    counted = "the keys of your SQL" if w.get("own_sql") and not w.get("active_records") else f"{keys:,} keys"
    popular = "one hot key" if keys == 1 else f"{counted}, Zipf {w['key_skew']:g}"
    return (
        f"{w['rate_per_s']:g} requests/s ({w['arrivals']}), {100 * w['read_share']:g} % reads, {popular}, records of "
        f"{w['record_bytes']:,} bytes, TTL {w['ttl_s']:g} s, {load}, simulated distance {w.get('rtt_ms') or 0:g} ms, "
        f"{scenario.processes} processes of {w['users_per_process']} threads"
    )


def asked_in_all(scenarios: Sequence[ScenarioInfo]) -> str:
    """All workloads in two lines: how many, and between which bounds they lie."""
    caching = [s for s in scenarios if s.kind == "caching"]
    flooded = len(scenarios) - len(caching)
    if not caching:
        return f"{flooded} workloads for rate limiters"
    rows = [s.workload for s in caching]

    def between(values: Iterable[float], unit: str) -> str:
        known = sorted(values)
        ends = f"{known[0]:g}" if known[0] == known[-1] else f"{known[0]:g} to {known[-1]:g}"
        return f"{ends}{unit}"

    parts = [
        between((w["rate_per_s"] for w in rows), " requests/s"),
        between((100 * w["read_share"] for w in rows), " % reads"),
        "loads by your own SQL"
        if any(w.get("own_sql") for w in rows)
        else between((w["load_cpu_ms"] + w["load_wait_ms"] for w in rows), " ms a load"),
        between((w["ttl_s"] for w in rows), " s TTL"),
        f"simulated distance {between((w.get('rtt_ms') or 0 for w in rows), ' ms a round trip')}",
        between((s.processes for s in caching), " processes")
        + between((w["users_per_process"] for w in rows), " threads").join((" of ", "")),
    ]
    flood = f", and {'a flood' if flooded == 1 else f'{flooded} floods'} for rate limiters" if flooded else ""
    return f"{len(caching)} workloads{flood}: {', '.join(parts)}"


def machine(run: Run) -> str:
    """Machine and servers in a line."""
    about = run.info.circumstances
    box, servers = about.get("machine", {}), about.get("servers", {})
    names = [
        f"{s.get('name', kind)} {s.get('version', '')}".strip()
        for kind in ("postgres", "redis")
        if isinstance(s := servers.get(kind), Mapping)
    ]
    memory = box.get("memory_bytes")
    parts = [str(box.get("system", "")), str(box.get("cpu", "")), f"{box.get('cores', '?')} cores"]
    if memory:
        parts.append(f"{memory / 2**30:.1f} GiB")
    stack = f" ({servers['stack']})" if servers.get("stack") else ""
    return f"{', '.join(p for p in parts if p)}; {words.listed(names) or 'servers unknown'}{stack}"


def section(judgement: Judgement, scenario: ScenarioInfo) -> Section:
    contenders = [c for c in judgement.run.info.contenders if judgement.of(scenario.name, c.name)]
    worth = [m for m in metrics() if worth_a_column(judgement, scenario.name, contenders, m)]
    shown = [m for m in worth if not m.apart]
    return Section(
        scenario=scenario,
        headings=headings(shown),
        columns=shown,
        rows=[row(judgement, scenario, c, shown) for c in contenders],
        charts=[*charts.charts(judgement, scenario), *freshness_charts(judgement, scenario)],
        apart=[
            Apart(
                name=name,
                title=title,
                headings=headings(columns),
                columns=columns,
                rows=[row(judgement, scenario, c, columns) for c in contenders if c.kind != "ruler"],
            )
            for name, title in APART.items()
            if (columns := [m for m in worth if m.apart == name])
        ],
        comparisons=[v for v in verdicts_of(judgement, scenario.name) if v.comparison.rounds],
        lags=[lag(judgement, scenario, c) for c in contenders],
        doubts=[x.number for x in judgement.doubts if x.scenario == scenario.name and not x.contenders],
    )


def headings(columns: Sequence[Metric]) -> list[tuple[str, int]]:
    """(group, how many columns)"""
    return [(group, len(list(members))) for group, members in groupby(columns, key=lambda m: m.group)]


def worth_a_column(judgement: Judgement, scenario: str, contenders: Sequence[ContenderInfo], metric: Metric) -> bool:
    if metric.name == "unanswered":
        return any(judgement.figure(scenario, c.name, metric.name).value for c in contenders)
    return any(not judgement.figure(scenario, c.name, metric.name).missing for c in contenders) or (
        metric.name in ("read-p50", "read-p99")
    )


def verdicts_of(judgement: Judgement, scenario: str) -> list[Verdict]:
    """A/A first, then the contenders, metric by metric."""
    found = [v for (s, _), v in judgement.twins.items() if s == scenario]
    found += [v for (s, _, _), v in judgement.verdicts.items() if s == scenario]
    return sorted(found, key=lambda v: v.metric.order)


MARKS = {"cannot tell": "unclear", "better": "better", "worse": "worse", "same": "same", "": ""}


def row(judgement: Judgement, scenario: ScenarioInfo, contender: ContenderInfo, shown: Sequence[Metric]) -> Row:
    figures = []
    for metric in shown:
        figure = judgement.figure(scenario.name, contender.name, metric.name)
        verdict = judgement.verdicts.get((scenario.name, contender.name, metric.name))
        if contender.kind == "twin":
            verdict = judgement.twins.get((scenario.name, metric.name))
        figures.append(shown_figure(figure, verdict, metric))
    due, open_ = (judgement.figure(scenario.name, contender.name, n).value for n in ("due", "unanswered"))
    note = f"saturated: {due - open_:,.0f} of {due:,.0f} answered within D" if open_ else ""
    return Row(
        contender=contender,
        color=charts.style_of(judgement.run.info.contenders, contender.name).variable,
        figures=figures,
        note=note,
        doubts=[x.number for x in judgement.doubts_of(scenario.name, contender.name) if x.contenders],
    )


def shown_figure(figure: Estimate, verdict: Verdict | None, metric: Metric) -> Figure:
    span = words.has_interval(figure)
    told = words.spoken(verdict) if verdict is not None and verdict.comparison.rounds else ""
    return Figure(
        value=words.figure(figure.value, metric),
        exact=plain(figure.value).replace("inf", "Infinity"),
        low=words.number(figure.low) if span else "",
        high=words.number(figure.high) if span else "",
        title=words.provenance(figure),
        why=figure.why,
        verdict=told if verdict is not None and verdict.sentence else "",
        mark=MARKS[verdict.sentence] if verdict is not None else "",
    )


NO_OP = "no-op"
"""The ruler that asks nobody."""


def lag(judgement: Judgement, scenario: ScenarioInfo, contender: ContenderInfo) -> dict[str, str]:
    """What the run achieved of what was asked, for one contender."""
    cells = judgement.of(scenario.name, contender.name)
    lag_p50_ms, lag_p99_ms = own_lags_ms(cells)
    rates = achieved_per_s(cells)

    def busy(used: Callable[[Cell], float]) -> str:
        middle = quantile(charts.array([used(cell) / cores(judgement.run) for cell in cells]), 0.5)
        return words.MISSING if math.isnan(middle) else f"{100 * middle:.0f} %"

    return {
        "contender": contender.name,
        "offered": f"{scenario.workload['rate_per_s']:g}/s",
        "achieved": f"{sum(rates) / len(rates):.1f}/s",
        "our lag p50": words.with_unit(lag_p50_ms, "ms"),
        "our lag p99": words.with_unit(lag_p99_ms, "ms"),
        "machine's floor p50": words.with_unit(scenario.measured.get("timer_floor_p50_ms", math.nan), "ms"),
        "machine's floor p99": words.with_unit(scenario.measured.get("timer_floor_p99_ms", math.nan), "ms"),
        "the harness' share of read p50": instrument_share(judgement, scenario, cells),
        "events in its cells": told_events(judgement.run.timeline, cells),
        "response over service at p99": stretch(cells),
        "distance asked": f"{scenario.workload.get('rtt_ms') or 0:g} ms",
        "distance achieved": words.with_unit(distance_ms(cells), "ms"),
        "database CPU": busy(database_cpu),
        "Redis CPU": busy(lambda cell: cpu_share(cell, "redis")),
        "our CPU": busy(lambda cell: cpu_share(cell, "process-", "conductor")),
        "machine CPU": busy(machine_cpu),
    }


def instrument_share(judgement: Judgement, scenario: ScenarioInfo, cells: Sequence[Cell]) -> str:
    """How much of a read is the harness' own: the no-op's p50 over this contender's, both from due times."""
    alone, whole = (middle_ms(some) for some in (judgement.of(scenario.name, NO_OP), cells))
    return words.MISSING if not math.isfinite(alone) or not whole else f"{100 * alone / whole:.0f} %"


def times_ms(cells: Sequence[Cell], name: str) -> Floats:
    """Of all reads that did not fail; infinity where one was still open at the deadline."""
    each = [waits_ms(cell.reads, name) for cell in cells]
    return np.concatenate(each) if each else np.array([])


@of_group
def middle_ms(cells: Sequence[Cell]) -> float:
    return quantile(times_ms(cells, "response_ms"), 0.5)


@of_group
def achieved_per_s(cells: Sequence[Cell]) -> list[float]:
    """Requests that began inside the window, a second, in each round."""
    began = [cell.due["start_s"].between(0.0, cell.window_s, inclusive="left") for cell in cells]
    return [float(each.sum()) / cell.window_s for each, cell in zip(began, cells, strict=True)]


@of_group
def stretch(cells: Sequence[Cell]) -> str:
    """Response time over service time at p99: how much of a wait is the queue before the start."""
    response, service = (quantile(times_ms(cells, name), 0.99) for name in ("response_ms", "service_ms"))
    return words.MISSING if not math.isfinite(response) or not service else f"{response / service:.2f}"


def unbroken(text: str) -> markupsafe.Markup:
    """Names with hyphens stay on one line."""
    return markupsafe.Markup(
        re.sub(r"[\w]+(?:-[\w]+)+", r'<span class="name">\g<0></span>', str(markupsafe.escape(text)))
    )


def flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """A nested mapping as rows of (dotted name, text)."""
    if isinstance(value, Mapping):
        return [pair for k, v in value.items() for pair in flat(v, f"{prefix}.{k}" if prefix else str(k))]
    return [(prefix, "" if value is None else str(value))]


def tables(judgement: Judgement) -> dict[str, str]:
    """File name to CSV."""
    found = {}
    for scenario in judgement.scenarios:
        rows = []
        for contender in judgement.run.info.contenders:
            for m in metrics():
                e = judgement.figure(scenario.name, contender.name, m.name)
                head = (scenario.name, contender.name, contender.kind, m.name, m.unit)
                rows.append((*head, *map(plain, (e.value, e.low, e.high, e.level)), e.rounds, e.how, e.why))
        names = "scenario contender kind metric unit value low high level rounds how why"
        found[f"summary-{scenario.name}.csv"] = as_csv(names, rows)
    rows = []
    for scenario in judgement.scenarios:
        for v in verdicts_of(judgement, scenario.name):
            c = v.comparison
            shifts = [
                x for s in (c.ratio, c.difference) for x in ((s.estimate, s.low, s.high, s.level) if s else (None,) * 4)
            ]
            tail = (*map(plain, shifts), c.rounds, plain(v.adjusted_p), plain(v.m), words.spoken(v), words.so_what(v))
            rows.append((v.scenario, v.contender, v.against, v.metric.name, *tail))
    names = (
        "scenario contender against metric ratio ratio_low ratio_high ratio_level difference difference_low "
        "difference_high difference_level rounds holm_p noise_floor sentence so_what"
    )
    found["comparisons.csv"] = as_csv(names, rows)
    for aside in provoked.sections(judgement):
        found[f"{aside.scenario.name}.csv"] = as_csv(aside.findings.names, aside.findings.csv)
    if judgement.limiting is not None:
        found["limiters.csv"] = as_csv(limiters.HEADER, limiters.csv_rows(judgement))
    if judgement.cells or judgement.limiting is not None:
        found["redis.csv"] = as_csv(monitoring.HEADER, monitoring.csv_rows(judgement))
    for told in experiments.sections(judgement.run):
        if told.findings is not None and told.findings.names:
            found[f"experiment-{told.info.name}.csv"] = as_csv(told.findings.names, told.findings.csv)
    found["claims.csv"] = as_csv(claims.HEADER, claims.csv_rows(claims.findings(judgement)))
    rows = [
        (
            x.number,
            x.kind.name,
            x.scenario or "",
            " ".join(x.contenders),
            x.what,
            plain(x.value),
            plain(x.limit),
            x.kind.unit,
        )
        for x in judgement.doubts
    ]
    found["doubts.csv"] = as_csv("number name scenario contenders what value limit unit", rows)
    return found


def plain(value: float | None) -> str:
    """Six significant digits for a machine; empty where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def as_csv(names: str, rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names.split())
    writer.writerows(rows)
    return out.getvalue()
