"""Freshness drawn: how long the old value can still be read, what it is traded for, and what a longer TTL buys."""

import math

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from artefact.schema import ScenarioInfo
from reports import words
from reports.charts import (
    INK,
    MUTED,
    Chart,
    drawn,
    dress,
    legend,
    mark,
    new_figure,
    of_scenario,
    short,
    style_of,
    two_and_five,
)
from reports.freshness.curve import FEWEST
from reports.judge import Judgement
from reports.metrics.convergence_metrics import curve_of
from reports.metrics.metric import find_metric

SWEEP = "ttl-sweep-"
"""Scenarios of this name differ in nothing but the TTL."""


def charts(judgement: Judgement, scenario: ScenarioInfo) -> list[Chart]:
    """Every chart about freshness that this scenario has data for."""
    makers = (share_fresh, frontier, sweep)
    return [chart for maker in makers if (chart := maker(judgement, scenario)) is not None]


def share_fresh(judgement: Judgement, scenario: ScenarioInfo) -> Chart | None:
    """Share of reads that return a write, or newer, against the time since its caller was told."""
    figure = new_figure(7.6, 4.0)
    axes = figure.add_subplot()
    table, told = [], []
    for contender, cells in of_scenario(judgement, scenario):
        found = curve_of(cells)
        if found is None or contender.kind == "ruler":
            continue
        kept = np.flatnonzero(found.pairs >= FEWEST)
        if not len(kept):
            continue
        middle_ms = np.sqrt(np.maximum(found.edges_ns[:-1], found.edges_ns[1] / 2) * found.edges_ns[1:]) / 1e6
        style = style_of(judgement.run.info.contenders, contender.name)
        first = len(axes.get_lines())
        share = 100 * found.share[kept]
        weak = contender.kind != "contender"
        axes.plot(
            middle_ms[kept],
            share,
            color=style.color,
            linestyle=style.dash,
            linewidth=1.2 if weak else 2.0,
            marker=style.marker,
            markersize=3.5,
            label=contender.name,
        )
        mark(axes, contender.name, first)
        for i in kept:
            low, high = found.edges_ns[i] / 1e6, found.edges_ns[i + 1] / 1e6
            table.append(
                [contender.name, f"{low:.3g} – {high:.3g}", f"{found.pairs[i]:,}", f"{100 * found.share[i]:.5g}"]
            )
        at = judgement.figure(scenario.name, contender.name, "fresh-99")
        if contender.kind == "contender":
            told.append(f"{contender.name} {words.with_unit(at.value, 'ms') if not at.missing else at.why}")
    if not table:
        return None
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1e3 * float(scenario.workload["ttl_s"]), color=MUTED, linestyle=":", linewidth=1.1)
    axes.text(
        1e3 * float(scenario.workload["ttl_s"]),
        1.015,
        "one TTL",
        color=MUTED,
        fontsize=8.5,
        ha="center",
        transform=axes.get_xaxis_transform(),
    )
    axes.set_ylim(top=101)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.set_xlabel("time since the writer was told, ms (log)")
    axes.set_ylabel("share of reads that return it, or newer")
    dress(axes)
    legend(figure)
    anchor = f"{scenario.name}-share-fresh"
    question = "How long after a write can I still read the old value?"
    caption = f"From then on at least 99 % of the reads are fresh: {'; '.join(told)}."
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "A point at (t, s) says: of the reads that began t after the caller of a write was told that it is done, a "
            "share s returned that write or a newer one. At 100 % from the left edge on, nothing is stale after told. "
            f"Each point stands for {FEWEST} pairs of a write and a later read of its key, or more."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "ms since told", "pairs", "% fresh"],
        rows=table,
    )


def frontier(judgement: Judgement, scenario: ScenarioInfo) -> Chart | None:
    """Stale reads after told against loads: nobody wants to be above and to the right of another."""
    points = []
    for contender, _ in of_scenario(judgement, scenario):
        stale = judgement.figure(scenario.name, contender.name, "stale-after-told")
        loads = judgement.figure(scenario.name, contender.name, "loads-per-1000-reads")
        if contender.kind == "contender" and not stale.missing and not loads.missing:
            points.append((contender.name, loads, stale))
    if len(points) < 2 or not any(stale.value for *_, stale in points):
        return None
    best = [
        n
        for n, x, y in points
        if not any((a.value <= x.value and b.value < y.value) or (a.value < x.value and b.value <= y.value)
                   for _, a, b in points)
    ]  # fmt: skip
    figure = new_figure(7.6, 3.6)
    axes = figure.add_subplot()
    placed: list[tuple[float, float]] = []
    reach = max(x.value for _, x, _ in points) or 1.0
    for name, loads, stale in sorted(points, key=lambda point: point[1].value):
        style = style_of(judgement.run.info.contenders, name)
        near = sum(abs(x - loads.value) < 0.15 * reach and abs(y - stale.value) < 0.1 for x, y in placed)
        placed.append((loads.value, stale.value))
        first = len(axes.get_lines()) + len(axes.texts)
        if words.has_interval(stale) and stale.value:
            axes.plot([loads.value] * 2, [stale.low, stale.high], color=style.color, linewidth=1.4, alpha=0.6)
        axes.plot([loads.value], [stale.value], color=style.color, marker=style.marker, markersize=8)
        axes.annotate(
            name,
            (loads.value, stale.value),
            xytext=(7, 5 + 13 * near),
            textcoords="offset points",
            color=INK,
            fontsize=9,
        )
        mark(axes, name, first)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_ylim(bottom=-0.03)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g} %"))
    axes.margins(x=0.18, y=0.15)
    axes.set_xlabel("loads per 1,000 reads")
    axes.set_ylabel("stale after told (log above 0.1 %)")
    dress(axes)
    anchor = f"{scenario.name}-frontier"
    question = "What is freshness traded for?"
    caption = f"No other contender has both fewer loads and fewer stale reads than {words.listed(best)}."
    unit = find_metric("stale-after-told")
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Left is easier on the database, low is fresher. A contender with another below and to its left is paid "
            "for without a return. Bars: the interval of the share of stale reads, where there is one."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "loads per 1,000 reads", "stale after told", "interval"],
        rows=[
            [name, words.number(loads.value), words.figure(stale.value, unit), words.interval(stale)]
            for name, loads, stale in points
        ],
    )


def sweep(judgement: Judgement, scenario: ScenarioInfo) -> Chart | None:
    """Hit rate, staleness and loads against the TTL; drawn in the part of the sweep's first scenario."""
    family = sorted(
        (s for s in judgement.scenarios if s.name.startswith(SWEEP)), key=lambda s: float(s.workload["ttl_s"])
    )
    if len(family) < 2 or scenario.name != family[0].name:
        return None
    names = ("hit-rate", "stale-after-told", "loads-per-1000-reads")
    figure = new_figure(7.6, 3.2)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    table = []
    for axes, name in zip(panels, names, strict=True):
        metric = find_metric(name)
        for contender in judgement.run.info.contenders:
            if contender.kind != "contender":
                continue
            first = len(axes.get_lines())
            x, y = [], []
            for member in family:
                figure_ = judgement.figure(member.name, contender.name, name)
                if not figure_.missing:
                    x.append(float(member.workload["ttl_s"]))
                    y.append(figure_.value)
                    table.append([words.label(metric), contender.name, f"{x[-1]:g}", words.figure(y[-1], metric)])
            if x:
                style = style_of(judgement.run.info.contenders, contender.name)
                axes.plot(
                    x,
                    y,
                    color=style.color,
                    linestyle=style.dash,
                    marker=style.marker,
                    markersize=4.5,
                    label=contender.name if axes is panels[0] or contender.name == "no-cache" else None,
                )
                mark(axes, contender.name, first)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter(FuncFormatter(short))
        axes.xaxis.set_minor_formatter(FuncFormatter(two_and_five))
        axes.set_title(f"{words.label(metric)}{', %' if metric.unit == '%' else ''}", fontsize=9, color=INK, loc="left")
        axes.set_xlabel("TTL, s (log)")
        dress(axes)
        axes.tick_params(axis="x", which="minor", labelsize=8)
    handles = {h.get_label(): h for a in panels for h in a.get_lines() if not str(h.get_label()).startswith("_")}
    drawn_legend = figure.legend(
        handles.values(), handles.keys(), loc="outside upper left", ncols=4, frameon=False, fontsize=9
    )
    for text in drawn_legend.get_texts():
        text.set_color(INK)
    anchor, question = f"{scenario.name}-sweep", "What does a longer TTL buy?"
    caption = sweep_in_words(judgement, family)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "The same requests under longer and longer TTLs. Where entries only expire, hits are bought with stale "
            "reads; where a write deletes its entry, a longer TTL costs little freshness, and buys little once writes, "
            "not expiries, empty the cache."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["figure", "contender", "TTL s", "value"],
        rows=table,
    )


def sweep_in_words(judgement: Judgement, family: list[ScenarioInfo]) -> str:
    """From the shortest TTL to the longest, for each contender that has both."""
    found = []
    ends = (family[0], family[-1])
    for contender in judgement.run.info.contenders:
        if contender.kind != "contender":
            continue
        hits = [judgement.figure(s.name, contender.name, "hit-rate").value for s in ends]
        stale = [judgement.figure(s.name, contender.name, "stale-after-told").value for s in ends]
        if not any(math.isnan(v) for v in (*hits, *stale)):
            found.append(
                f"{contender.name} goes from {words.with_unit(hits[0], '%')} hits and {words.with_unit(stale[0], '%')} "
                f"stale after told to {words.with_unit(hits[1], '%')} and {words.with_unit(stale[1], '%')}"
            )
    low, high = (float(s.workload["ttl_s"]) for s in ends)
    return f"From a TTL of {low:g} s to one of {high:g} s {'; '.join(found)}." if found else "Nothing to compare."
