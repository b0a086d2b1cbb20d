"""The plane of rate limiters: how strict each is, against what its worst-served caller got."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stampede.reports.output import formatting
from stampede.reports.output.charts import INK, MUTED, Chart, drawn_twice, new_figure, style_axes, style_of
from stampede.reports.output.charts.svg_figure import NARROW
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult
from stampede.reports.topics.rate_limiting.limiter_answer import verdict_of
from stampede.run_folder.races_json import RacesInfo
from stampede.run_folder.schema import ContenderInfo

LABEL_GAP = 0.075
"""The least distance of two labels, as a share of the height."""
LABEL_SPAN = 0.8
"""Labels whose marks are nearer than this many multiples of L are kept apart."""
QUESTION = "How strict is each limiter, and what does its worst-served caller get?"


def plane(
    limiters: Sequence[LimiterResult], contenders: Sequence[ContenderInfo], races: RacesInfo | None
) -> Chart | None:
    """The chart; None if fewer than two limiters have both figures."""
    points = [x for x in limiters if x.subjects and not math.isnan(x.starved[0])]
    if len(points) < 2:
        return None
    anchor = f"{points[0].scenario.name}-plane"
    caption = "Best is the upper left corner: never above the limit, and every caller gets what it is entitled to."
    titles = {
        f"point-{i}": f"{x.info.name}: {formatting.number(x.most_certain / x.limit)} × L, {100 * x.starved[0]:.0f} %"
        for i, x in enumerate(points)
    }
    return Chart(
        anchor=anchor,
        question=QUESTION,
        caption=caption,
        how_to_read=(
            "A mark is a limiter. To the right: the most calls that it admitted in one window, over the limit L. Up: "
            "the calls that its worst-served caller got, as a share of those that the exact log would have admitted, "
            "at the worst instant after the first window. A hollow mark breaks its contract or starves a caller."
        ),
        svg=drawn_twice(lambda width: figure_of(points, contenders, races, width), anchor, QUESTION, caption, titles),
        columns=["limiter", "most in a window / L", "worst-served caller", "its profile", "verdict"],
        rows=[
            [
                x.info.name,
                formatting.number(x.most_certain / x.limit),
                f"{100 * x.starved[0]:.0f} %",
                x.starved[1],
                verdict_of(x, races).word,
            ]
            for x in points
        ],
    )


def figure_of(
    points: Sequence[LimiterResult], contenders: Sequence[ContenderInfo], races: RacesInfo | None, width: float
) -> Figure:
    """One labelled mark for each limiter."""
    figure = new_figure(width, 3.4)
    axes = figure.add_subplot()
    axes.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 2)))
    axes.text(1, 1.02, "limit L", color=MUTED, fontsize=8.5, ha="center", transform=axes.get_xaxis_transform())
    most = max(x.most_certain / x.limit for x in points)
    heights = label_heights([(x.most_certain / x.limit, x.starved[0]) for x in points])
    for i, (x, height) in enumerate(zip(points, heights, strict=True)):
        style = style_of(contenders, x.info.name)
        wrong = verdict_of(x, races).kind == "wrong"
        (drawn_mark,) = axes.plot(
            [x.most_certain / x.limit],
            [x.starved[0]],
            color=style.color,
            marker=style.marker,
            markersize=9,
            linestyle="none",
            fillstyle="none" if wrong else "full",
        )
        drawn_mark.set_gid(f"point-{i}")
        label(axes, x, height, 8.5 if width <= NARROW else 9.5)
    axes.set_xlim(0.9, 1 + (most - 1) * (1.6 if width <= NARROW else 1.25) + 0.1)
    axes.set_ylim(0, 1.08)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("most admitted in any window / L")
    axes.set_ylabel("worst-served caller")
    style_axes(axes)
    return figure


def label(axes: Axes, x: LimiterResult, height: float, size: float) -> None:
    """The name of a limiter, right of its mark."""
    at = (x.most_certain / x.limit, x.starved[0])
    axes.annotate(
        x.info.name,
        at,
        (12, (height - at[1]) * 190),
        textcoords="offset points",
        color=INK,
        fontsize=size,
        va="center",
    )


def label_heights(points: Sequence[tuple[float, float]]) -> list[float]:
    """The heights of the labels: those of the marks, moved up where two labels would overlap."""
    heights = [y for _, y in points]
    placed: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: points[i][1]):
        below = [heights[j] for j in placed if abs(points[j][0] - points[i][0]) < LABEL_SPAN]
        heights[i] = max([points[i][1], *(h + LABEL_GAP for h in below if h > points[i][1] - LABEL_GAP)])
        placed.append(i)
    return heights
