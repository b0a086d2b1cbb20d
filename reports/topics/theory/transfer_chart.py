"""The chart of the section on transfer: hit rate and database queries against the TTL, with the measured points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter

from stampede.reports.output import charts, formatting
from stampede.reports.output.charts import Chart
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.theory.hit_model import HitModel

ANCHOR = "transfer-chart"
SHORTEST_S, LONGEST_S = 1.0, 86_400.0
TICKS_S = (1.0, 10.0, 60.0, 600.0, 3600.0, 86_400.0)
TENFOLD = 10.0
"""The higher rate, as a multiple of the run's rate."""
CURVE_POINTS = 61
WIDTH, HEIGHT, NARROW_HEIGHT = 5.4, 2.4, 3.7
"""Size of the wide drawing in inches, which has the comparison of patterns next to it; height of the narrow drawing."""


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A hit rate of cache-aside that was measured at one TTL."""

    scenario: str
    ttl_s: float
    predicted: float
    """In per cent."""
    measured: Estimate
    """In per cent."""

    @property
    def difference(self) -> float:
        """Measured minus predicted, in percentage points."""
        return self.measured.value - self.predicted


def transfer_chart(model: HitModel, points: Sequence[CurvePoint], rate_per_s: float, agreement: str) -> Chart:
    """The chart for a page and for a phone. `rate_per_s`: requests per second of the run."""
    ttls_s = np.geomspace(min([SHORTEST_S, *(p.ttl_s for p in points)]), LONGEST_S, CURVE_POINTS)
    curves = {
        f"theory, {times * rate_per_s:,.10g}/s": [100 * model.hit_rate(float(t), times) for t in ttls_s]
        for times in (1.0, TENFOLD)
    }

    def draw(width: float) -> Figure:
        return draw_panels(width, ttls_s.tolist(), curves, points)

    question = "What are hit rate and database queries at another TTL?"
    return Chart(
        anchor=ANCHOR,
        question=question,
        caption=agreement,
        how_to_read=(
            "Lines: the closed form λL / (1 + λ(Δ + L)) over the keys of this run, at the run's rate and at ten times "
            "that rate. Writes delete entries, and reads of a key miss while its query runs, so at long TTLs a higher "
            "rate may not raise the hit rate. Points: measured with cache-aside, with the interval over rounds. "
            "Queries per 1,000 reads are 1,000 × (1 − hit rate)."
        ),
        svg=charts.drawn_twice(draw, ANCHOR, question, agreement, wide=WIDTH),
        columns=["TTL", "requests/s", "hit rate", "interval", "from"],
        rows=table_of(model, points, rate_per_s),
    )


def table_of(model: HitModel, points: Sequence[CurvePoint], rate_per_s: float) -> list[list[str]]:
    """The data of the chart: the measured points, and the curves at the ticks."""
    measured = [
        [
            formatting.duration(p.ttl_s),
            f"{rate_per_s:,.10g}",
            f"{formatting.number(p.measured.value)} %",
            formatting.interval(p.measured),
            f"measured, {formatting.level(p.measured.level, p.measured.rounds)}; theory {p.predicted:.1f} %",
        ]
        for p in points
    ]
    theory = [
        [formatting.duration(t), f"{times * rate_per_s:,.10g}", f"{100 * model.hit_rate(t, times):.1f} %", "", "theory"]
        for times in (1.0, TENFOLD)
        for t in TICKS_S
    ]
    return measured + theory


def draw_panels(
    width: float, ttls_s: Sequence[float], curves: dict[str, list[float]], points: Sequence[CurvePoint]
) -> Figure:
    """Two panels: next to each other, or one below the other on a phone."""
    narrow = width <= charts.NARROW
    figure = charts.new_figure(width, NARROW_HEIGHT if narrow else HEIGHT)
    panels = figure.subplots(2, 1) if narrow else figure.subplots(1, 2)
    draw_curves(panels[0], ttls_s, curves, points, of_hits=True)
    draw_curves(panels[1], ttls_s, curves, points, of_hits=False)
    for axes in panels[1:] if narrow else panels:
        axes.set_xlabel("TTL (log)")
    charts.legend(figure)
    return figure


def draw_curves(
    axes: Axes, ttls_s: Sequence[float], curves: dict[str, list[float]], points: Sequence[CurvePoint], *, of_hits: bool
) -> None:
    """One panel: the hit rate in per cent, or the queries per 1,000 reads that follow from it."""

    def y(percent: float) -> float:
        return percent if of_hits else 10 * (100 - percent)

    x = [math.log10(t) for t in ttls_s]
    looks = ((charts.COLORS[0], "-"), (charts.COLORS[1], (0, (5, 1.5))))
    for (name, hits), (color, dash) in zip(curves.items(), looks, strict=True):
        axes.plot(x, [y(h) for h in hits], color=color, linestyle=dash, linewidth=1.6, label=name)
    for number, point in enumerate(points):
        at, value = math.log10(point.ttl_s), y(point.measured.value)
        ends = [y(point.measured.low), y(point.measured.high)]
        if formatting.has_interval(point.measured):
            axes.plot([at, at], ends, color=charts.INK, linewidth=1.4)
        label = "measured" if number == 0 else None
        axes.plot(
            [at], [value], marker="o", markersize=5, color=charts.INK, linestyle="none", label=label, clip_on=False
        )
    axes.xaxis.set_major_locator(FixedLocator([math.log10(t) for t in TICKS_S]))
    axes.xaxis.set_major_formatter(FixedFormatter([formatting.duration(t) for t in TICKS_S]))
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(0, 100 if of_hits else 1000)
    axes.yaxis.set_major_formatter(FuncFormatter(charts.short))
    title = "hit rate, %" if of_hits else "queries per 1,000 reads"
    axes.set_title(title, fontsize=9, color=charts.INK, loc="left")
    charts.style_axes(axes)
    axes.tick_params(axis="x", labelsize=7.5)
