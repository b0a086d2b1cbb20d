"""Charts of rate limiters: the rolling count against the limit, and admitted over entitled calls."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from stampede.reports.output import formatting
from stampede.reports.output.charts import (
    GRID,
    INK,
    MUTED,
    NARROW,
    Chart,
    drawn_twice,
    legend,
    new_figure,
    style_axes,
    style_of,
)
from stampede.reports.topics.rate_limiting.decision_counts.rolling_windows import rolling_certain
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, SubjectResult
from stampede.run_folder.schema import ContenderInfo


def charts(limiters: Sequence[LimiterResult], contenders: Sequence[ContenderInfo]) -> list[Chart]:
    """The charts for which there are data. They leave out baselines, which are no limiters."""
    shown = [x for x in limiters if x.info.kind != "baseline" and x.subjects]
    return [contract(shown, contenders), entitled(shown, contenders)] if shown else []


def fullest(limiters: Sequence[LimiterResult]) -> tuple[int, int]:
    """The (round, subject) with the fullest window of all limiters."""
    marked = [(s.most_certain, -r, -s.subject) for x in limiters for r, s in x.subjects]
    _, round_number, subject = max(marked)
    return -round_number, -subject


def contract(limiters: Sequence[LimiterResult], contenders: Sequence[ContenderInfo]) -> Chart:
    """Admissions in the window that ends at each instant, for each limiter's worst subject."""
    scenario = limiters[0].scenario
    rows = [
        [x.info.name, worst.profile, f"{t:.4f}", f"{n:g}"]
        for x in limiters
        for worst in [worst_subject(x)]
        for t, n in zip(*drawn_rolling(worst, x.window_s, scenario.window_s), strict=True)
    ]
    limit = limiters[0].limit
    parts = [f"{x.info.name} {x.most_certain} ({formatting.number(x.most_certain / limit)} × L)" for x in limiters]
    caption = f"Most admitted in any window of {limiters[0].window_s:g} s, L = {limit}: {', '.join(parts)}."
    question = "Did each limiter keep its contract?"
    anchor = f"{scenario.name}-contract"
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Each panel shows the subject with the fullest window under that limiter, and its caller profile. The line "
            "is the number of its calls that were certainly admitted in the window (t − W, t]. Dashed: the limit L. "
            "Above L the strict window is broken; the table shows whether that breaks the limiter's own contract."
        ),
        svg=drawn_twice(lambda width: contract_figure(limiters, contenders, width), anchor, question, caption),
        columns=["limiter", "subject", "t s", "admitted in the window"],
        rows=rows,
    )


def worst_subject(limiter: LimiterResult) -> SubjectResult:
    """The subject with the fullest window."""
    assert limiter.worst is not None
    return limiter.worst


def contract_figure(limiters: Sequence[LimiterResult], contenders: Sequence[ContenderInfo], width: float) -> Figure:
    """One panel per limiter, three in a row; below each other on a phone."""
    columns = 1 if width == NARROW else 3
    rows = math.ceil(len(limiters) / columns)
    figure = new_figure(width, 0.7 + 1.55 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    top = max(x.most_certain for x in limiters)
    for axes, limiter in zip(grid, limiters, strict=False):
        worst = worst_subject(limiter)
        at, count = drawn_rolling(worst, limiter.window_s, limiter.scenario.window_s)
        color = style_of(contenders, limiter.info.name).color
        axes.step(at, count, where="post", color=color, linewidth=1.5)
        axes.axhline(limiter.limit, color=INK, linewidth=1, linestyle=(0, (4, 2)))
        axes.set_title(f"{limiter.info.name}: {worst.profile}", fontsize=9, color=INK, loc="left")
        axes.set_ylim(0, top * 1.12)
        axes.set_xlim(0, limiter.scenario.window_s + limiter.window_s)
        style_axes(axes)
    for axes in grid[len(limiters) :]:
        axes.set_axis_off()
    figure.supxlabel("seconds since the flood began", fontsize=9.5, color=MUTED)
    figure.supylabel("admitted in the last window", fontsize=9.5, color=MUTED)
    return figure


def drawn_rolling(subject: SubjectResult, window_s: float, span_s: float) -> tuple[list[float], list[float]]:
    """Points of the rolling count: instants in seconds and counts."""
    rolling = rolling_certain(subject.calls.admitted, window_s)
    at = [0.0, *(float(t) for t in rolling.at_s), span_s + window_s]
    count = [0.0, *(float(n) for n in rolling.counts), 0.0]
    return at, count


def entitled(limiters: Sequence[LimiterResult], contenders: Sequence[ContenderInfo]) -> Chart:
    """Admitted over entitled calls: one row per caller profile, one mark per limiter."""
    scenario = limiters[0].scenario
    names = list(dict.fromkeys(s.profile for _, s in sorted(limiters[0].subjects, key=lambda p: p[1].subject)))
    rows = [[x.info.name, name, formatting.number(x.got(name))] for x in limiters for name in names]
    least = sorted((x.starved[0], x.info.name, x.starved[1]) for x in limiters if not math.isnan(x.starved[0]))
    caption = "No subject was observed for longer than one window."
    if least:
        low, name, profile = least[0]
        caption = (
            "Each mark is a caller profile over the whole run. The lowest share of one caller at any instant after its "
            f"first window was {formatting.number(low)} of the calls that the exact log would have admitted by then: "
            f"{name}, a caller of profile “{profile}”."
        )
    question = "What share of their quota do callers get, by traffic pattern?"
    anchor = f"{scenario.name}-entitled"
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "A row is a caller profile (× means times the limit); a mark is a limiter. Entitled: the number of the "
            "same calls that the exact log would have admitted; no limiter that keeps L in every window can exceed it. "
            "Left of 1: users were refused calls that they were entitled to. Right of 1: more calls were admitted "
            "than the strict window allows."
        ),
        svg=drawn_twice(lambda width: entitled_figure(limiters, contenders, names, width), anchor, question, caption),
        columns=["limiter", "calls", "admitted / entitled"],
        rows=rows,
    )


def entitled_figure(
    limiters: Sequence[LimiterResult], contenders: Sequence[ContenderInfo], names: Sequence[str], width: float
) -> Figure:
    """A row per caller profile of `names`, a mark per limiter."""
    figure = new_figure(width, 1.3 + 0.42 * len(names))
    axes = figure.add_subplot()
    offsets = np.linspace(-0.3, 0.3, len(limiters)) if len(limiters) > 1 else np.zeros(1)
    for offset, limiter in zip(offsets, limiters, strict=True):
        style = style_of(contenders, limiter.info.name)
        axes.plot(
            [limiter.got(name) for name in names],
            np.arange(len(names)) + offset,
            linestyle="none",
            marker=style.marker,
            markersize=5.5,
            color=style.color,
            label=limiter.info.name,
        )
    axes.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    for edge in np.arange(len(names) - 1) + 0.5:
        axes.axhline(edge, color=GRID, linewidth=0.6)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("admitted / entitled, all rounds")
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    legend(figure)
    return figure
