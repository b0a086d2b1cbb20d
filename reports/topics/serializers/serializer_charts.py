"""Charts of the serializers page: time against bytes, time against size, break-even of compression, other threads."""

import math
from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.reports.output.charts import (
    GRID,
    INK,
    MARKERS,
    MUTED,
    Chart,
    Style,
    drawn,
    drawn_twice,
    legend,
    new_figure,
    short,
    style_axes,
    style_of,
)
from stampede.reports.output.formatting import listed, number
from stampede.reports.statistics.clustered import pooled_quantile
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import Estimate, median, quantile
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE
from stampede.reports.topics.serializers.break_even import COMPRESSORS, HERE, LINKS, AtSize, here_ns_per_byte
from stampede.reports.topics.serializers.serializer_analysis import level
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts

NO_ENCODER = "nobody"  # quoted
"""The contender's name in the data for GETs during which no thread encodes."""
NUDGE = {"zstd": -8, "zstd-dictionary": 6}
"""Points by which labels are moved so that they do not overlap."""


def look(facts: SerializerFacts, name: str) -> Style:
    """The contender's style; another marker if its colour is used a second time."""
    style = style_of(facts.run.contenders, name)
    names = [c.name for c in facts.run.contenders if c.kind == "contender"]
    turns = names.index(name) // len(MARKERS) if name in names else 0
    return replace(style, marker=MARKERS[(MARKERS.index(style.marker) + turns) % len(MARKERS)]) if turns else style


def both_log(axes: Axes) -> None:
    """Make both axes logarithmic."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(short))
        axis.set_minor_formatter(NullFormatter())


ROUND_TRIP_MS = 0.5
"""The simulated RTT of the bench: a round trip in one data centre."""


def time_against_size(facts: SerializerFacts) -> Chart | None:
    """Encode + decode of each serializer over the size of the record, and one Redis round trip."""
    kinds = sorted(
        (s.name for s in facts.run.scenarios if not s.name.endswith("-unicode")),
        key=lambda kind: facts.bytes_of(kind, facts.run.reference),
    )
    rows = []
    for c in facts.serializers:
        for kind in kinds:
            e = level(facts, kind, c.name, "both")
            if not e.missing:
                rows.append([c.name, kind, number(facts.bytes_of(kind, facts.run.reference)), *three(e)])
    if len({row[1] for row in rows}) < 2:
        return None
    question = "Which serializer is fast enough at which size?"
    caption = (
        "Time to write and read one record. Below the grey band, all serializers cost less than the round trip to "
        "Redis, and the choice matters little."
    )
    return Chart(
        anchor="time-size",
        question=question,
        caption=caption,
        how_to_read=(
            "A line is a serializer: encode + decode, the median over rounds, at the size that the record has as JSON. "
            "Grey band: one Redis round trip, from a GET on this machine up to 0.5 ms in one data centre."
        ),
        svg=drawn_twice(lambda width: size_figure(facts, kinds, width), "time-size", question, caption),
        columns=["serializer", "record", "bytes as JSON", "encode + decode µs", "low", "high"],
        rows=rows,
    )


def size_figure(facts: SerializerFacts, kinds: Sequence[str], width: float) -> Figure:
    """One line for each serializer, and the band."""
    figure = new_figure(width, 4.0)
    axes = figure.add_subplot()
    reference = facts.run.reference
    trips = [level(facts, kind, reference, "raw-get").value for kind in kinds]
    least = min((us for us in trips if math.isfinite(us)), default=1e3 * ROUND_TRIP_MS)
    axes.axhspan(min(least, 1e3 * ROUND_TRIP_MS), 1e3 * ROUND_TRIP_MS, color=GRID, alpha=0.6, linewidth=0)
    for c in facts.serializers:
        points = [(facts.bytes_of(kind, reference), level(facts, kind, c.name, "both").value) for kind in kinds]
        known = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        style = look(facts, c.name)
        axes.plot(
            [x for x, _ in known],
            [y for _, y in known],
            color=style.color,
            marker=style.marker,
            linestyle=style.dash,
            markersize=5,
            linewidth=1.6,
            label=c.name,
        )
    both_log(axes)
    at = (axes.get_xlim()[0], 1e3 * ROUND_TRIP_MS)
    axes.annotate("one Redis round trip", at, (6, -10), textcoords="offset points", color=INK, fontsize=8.5)
    axes.set_xlabel("bytes as JSON (log)")
    axes.set_ylabel("encode + decode, µs (log)")
    style_axes(axes)
    legend(figure)
    return figure


def time_against_bytes(facts: SerializerFacts, record: str, what: str) -> Chart | None:
    """One filled point per serializer; hollow points joined to it for each compressor that was timed."""
    figure = new_figure(7.6, 4.4)
    axes = figure.add_subplot()
    rows = []
    for contender in facts.serializers:
        cost, size = level(facts, record, contender.name, "both"), facts.bytes_of(record, contender.name)
        if cost.missing or math.isnan(size):
            continue
        style = look(facts, contender.name)
        draw_serializer(axes, contender.name, style, size, cost)
        rows.append([contender.name, number(size), *three(cost)])
        for compressor in COMPRESSORS:
            packed, name = facts.bytes_of(record, contender.name, compressor), f"{contender.name}+{compressor}"
            time = level(facts, record, name, "both")
            if time.missing or math.isnan(packed):
                continue
            axes.plot([size, packed], [cost.value, time.value], color=style.color, linewidth=0.7, alpha=0.5)
            draw_compressed(axes, compressor, style, packed, time)
            rows.append([name, number(packed), *three(time)])
    if not rows:
        return None
    both_log(axes)
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda v, _: short(v) if f"{v:.0e}"[0] in "25" else ""))
    axes.tick_params(axis="x", which="minor", labelsize=8)
    axes.set_xlabel("bytes of a value (log)")
    axes.set_ylabel("encode + decode, µs (log)")
    style_axes(axes)
    legend(figure)
    anchor = f"{record}-time-bytes"
    question = f"Time against bytes: {what}"
    caption = least_time_and_bytes([row for row in rows if "+" not in row[0]])
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Lower is faster, further left is smaller. Filled: a serializer alone, with its interval over rounds. "
            "Hollow, joined to it: the same serializer with a compressor."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["serializer", "bytes", "encode + decode µs", "low", "high"],
        rows=rows,
    )


def draw_serializer(axes: Axes, name: str, style: Style, size: float, cost: Estimate) -> None:
    """A serializer alone: a mark with the interval of its time."""
    axes.errorbar(
        size,
        cost.value,
        yerr=[[max(0, cost.value - cost.low)], [max(0, cost.high - cost.value)]],
        color=style.color,
        marker=style.marker,
        markersize=8,
        linestyle="none",
        label=name,
        zorder=4,
    )


def draw_compressed(axes: Axes, compressor: str, style: Style, packed: float, time: Estimate) -> None:
    """A serializer with a compressor: a hollow mark with the compressor's name."""
    axes.plot(packed, time.value, color=style.color, marker=style.marker, markersize=5, fillstyle="none")
    axes.annotate(
        compressor.replace("dictionary", "dict"),
        (packed, time.value),
        color=MUTED,
        fontsize=7.5,
        xytext=(5, NUDGE.get(compressor, 2)),
        textcoords="offset points",
    )


def least_time_and_bytes(plain: list[list[str]]) -> str:
    """The fastest and the smallest of the rows without compression."""
    fast = min(plain, key=lambda r: float(r[2].replace(",", "")))
    small = min(plain, key=lambda r: float(r[1].replace(",", "")))
    return f"Least time: {fast[0]} ({fast[2]} µs). Fewest bytes without compression: {small[0]} ({small[1]})."


def three(estimate: Estimate) -> list[str]:
    """Value and interval as text."""
    return [number(estimate.value), number(estimate.low), number(estimate.high)]


CLAIM_STYLES = {
    ("json", "encode"): ("json.dumps", "#b84a00", "o", "-"),
    ("json", "decode"): ("json.loads", "#b84a00", "s", (0, (5, 1.5))),
    ("msgpack", "encode"): ("msgpack.packb", "#0072b2", "D", "-"),
    ("msgpack", "decode"): ("msgpack.unpackb", "#0072b2", "^", (0, (5, 1.5))),
}


def cost_against_size(at: list[AtSize], caption: str) -> Chart | None:
    """The article's two serializers for lists of growing length, with the article's two figures as lines."""
    if len(at) < 2:
        return None
    figure = new_figure(7.6, 4.2)
    axes = figure.add_subplot()
    rows = []
    for key, (label, color, marker, dash) in CLAIM_STYLES.items():
        x, y = [a.bytes for a in at], [a.us[key].value for a in at]
        axes.plot(x, y, color=color, marker=marker, markersize=5, linestyle=dash, linewidth=1.8, label=label)
        rows += [[label, number(a.bytes), *three(a.us[key])] for a in at]
    for us, text in ((1000.0, "1 ms"), (100.0, "0.1 ms")):
        axes.axhline(us, color=MUTED, linestyle=":", linewidth=1.1)
        axes.annotate(text, (at[0].bytes, us), color=MUTED, fontsize=8.5, xytext=(0, 3), textcoords="offset points")
    both_log(axes)
    axes.set_xlabel("bytes of the list as JSON (log)")
    axes.set_ylabel("one call, µs (log)")
    style_axes(axes)
    legend(figure)
    question = "At which size does JSON take a millisecond?"
    return Chart(
        anchor="cost-size",
        question=question,
        caption=caption,
        how_to_read=(
            "Lists of user rows as dicts, with plain json and msgpack calls as in the article. Where a line crosses a "
            "dotted line, an object of that size takes the time that the article gives for any object."
        ),
        svg=drawn(figure, "cost-size", question, caption),
        columns=["call", "bytes as JSON", "µs", "low", "high"],
        rows=rows,
    )


LOOKS = {
    "lz4": ("#007a5a", "o"),
    "zlib": ("#8a6a00", "s"),
    "zstd": ("#0072b2", "D"),
    "zstd-dictionary": ("#9b3f7f", "^"),
}


def compression_pays(facts: SerializerFacts, caption: str) -> Chart | None:
    """Time per saved byte against the time that a link needs per byte."""
    figure = new_figure(7.6, 4.2)
    axes = figure.add_subplot()
    rows = []
    for compressor in COMPRESSORS:
        x, y = [], []
        for length in facts.lengths:
            size = facts.bytes_of(length, facts.run.reference)
            saved = size - facts.bytes_of(length, facts.run.reference, compressor)
            spent = facts.us(length, compressor, "compress") + facts.us(length, compressor, "decompress")
            cost = median([float(v) for v in 1e3 * spent / (2 * saved)]) if saved > 0 else None
            rows.append(
                [compressor, number(size), number(saved), *(three(cost) if cost else ("saves nothing", "", ""))]
            )
            if cost and not cost.missing:
                x.append(size)
                y.append(cost.value)
        if x:
            color, marker = LOOKS[compressor]
            axes.plot(x, y, color=color, marker=marker, markersize=5, linewidth=1.8, label=compressor)
    if not any(row[3] not in ("saves nothing", "–") for row in rows):
        return None
    here = median([float(v) for v in here_ns_per_byte(facts)])
    links = dict(LINKS) if here.missing or here.value <= 0 else {**LINKS, HERE: here.value}
    both_log(axes)
    for name, ns in links.items():
        axes.axhline(ns, color=MUTED, linestyle="--", linewidth=1.1)
        axes.annotate(
            name, (axes.get_xlim()[0], ns), color=INK, fontsize=8.5, xytext=(4, 3), textcoords="offset points"
        )
    axes.set_xlabel("bytes of the value before (log)")
    axes.set_ylabel("ns per byte that is not sent (log)")
    style_axes(axes)
    legend(figure)
    question = "From which size does compression pay?"
    return Chart(
        anchor="compression-pays",
        question=question,
        caption=caption,
        how_to_read=(
            "A point: the time to compress once and decompress once, divided by the bytes that one write and one read "
            "save. Dashed: the time that a link needs per byte. Below a dashed line, compression pays on that link. A "
            "compressor without a point saves nothing."
        ),
        svg=drawn(figure, "compression-pays", question, caption),
        columns=["compressor", "bytes before", "bytes saved", "ns a saved byte", "low", "high"],
        rows=rows,
    )


def others(facts: SerializerFacts) -> list[tuple[str, Estimate, Estimate]]:
    """(serializer that encoded at the same time, p50 and p99 of the GETs in ms), slowest last."""
    found = [(n, pooled_quantile(list(r), 0.5), pooled_quantile(list(r), 0.99)) for n, r in facts.probes.items()]
    return sorted(found, key=lambda row: (row[0] != NO_ENCODER, row[2].value))


def times_alone(facts: SerializerFacts, name: str) -> Comparison:
    """p99 of each round divided by the same round's p99 without encoding."""
    if name == NO_ENCODER or NO_ENCODER not in facts.probes:
        return compare([], [])
    loaded, calm = ([quantile(gets, 0.99) for gets in facts.probes[n]] for n in (name, NO_ENCODER))
    rounds = min(len(loaded), len(calm))
    return compare(loaded[:rounds], calm[:rounds])


def spoken_times(c: Comparison) -> str:
    """The ratio with its interval; empty without one."""
    r = c.ratio
    return "" if r is None else f"{number(r.estimate)} ({number(r.low)} – {number(r.high)})"


def encoder_label(name: str) -> str:
    """The serializer that encoded at the same time, for readers."""
    return "no encoding" if name == NO_ENCODER else name


def what_others_feel(facts: SerializerFacts) -> Chart | None:
    """p99 of an unrelated GET while another thread of the process encodes pages."""
    found = others(facts)
    if len(found) < 2:
        return None
    figure = new_figure(7.6, 0.9 + 0.34 * len(found))
    axes = figure.add_subplot()
    for y, (name, _, p99) in enumerate(found):
        style = Style(color=MUTED, variable="--muted", marker="o", dash="-")
        if name != NO_ENCODER:
            style = look(facts, name)
        axes.plot([p99.low, p99.high], [y, y], color=style.color, linewidth=2.4, solid_capstyle="butt")
        axes.plot([p99.value], [y], color=style.color, marker=style.marker, markersize=7)
    axes.set_yticks(range(len(found)), [encoder_label(n) for n, _, _ in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda v, _: short(v) if str(v).strip("0.")[:1] in "25" else ""))
    axes.set_xlabel("p99 of an unrelated GET, ms (log)")
    style_axes(axes)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_color(GRID)
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    question = "How long do other threads wait while one encodes 70 KB?"
    calm = next((p99 for name, _, p99 in found if name == NO_ENCODER), None)
    times = {name: times_alone(facts, name) for name, _, _ in found}
    worst = [
        f"{name} (× {number(c.ratio.estimate)})"
        for name, c in times.items()
        if c.ratio is not None and c.ratio.low > 1 + LEAST_DIFFERENCE
    ]
    caption = f"p99 of a GET alone: {number(calm.value)} ms. " if calm is not None else ""
    caption += f"Above it, paired by round: {listed(worst)}." if worst else "None is clearly above it in this run."
    return Chart(
        anchor="others-feel",
        question=question,
        caption=caption,
        how_to_read=(
            "One thread sends unrelated GETs; another encodes a page 200 times a second. Python runs one of them at a "
            "time, so the GETs wait during a long encoding. Mark and bar: p99 over the GETs of all rounds with its "
            "interval, rounds as clusters. Caption: the ratio to the p99 of the same round without encoding."
        ),
        svg=drawn(figure, "others-feel", question, caption),
        columns=["encoding", "GET p50 ms", "GET p99 ms", "low", "high", "times alone", "GETs"],
        rows=[
            [
                encoder_label(n),
                number(p50.value),
                *three(p99),
                spoken_times(times[n]),
                f"{sum(map(len, facts.probes[n])):,}",
            ]
            for n, p50, p99 in found
        ],
    )
