"""Report section on an outage: table, summary sentences and time series."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.rows import Floats
from stampede.reports.analysis.timeseries import LATE_MS, bins, draw_line, loads_in, of_each
from stampede.reports.output import formatting
from stampede.reports.output.charts import (
    GRID,
    INK,
    MUTED,
    NARROW,
    Chart,
    drawn_twice,
    legend,
    mark,
    new_figure,
    short,
    style_axes,
)
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import quantile
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.reports.topics.faults.outage_effects import (
    BACK_SHARE,
    BIN_S,
    SLOW,
    OutageEffects,
    answered_ms,
    hit_rate,
    outages,
    percent_served,
    served_range,
    share_served,
)
from stampede.run_folder.schema import ScenarioInfo


def findings(analysis: Analysis, scenario: ScenarioInfo) -> Findings:
    """Findings of one outage scenario."""
    found = outages(analysis, scenario)
    if not found:
        return Findings(answer="The fault occurred in no cell.")
    back = server(scenario)
    rows = [row(outage, back) for outage in found]
    return Findings(
        answer=answer(found, back),
        notes=[text for text in (timeouts(found, scenario),) if text],
        grids=[
            Grid(
                anchor=f"{scenario.name}-table",
                title="The outage",
                explain=(
                    f"Served: answered without an error within {LATE_MS / 1000:g} s of the due instant, with the range "
                    "of the rounds. Late: answered after that time. p50: the median time of the answered requests."
                ),
                columns=["contender", *(COLUMNS[i].format(back=back) for i in KEY)],
                rows=[
                    (
                        outage.contender.name,
                        [entries[i] if i in DETAILED else GridEntry(text=entries[i].text) for i in KEY],
                    )
                    for outage, entries in zip(found, rows, strict=True)
                ],
            ),
            Grid(
                anchor=f"{scenario.name}-all",
                title="Before, during, after",
                explain=(
                    f"Served: answered without an error within {LATE_MS / 1000:g} s of the due instant. A request "
                    "belongs to the outage if it was due during it. Late requests were answered after that time, some "
                    f"only after {back} was back. Unanswered requests were still open at the cell's deadline: their "
                    "time is > D. p50 is the median time of the answered requests; failures are excluded and listed "
                    "with the time after which the caller received the error. Queries/s count every query of a "
                    f"request, the query time is the median. Answers are back when the median is at most {SLOW} "
                    f"times the median before. The hit rate is back at {100 * BACK_SHARE:g} % of its value before. All "
                    "rounds are pooled; below served: the range of the rounds."
                ),
                columns=["contender", *(title.format(back=back) for title in COLUMNS)],
                rows=[(outage.contender.name, entries) for outage, entries in zip(found, rows, strict=True)],
                folded=True,
            ),
        ],
        charts=[over_time(analysis, scenario, found)],
        names=(
            "contender due served failed late sat_out unanswered p50_ms slowest_ms hit_share_before hit_share_outage "
            "load_before_ms load_outage_ms loads_before_per_s loads_outage_per_s peak_loads_after answers_back_s "
            "hit_rate_back_s"
        ),
        csv=[csv_row(outage) for outage in found],
    )


def server(scenario: ScenarioInfo) -> str:
    """The server that fails: Redis or the database."""
    return str((scenario.fault or {}).get("server", "Redis"))


COLUMNS = (
    "due in the outage",
    "served",
    "failed",
    "late",
    "unanswered",
    "p50 in the outage",
    "slowest",
    "hits of the reads due then",
    "query time in the outage",
    "queries/s in the outage",
    "most queries in 100 ms after",
    "answers back after",
    "hit rate back after",
)
KEY = (1, 2, 3, 5, 9, 11)
"""The columns of the table that is not folded."""
DETAILED = (1, 9)
"""Those of them that keep their second figure."""


def row(outage: OutageEffects, back: str) -> list[GridEntry]:
    """One contender's row of the table."""
    during = outage.of("outage")
    hits_back_s = outage.hits_back_s()
    sat_out = outage.sat_out()
    return [
        GridEntry(text=f"{len(during):,}"),
        GridEntry(text=percent_served(share_served(outage)), detail=served_range(outage)),
        GridEntry(text=f"{outage.failed():,}", detail=failures(outage)),
        GridEntry(text=f"{outage.late():,}", detail=f"{sat_out:,} answered only after {back} was back"),
        GridEntry(text=f"{outage.unanswered():,}"),
        GridEntry(text=formatting.with_unit(quantile(answered_ms(during), 0.5), "ms")),
        GridEntry(text=formatting.with_unit(slowest_s(outage) * 1000, "ms")),
        GridEntry(text=percent(outage.hit_share("outage")), detail=f"before: {percent(outage.hit_share('before'))}"),
        GridEntry(
            text=formatting.with_unit(outage.load_ms("outage"), "ms"),
            detail=f"before: {formatting.with_unit(outage.load_ms('before'), 'ms')}",
        ),
        GridEntry(
            text=formatting.number(outage.loads_per_s("outage")),
            detail=f"before: {formatting.number(outage.loads_per_s('before'))}",
        ),
        GridEntry(text=formatting.number(outage.peak_after())),
        GridEntry(text=formatting.with_unit(outage.answers_back_s(), "s")),
        GridEntry(text="not in the window" if math.isnan(hits_back_s) else formatting.with_unit(hits_back_s, "s")),
    ]


def percent(share: float) -> str:
    return formatting.MISSING if math.isnan(share) else f"{100 * share:.0f} %"


def failures(outage: OutageEffects) -> str:
    """Failures by error class: their number and the median time until the error."""
    failed = outage.of("outage")
    failed = failed[failed["failed"]]
    parts = []
    for name, rows in failed.groupby(failed["error"].astype(str)):
        after_s = quantile(rows["response_ms"].to_numpy(dtype=np.float64), 0.5) / 1000
        parts.append(f"{len(rows)} {name} after {formatting.with_unit(after_s, 's')}")
    return ", ".join(parts)


def slowest_s(outage: OutageEffects) -> float:
    """Slowest answer in seconds; inf if a request was still open at the deadline."""
    return float(answered_ms(outage.of("outage")).max(initial=0.0)) / 1000


def csv_row(outage: OutageEffects) -> list[object]:
    during = outage.of("outage")
    figures = (
        share_served(outage),
        outage.failed(),
        outage.late(),
        outage.sat_out(),
        outage.unanswered(),
        quantile(answered_ms(during), 0.5),
        slowest_s(outage) * 1000,
        outage.hit_share("before"),
        outage.hit_share("outage"),
        outage.load_ms("before"),
        outage.load_ms("outage"),
        outage.loads_per_s("before"),
        outage.loads_per_s("outage"),
        outage.peak_after(),
        outage.answers_back_s(),
        outage.hits_back_s(),
    )
    return [outage.contender.name, len(during), *(f"{float(figure):.6g}" for figure in figures)]


def answer(found: Sequence[OutageEffects], back: str) -> str:
    """The share of requests that each contender served during the outage, the largest first."""
    ranked = sorted(found, key=lambda outage: -share_served(outage))
    served = [f"{outage.contender.name} {percent_served(share_served(outage))}" for outage in ranked]
    return (
        f"While {back} was down, requests answered without an error within {LATE_MS / 1000:g} s: "
        f"{formatting.listed(served)}."
    )


def timeouts(found: Sequence[OutageEffects], scenario: ScenarioInfo) -> str:
    """For a hung Redis: when a call of each client raises, and the consequence for a hang of this length."""
    if (scenario.fault or {}).get("what") != "hang redis":
        return ""
    parts = []
    for outage in found:
        client, hung_s = outage.contender.client, outage.ended_s - outage.began_s
        timeout_s, gives_up_s = client.get("socket_timeout_s"), outage.gives_up_s
        if timeout_s is None:
            parts.append(f"{outage.contender.name}'s client sets no timeout: a call waits as long as Redis hangs")
            continue
        tries = int(client.get("retries", 0)) + 1
        declared = f"{1000 * timeout_s:,.0f} ms per answer, {tries} {'try' if tries == 1 else 'tries'}"
        raises = f"raises after {1000 * gives_up_s:,.0f} ms at the earliest"
        if gives_up_s >= hung_s:
            length = formatting.with_unit(hung_s, "s")
            then = f"; in a hang of {length} no call can fail: it waits until Redis answers"
        elif outage.late() and not outage.failed():
            then = f"; in this hang of {formatting.with_unit(hung_s, 's')} no call did"
        else:
            then = ""
        parts.append(f"{outage.contender.name}'s client sets a timeout of {declared}: a call {raises}{then}")
    return ". ".join(parts) + "."


def returns(found: Sequence[OutageEffects], back: str) -> str:
    """Recovery of every contender, as a sentence."""
    parts = []
    for outage in found:
        hits = outage.hits_back_s()
        rate = "was not back in the window" if math.isnan(hits) else f"was back after {formatting.with_unit(hits, 's')}"
        parts.append(
            f"{outage.contender.name} answered as before after {formatting.with_unit(outage.answers_back_s(), 's')}, "
            f"its hit rate {rate}, with at most {outage.peak_after():.0f} queries in 100 ms meanwhile"
        )
    return f"After {back} was back: {'; '.join(parts)}."


def over_time(analysis: Analysis, scenario: ScenarioInfo, found: Sequence[OutageEffects]) -> Chart:
    """Response time, useless requests, queries and hit rate over the window, the outage shaded."""
    edges = bins(scenario.window_s, BIN_S)
    lines = {outage.contender.name: lines_of(outage, edges) for outage in found}
    anchor = f"{scenario.name}-over-time"
    question = "What do users and the database experience before, during and after the outage?"
    caption = returns(found, server(scenario))
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            f"Each point covers {1000 * BIN_S:g} ms of all rounds. The time axis is the due instant, so a request that "
            "waited through the outage is at the point where it began to wait; a request that was still open at the "
            "deadline counts with all the time until then. A request that the database served because the cache failed "
            "is no hit. The recovery is right of the shaded area: a killed Redis returns empty, a hung Redis returns "
            "with its entries."
        ),
        svg=drawn_twice(
            lambda width: over_time_figure(analysis, found, edges, lines, width), anchor, question, caption
        ),
        columns=["contender", "from s", "p50 ms", "failed or late %", "queries/s", "hit rate %"],
        rows=[
            [name, f"{at:.2f}", *(formatting.MISSING if math.isnan(v) else f"{v:.4g}" for v in values)]
            for name, own in lines.items()
            for at, *values in zip(edges[:-1], *own, strict=True)
        ],
    )


TITLES = ("response time p50, ms (log)", f"failed or over {LATE_MS / 1000:g} s, %", "queries/s", "hit rate, %")


def lines_of(outage: OutageEffects, edges: Floats) -> tuple[Floats, ...]:
    """The values of each panel, by bin."""
    due = outage.due
    return (
        of_each(due["wait_ms"], due["due_s"], edges, "median"),
        100 * of_each(due["useless"], due["due_s"], edges, "mean"),
        loads_in(outage.cells, edges) / BIN_S,
        100 * hit_rate(due, edges),
    )


def over_time_figure(
    analysis: Analysis,
    found: Sequence[OutageEffects],
    edges: Floats,
    lines: Mapping[str, tuple[Floats, ...]],
    width: float,
) -> Figure:
    """Four panels, two by two; below each other on a phone."""
    rows = len(TITLES) if width == NARROW else 2
    figure = new_figure(width, 0.7 + 1.7 * rows)
    panels = list(figure.subplots(rows, len(TITLES) // rows, sharex=True, squeeze=False).flat)
    for i, (axes, title) in enumerate(zip(panels, TITLES, strict=True)):
        axes.axvspan(found[0].began_s, found[0].ended_s, color=GRID, alpha=0.6, linewidth=0, zorder=0)
        axes.set_title(title, loc="left", fontsize=9, color=INK)
        style_axes(axes)
        for name, own in lines.items():
            first = len([*axes.get_lines(), *axes.collections, *axes.texts])
            draw_line(axes, analysis.run.info.contenders, name, edges, own[i])
            mark(axes, name, first)
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_formatter(FuncFormatter(short))
    panels[1].set_ylim(-4, 104)
    panels[3].set_ylim(-4, 104)
    figure.supxlabel("due instant, seconds since the window began; shaded: the outage", fontsize=9.5, color=MUTED)
    legend(figure)
    return figure
