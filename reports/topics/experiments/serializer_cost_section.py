"""Report section on serializer cost: ms per object by size for JSON and MessagePack, and the ratio, paired by round."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.reports.output import formatting
from stampede.reports.output.charts import (
    COLORS,
    DASHES,
    GRID,
    INK,
    MARKERS,
    Chart,
    drawn_twice,
    legend,
    new_figure,
    short,
    style_axes,
)
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import Estimate, median
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "serializer-cost"
WAYS = ("encode", "decode")
CODECS = ("JSON", "MessagePack")
ROUND_TRIP_MS = (0.05, 0.5)
"""A round trip to Redis: on one machine, and in one data centre."""


def sizes_bytes(facts: pd.DataFrame) -> dict[float, float]:
    """The size of the object as JSON in bytes, by its number of rows, smallest first."""
    own = facts[facts["name"] == "size"].sort_values("at")
    return {float(at): float(value) for at, value in zip(own["at"], own["value"], strict=True)}


def both_ways(facts: pd.DataFrame, codec: str) -> pd.DataFrame:
    """Encode + decode of a serializer in ms: a row for each number of rows, a column for each round that has both."""
    own = facts[(facts["name"] == "object") & (facts["variant"] == codec)]
    tables = [
        own[own["parameter"] == way].pivot_table(index="at", columns="round", values="value", aggfunc="median")
        for way in WAYS
    ]
    total: pd.DataFrame = (tables[0] + tables[1]).dropna(axis="columns")
    return total


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - the page prints its texts
    """Findings of the experiment."""
    sizes = sizes_bytes(facts)
    timed = facts[facts["name"] == "object"]
    rows: list[tuple[str, list[GridEntry]]] = []
    csv: list[list[object]] = []
    ratios: dict[str, list[float]] = {way: [] for way in WAYS}
    for at, own in timed.groupby("at", sort=True):
        size = sizes.get(float(str(at)), math.nan)
        entries = []
        for way in WAYS:
            by_codec = {
                codec: own[(own["parameter"] == way) & (own["variant"] == codec)].sort_values("round")["value"].tolist()
                for codec in CODECS
            }
            for codec, values in by_codec.items():
                e = median(values)
                entries.append(GridEntry(text=formatting.with_unit(e.value, "ms"), detail=formatting.span(e)))
                csv.append([codec, way, int(size), *(f"{x:.6g}" for x in (e.value, e.low, e.high)), e.level or ""])
            ratio = compare(by_codec["JSON"], by_codec["MessagePack"]).ratio
            entries.append(
                GridEntry(text="too few rounds")
                if ratio is None
                else GridEntry(text=f"× {formatting.number(ratio.estimate)}")
            )
            ratios[way] += [] if ratio is None else [ratio.estimate]
        rows.append((f"{size:,.0f} bytes", entries))
    columns = ["object, as JSON", *(f"{head}, {way}" for way in WAYS for head in (*CODECS, "JSON over MessagePack"))]
    explain = "CPU time of one conversion: the median over rounds with its interval. The ratio is paired by round."
    grid = Grid(
        anchor=f"{NAME}-table", title="Time an object", explain=explain, columns=columns, rows=rows, folded=True
    )
    drawing = chart(facts)
    return Findings(
        answer=answer(ratios),
        grids=[grid],
        charts=[] if drawing is None else [drawing],
        notes=["Fidelity, sizes and all other serializers: make serializers."],
        names="codec way size_bytes ms low high level",
        csv=csv,
    )


def chart(facts: pd.DataFrame) -> Chart | None:
    """Encode + decode in µs over the size of the object; None with fewer than two sizes."""
    sizes = sizes_bytes(facts)
    found = {
        codec: [
            (sizes[float(str(at))], median([1e3 * ms for ms in times]))
            for at, times in both_ways(facts, codec).iterrows()
        ]
        for codec in CODECS
    }
    if any(len(points) < 2 for points in found.values()):
        return None
    anchor, question = f"{NAME}-chart", "From which size does the serializer matter?"
    caption = "Below the grey band, both cost less than a round trip to Redis, and the choice matters little."
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Lines: one write and one read (encode + decode), the median over rounds; shaded: its interval. Grey band: "
            f"a round trip to Redis, from {ROUND_TRIP_MS[0]:g} ms on one machine to {ROUND_TRIP_MS[1]:g} ms in one "
            "data centre."
        ),
        svg=drawn_twice(lambda width: size_figure(found, width), anchor, question, caption),
        columns=["serializer", "bytes as JSON", "encode + decode µs", "interval"],
        rows=[
            [codec, f"{size:,.0f}", formatting.number(e.value), formatting.interval(e)]
            for codec, points in found.items()
            for size, e in points
        ],
    )


def size_figure(found: Mapping[str, Sequence[tuple[float, Estimate]]], width: float) -> Figure:
    """A line for each serializer, and the band."""
    figure = new_figure(width, 3.2)
    axes = figure.add_subplot()
    axes.axhspan(1e3 * ROUND_TRIP_MS[0], 1e3 * ROUND_TRIP_MS[1], color=GRID, alpha=0.6, linewidth=0)
    for i, (codec, points) in enumerate(found.items()):
        x, e = [size for size, _ in points], [each for _, each in points]
        axes.fill_between(x, [v.low for v in e], [v.high for v in e], color=COLORS[i], alpha=0.15, linewidth=0)
        line: dict[str, Any] = {"color": COLORS[i], "marker": MARKERS[i], "linestyle": DASHES[i]}
        axes.plot(x, [v.value for v in e], markersize=4.5, linewidth=1.8, label=codec, **line)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(short))
        axis.set_minor_formatter(NullFormatter())
    at = (axes.get_xlim()[0], 1e3 * ROUND_TRIP_MS[1])
    axes.annotate("one Redis round trip", at, (6, -10), textcoords="offset points", color=INK, fontsize=8.5)
    axes.set_xlabel("bytes as JSON (log)")
    axes.set_ylabel("encode + decode, µs (log)")
    style_axes(axes)
    legend(figure)
    return figure


def answer(ratios: dict[str, list[float]]) -> str:
    """The range of the ratios of JSON to MessagePack over the sizes."""
    parts = [
        f"{formatting.number(min(each))} to {formatting.number(max(each))} times as long to {way}"
        for way, each in ratios.items()
        if each
    ]
    return f"JSON takes {formatting.listed(parts)} as MessagePack." if parts else "Too few rounds for a comparison."
