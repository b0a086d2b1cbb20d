"""Charts: matplotlib drawings as inline SVG that speaks the page's fonts and colours, dark mode included.

Each has its question as title, the answer in words as caption, and its data as a table beside it.
"""

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from artefact.schema import ContenderInfo, ScenarioInfo
from reports import words
from reports.frames import Cell, of_group
from reports.judge import Judgement
from reports.metrics import loads as loads_of
from reports.metrics.metric import find_metric
from reports.metrics.response import EPISODES_BEYOND, SAMPLES_BEYOND, Spans, evidence, reads, spans
from reports.results import Verdict, values_of
from reports.rows import Floats

BUNDLED_FONTS = Path(mpl.get_data_path()) / "fonts"
# Texts are laid out with the fonts that matplotlib brings: what a machine has besides must not move a single byte.
font_manager.fontManager.ttflist = [
    font for font in font_manager.fontManager.ttflist if Path(font.fname).is_relative_to(BUNDLED_FONTS)
]
mpl.rcParams["text.parse_math"] = False  # a $ in a name is a $


INK, MUTED, GRID, PAPER = "#1b1f24", "#5b6570", "#d9dee3", "#ffffff"
COLORS = ("#0072b2", "#b84a00", "#007a5a", "#9b3f7f", "#8a6a00", "#2b8ab8", "#5c4a9e", "#a8324a")
"""Okabe and Ito's hues, the light ones darkened until they stand 4.5 : 1 on white."""
DARK = ("#5ab4e6", "#f08a4b", "#3cc39a", "#dd8cc4", "#d9b43a", "#8fd0ee", "#a99aec", "#f07f93")
RULER, RULER_DARK = "#6e7781", "#9aa4ae"
PALETTE: dict[str, tuple[str, str, str]] = {
    INK: ("--ink", INK, "#e6e9ec"),
    MUTED: ("--muted", MUTED, "#9aa4ae"),
    GRID: ("--grid", GRID, "#333a42"),
    PAPER: ("--paper", PAPER, "#14171a"),
    RULER: ("--ruler", RULER, RULER_DARK),
    **{light: (f"--c{i}", light, dark) for i, (light, dark) in enumerate(zip(COLORS, DARK, strict=True))},
}
"""Colour in the drawing: (name on the page, light, dark)."""
MARKERS = "osD^vPX*"
DASHES: tuple[object, ...] = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1.2, 1.2)), (0, (7, 2, 1.5, 2)))
POINTS = 80
"""About as many points as a line has."""
MOST_REQUESTS = 48
"""Requests that a timeline shows of one expiry; half as many where more than SAID contenders are shown."""
SAID = 6
"""So many contenders a caption names: the first ones, and the last."""


@dataclass(frozen=True, kw_only=True)
class Style:
    color: str
    variable: str
    marker: str
    dash: object


@dataclass(frozen=True, kw_only=True)
class Chart:
    anchor: str
    question: str
    caption: str
    how_to_read: str
    svg: str
    columns: list[str]
    rows: list[list[str]]
    """The data that is drawn."""


def style_of(contenders: Sequence[ContenderInfo], name: str) -> Style:
    """One look per contender everywhere: the hue by its family (a name and what is built on it: "x", "x-y"), marker
    and dash by its place among the run's contenders; a twin dashes what it is the twin of; rulers are grey.
    """
    info = next(c for c in contenders if c.name == name)
    if info.kind == "ruler":
        return Style(color=RULER, variable="--ruler", marker="|", dash=(0, (1, 1.5)))
    if info.kind == "twin" and info.twin_of in {c.name for c in contenders}:
        origin = style_of(contenders, str(info.twin_of))
        return Style(color=origin.color, variable=origin.variable, marker="x", dash=(0, (1.5, 2)))
    names = [c.name for c in contenders if c.kind == "contender" or c.name == name]
    i = names.index(name)
    families = list(dict.fromkeys(family_of(n, names) for n in names))
    color = COLORS[families.index(family_of(name, names)) % len(COLORS)]
    return Style(
        color=color, variable=PALETTE[color][0], marker=MARKERS[i % len(MARKERS)], dash=DASHES[i % len(DASHES)]
    )


def family_of(name: str, names: Sequence[str]) -> str:
    """The shortest of the names on which this one is built: cache-aside of cache-aside-lease; else its own."""
    return min((n for n in names if name == n or name.startswith(f"{n}-")), key=len)


def array(values: Sequence[float]) -> Floats:
    """Those that are there."""
    return np.array([v for v in values if not math.isnan(v)], dtype=np.float64)


def charts(judgement: Judgement, scenario: ScenarioInfo) -> list[Chart]:
    """Every chart that this scenario has data for."""
    makers: Sequence[Callable[[Judgement, ScenarioInfo], Chart | None]] = (distribution, expiries, timeline, forest)
    return [chart for maker in makers if (chart := maker(judgement, scenario)) is not None]


def of_scenario(judgement: Judgement, scenario: ScenarioInfo) -> Iterator[tuple[ContenderInfo, list[Cell]]]:
    for contender in judgement.run.info.contenders:
        cells = judgement.of(scenario.name, contender.name)
        if cells:
            yield contender, cells


def slug(name: str) -> str:
    """A contender's name as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def mark(axes: Axes, contender: str, first: int) -> None:
    """Give what was drawn since `first` ids that name the contender, so that the page can hide it everywhere."""
    place = axes.figure.axes.index(axes) if isinstance(axes.figure, Figure) else 0
    for i, artist in enumerate([*axes.get_lines(), *axes.collections, *axes.texts]):
        if artist.get_gid() is None and i >= first:
            artist.set_gid(f"{place}-{i}--{slug(contender)}--")


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    figure.patch.set_alpha(0)
    return figure


def dress(axes: Axes) -> None:
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=MUTED, labelsize=9, which="both", length=3)
    axes.xaxis.label.set_color(MUTED)
    axes.yaxis.label.set_color(MUTED)
    axes.xaxis.label.set_fontsize(9.5)
    axes.yaxis.label.set_fontsize(9.5)
    axes.grid(visible=True, which="major", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def short(value: float, _position: object = None) -> str:
    return f"{value:,.10g}"


def two_and_five(value: float, _position: object = None) -> str:
    """Labels for 0.2, 0.5, 2, 5, 20 …: the places between powers of ten that carry one."""
    return short(float(f"{value:.6g}")) if f"{value:e}"[0] in "25" else ""


HASHED_ID = re.compile(r'\bid="([a-z][0-9a-f]{10})"')
"""What matplotlib names after a hash of coordinates, whose last bit is not the same in every process."""


def drawn(figure: Figure, anchor: str, title: str, description: str) -> str:
    """The figure as SVG for the page: ids of its own, colours as variables, no metadata, same bytes every time."""
    out = io.StringIO()
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": anchor, "font.family": "sans-serif"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # the page has fonts of its own
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    for number, name in enumerate(dict.fromkeys(HASHED_ID.findall(text))):
        text = text.replace(name, f"{name[0]}{number}")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{anchor}-\1"', text)
    text = re.sub(r'(xlink:href="|url\()#', rf"\1#{anchor}-", text)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.S)
    text = re.sub(r"font: ([^;\"]*?)'[^\"]*?(?=[;\"])", lambda m: f"font: {m[1]}var(--sans)", text)
    text = re.sub(r"(-?\d+\.\d{2})\d+", r"\1", text)
    for color, (variable, _, _) in PALETTE.items():
        text = text.replace(color, f"var({variable})")
    head, rest = text.split(">", 1)
    box = re.search(r'viewBox="[^"]+"', head)
    assert box is not None
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box[0]} role="img" '
        f'aria-labelledby="{anchor}-title {anchor}-desc"><title id="{anchor}-title">{escape(title)}</title>'
        f'<desc id="{anchor}-desc">{escape(description)}</desc>{rest.strip()}'
    )


def carried(cells: Sequence[Spans], total: int) -> float:
    """The smallest share beyond that ten samples and three episodes stand behind; 1 where there is none."""
    shares = np.geomspace(1.0, SAMPLES_BEYOND / total, 40) if total > SAMPLES_BEYOND else np.array([1.0])
    low, high = 0, len(shares) - 1
    while low < high:
        middle = (low + high + 1) // 2
        beyond, episodes = evidence(cells, 1 - float(shares[middle]))
        low, high = (middle, high) if beyond >= SAMPLES_BEYOND and episodes >= EPISODES_BEYOND else (low, middle - 1)
    return float(shares[low])


def slower(waits: Floats, least: float) -> tuple[Floats, Floats]:
    """Thinned points (response in ms, share of reads slower) down to the least share; open requests are never drawn."""
    n = len(waits)
    shares = np.geomspace(1.0, max(least, 1 / n), POINTS)
    at = np.clip(np.ceil((1 - shares) * n - 1e-9).astype(int) - 1, 0, n - 1)
    x = np.sort(waits)[at]
    kept = np.isfinite(x)
    return x[kept], shares[kept]


@of_group
def slower_of(cells: Sequence[Cell]) -> tuple[Floats, Floats]:
    """The curve of all rounds together, as far as evidence goes; empty where nothing was answered."""
    each = [spans(cell, reads(cell)) for cell in cells]
    waits = np.concatenate([s.wait_ms for s in each])
    if not len(waits) or not np.isfinite(waits).any():
        return np.array([]), np.array([])
    return slower(waits, carried(each, len(waits)))


def distribution(judgement: Judgement, scenario: ScenarioInfo) -> Chart | None:
    """How long users wait: share of reads slower than t, all rounds together."""
    figure = new_figure(7.6, 4.2)
    axes = figure.add_subplot()
    rows = []
    for contender, cells in of_scenario(judgement, scenario):
        x, y = slower_of(cells)
        if len(x) < 2:
            continue
        style = style_of(judgement.run.info.contenders, contender.name)
        weak = contender.kind != "contender"
        axes.plot(
            x,
            y,
            color=style.color,
            linestyle=style.dash,
            linewidth=1.2 if weak else 2.0,
            label=contender.name,
            zorder=2 if weak else 3,
        )
        axes.plot(x[-1:], y[-1:], color=style.color, marker=style.marker, markersize=5, zorder=4)
        mark(axes, contender.name, 0)
        rows += [[contender.name, f"{t:.4g}", f"{share:.4g}"] for t, share in zip(x, y, strict=True)]
    if not rows:
        return None
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g} %"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(top=1.1)
    axes.set_xlabel("response time from the due instant, ms (log)")
    axes.set_ylabel("share of reads slower (log)")
    dress(axes)
    legend(figure)
    anchor = f"{scenario.name}-waits"
    question = "How long do users wait?"
    caption = waits_in_words(judgement, scenario)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "A point at (t, s) says: a share s of the reads took longer than t. Lower and further left is better; a "
            "shelf is the share that met a missing entry. Each curve ends, at its mark, where fewer than ten samples "
            "or three separate episodes lie beyond: what is rarer was seen, not estimated. Grey: a bound, no contender."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "response time ms", "share slower"],
        rows=rows,
    )


def waits_in_words(judgement: Judgement, scenario: ScenarioInfo) -> str:
    found = []
    for contender, _ in of_scenario(judgement, scenario):
        if contender.kind != "contender":
            continue
        p50, p99 = (judgement.figure(scenario.name, contender.name, n) for n in ("read-p50", "read-p99"))
        if p50.missing:
            continue
        tail = "p99 seen, not estimated" if p99.missing or p99.why else f"p99 {words.with_unit(p99.value, 'ms')}"
        found.append((p99.value, f"{contender.name} {words.with_unit(p50.value, 'ms')} ({tail})"))
    found.sort(key=lambda pair: (math.isnan(pair[0]), pair[0]))
    if not found:
        return "Nothing was answered."
    told = [text for _, text in found]
    if len(told) > SAID + 1:
        told = [*told[: SAID - 1], f"… {told[-1]}"]
    return f"Half of the reads took at most: {'; '.join(told)}."


def legend(figure: Figure) -> None:
    drawn_legend = figure.legend(
        loc="outside upper left", ncols=4, frameon=False, fontsize=9, handlelength=2.6, columnspacing=1.4
    )
    for text in drawn_legend.get_texts():
        text.set_color(INK)


def load_time_s(judgement: Judgement, scenario: ScenarioInfo) -> float:
    """Δ: how long one load takes, distance included: the median over the reference's loads as its gateway saw them."""
    median_s = loads_of.load_times_s(judgement.of(scenario.name, judgement.reference))[0]
    if not math.isnan(median_s):
        return median_s
    return float(scenario.measured.get("load_ms", math.nan)) / 1e3


def expiries(judgement: Judgement, scenario: ScenarioInfo) -> Chart | None:
    """How many loads an expiry of the hot key causes: a dot a round, the estimate with its interval, theory's lines."""
    metric = find_metric("loads-per-expiry")
    pairs = [
        (c, cells, judgement.figure(scenario.name, c.name, metric.name))
        for c, cells in of_scenario(judgement, scenario)
        if c.kind != "ruler"
    ]
    if all(figure.missing for _, _, figure in pairs):
        return None
    delta_s = load_time_s(judgement, scenario)
    theory = 1 + float(scenario.workload["rate_per_s"]) * delta_s
    figure = new_figure(7.6, 0.9 + 0.46 * len(pairs))
    axes = figure.add_subplot()
    rows = []
    for y, (contender, cells, estimate) in enumerate(pairs):
        style = style_of(judgement.run.info.contenders, contender.name)
        if estimate.missing:
            axes.text(1.06, y, estimate.why, color=MUTED, fontsize=9, va="center")
            mark(axes, contender.name, 0)
            rows.append([contender.name, words.MISSING, "", "", estimate.why])
            continue
        own = array(values_of(cells)[metric.name])
        offset = np.linspace(-0.16, 0.16, len(own)) if len(own) > 1 else np.zeros(1)
        axes.plot(own, y + offset, linestyle="none", marker="o", markersize=3.5, color=style.color, alpha=0.45)
        axes.plot([estimate.low, estimate.high], [y, y], color=style.color, linewidth=2.5, solid_capstyle="butt")
        axes.plot([estimate.value], [y], marker=style.marker, markersize=8, color=style.color)
        reach = max(estimate.high, float(own.max()))
        axes.text(reach * 1.08, y, words.number(estimate.value), color=INK, fontsize=9.5, va="center")
        mark(axes, contender.name, 0)
        figures = (words.number(v) for v in (estimate.value, estimate.low, estimate.high))
        rows.append([contender.name, *figures, words.provenance(estimate)])
    for x, dash, text in ((1.0, ":", "one load"), (theory, "--", f"1 + r·Δ = {words.number(theory)}")):
        if math.isfinite(x):
            axes.axvline(x, color=MUTED, linestyle=dash, linewidth=1.1)
            top = axes.get_xaxis_transform()
            axes.text(x, 1.015, text, color=MUTED, fontsize=8.5, va="bottom", ha="center", transform=top)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(FuncFormatter(two_and_five))
    axes.set_xlim(left=0.9)
    axes.margins(x=0.12)
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    axes.set_yticks(range(len(pairs)), [c.name for c, _, _ in pairs])
    axes.set_xlabel("loads per expiry (log)")
    dress(axes)
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.tick_params(axis="x", which="minor", labelsize=8)
    axes.grid(visible=False, axis="y")
    anchor = f"{scenario.name}-expiries"
    question = "How often does the database load when the entry runs out?"
    known = [(c.name, e) for c, _, e in pairs if not e.missing and c.kind == "contender"]
    known.sort(key=lambda pair: pair[1].value)
    rate = float(scenario.workload["rate_per_s"])
    caption = (
        f"Loads per expiry: {'; '.join(f'{n} {words.number(e.value)}' for n, e in known)}. Unprotected, theory expects "
        f"1 + r·Δ = {words.number(theory)} (r = {rate:g}/s, Δ = {words.number(1000 * delta_s)} ms)."
    )
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Small dots: the mean of one round. Mark and bar: the mean over all whole expiries with its interval, "
            "clustered by round. Dotted: one load, the bound. Dashed: what arrives while the first load is under way, "
            "if nobody waits for anybody. Longer TTLs have as many loads per expiry, only expiries are rarer: "
            f"a TTL of 3,600 s has {3600 / float(scenario.workload['ttl_s']):,.0f} times fewer than this one."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "loads per expiry", "low", "high", "how"],
        rows=rows,
    )


def typical(cells: Sequence[Cell], mean: float) -> tuple[Cell, float] | None:
    """A cell and the instant of the expiry in it whose loads are nearest to the mean; the first of equals."""
    found = [
        (abs(e.loads - mean), cell.info.id, e.begin_s, cell)
        for cell, seen in zip(cells, loads_of.episodes_of(cells), strict=True)
        for e in seen
    ]
    if not found:
        return None
    _, _, begin, cell = min(found, key=lambda f: f[:3])
    return cell, begin


def timeline(judgement: Judgement, scenario: ScenarioInfo) -> Chart | None:
    """What happens at one expiry: a row a request, from due to end, with its load. A variant shows what its original
    shows, and has none.
    """
    if scenario.variant_of:
        return None
    panels = []
    for contender, cells in of_scenario(judgement, scenario):
        if contender.kind != "contender" or loads_of.hot_key_of(cells) is None:
            continue
        mean = judgement.figure(scenario.name, contender.name, "loads-per-expiry").value
        pick = typical(cells, mean)
        if pick is None:
            loads = loads_of.hot_loads(cells[0])
            starts_s = loads.floats("load_start_s")
            if not len(starts_s) or starts_s[-1] < 0:
                continue
            pick = cells[0], float(starts_s[starts_s >= 0][0])
        panels.append((contender, *pick, math.isnan(mean)))
    delta_s = load_time_s(judgement, scenario)
    if not panels or all(endless for *_, endless in panels) or not math.isfinite(delta_s):
        return None
    before_s, after_s = 0.5 * delta_s, 3.2 * delta_s
    chosen = []
    for contender, cell, begin, endless in panels:
        until_s = np.where(cell.rows.known("end_s"), cell.rows.floats("end_s"), cell.deadline_s)
        inside = (cell.rows.floats("due_s") <= begin + after_s) & (until_s >= begin - before_s)
        seen = cell.rows.where(cell.rows.known("start_s") & inside).sorted_by("due_s")
        chosen.append((contender, cell, begin, endless, seen))
    most = MOST_REQUESTS if len(chosen) <= SAID else MOST_REQUESTS // 2
    heights = [max(6, min(most, len(rows))) for *_, rows in chosen]
    figure = new_figure(7.6, 0.8 + sum(0.058 * h + 0.34 for h in heights))
    grid = figure.subplots(len(chosen), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    table = []
    for axes, (contender, _, begin, endless, seen) in zip(grid[:, 0], chosen, strict=True):
        style = style_of(judgement.run.info.contenders, contender.name)
        cut = seen.between(0, min(most, len(seen)))
        due, end, at, done = (
            1000 * (cut.floats(name) - begin) for name in ("due_s", "end_s", "load_start_s", "load_end_s")
        )
        end = np.where(np.isnan(end), 1000 * after_s, end)
        y = np.arange(len(cut))
        loaded = ~np.isnan(at)
        axes.hlines(y, due, end, color=MUTED, linewidth=0.9)
        axes.hlines(y[loaded], at[loaded], done[loaded], color=style.color, linewidth=2.6)
        axes.plot(due, y, linestyle="none", marker=".", markersize=3.2, color=INK)
        count = int(np.count_nonzero(seen.known("load_start_s")))
        took_s = seen.floats("end_s") - seen.floats("due_s")
        waiting = int(np.count_nonzero((seen.ints("loads") == 0) & (took_s > delta_s / 2)))
        more = f", first {most} shown" if len(seen) > most else ""
        what = "no whole expiry seen" if endless else f"{count} load{'' if count == 1 else 's'}, {waiting} waiting"
        axes.set_title(f"{contender.name}: {what}{more}", loc="left", fontsize=9.5, color=INK, pad=3)
        axes.set_ylim(max(len(cut), 6), -1)
        axes.set_xlim(-1000 * before_s, 1000 * after_s)
        dress(axes)
        axes.set_gid(f"panel--{slug(contender.name)}--")
        axes.set_yticks([])
        axes.grid(visible=False, axis="y")
        axes.axvspan(0, 1000 * delta_s, color=GRID, alpha=0.45, linewidth=0, zorder=0)
        table += [
            [
                contender.name,
                op,
                f"{a:.2f}",
                f"{b:.2f}",
                "" if math.isnan(c) else f"{c:.2f}",
                "" if math.isnan(d) else f"{d:.2f}",
            ]
            for op, a, b, c, d in zip(map(str, cut.labels("operation").texts()), due, end, at, done, strict=True)
        ]
    grid[-1, 0].set_xlabel("ms since the first load began; shaded: Δ, the time of one load")
    anchor = f"{scenario.name}-timeline"
    question = "What happens at one expiry?"
    caption = (
        "One typical expiry of each contender: what was due, who loaded, who waited. Requests that arrive within Δ of "
        "the first load are the stampede."
    )
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "A row is a request: a dot where it was due, a grey line until its answer, a thick coloured bar while its "
            "load was at the database. The expiry shown is the one whose number of loads is nearest to the "
            "contender's mean."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["contender", "operation", "due ms", "end ms", "load began ms", "load ended ms"],
        rows=table,
    )


def forest(judgement: Judgement, scenario: ScenarioInfo) -> Chart | None:
    """How sure: paired ratios to the reference with their intervals, ± m shaded, A/A in the first row."""
    by_metric: dict[str, list[Verdict]] = {}
    for (where, name), verdict in judgement.twins.items():
        if where == scenario.name:
            by_metric.setdefault(name, []).append(verdict)
    for (where, _, name), verdict in judgement.verdicts.items():
        if where == scenario.name:
            by_metric.setdefault(name, []).append(verdict)
    by_metric = {n: vs for n, vs in by_metric.items() if any(v.comparison.ratio is not None for v in vs)}
    if not by_metric:
        return None
    names = list(dict.fromkeys(v.contender for vs in by_metric.values() for v in vs))
    figure = new_figure(7.6, 1.0 + 0.32 * len(names))
    panels = figure.subplots(1, len(by_metric), sharey=True, squeeze=False)[0]
    table = []
    for axes, verdicts in zip(panels, by_metric.values(), strict=True):
        metric, m = verdicts[0].metric, verdicts[0].m
        axes.axvspan(1 / (1 + m), 1 + m, color=GRID, alpha=0.7, linewidth=0)
        axes.axvline(1, color=MUTED, linewidth=0.9)
        for verdict in verdicts:
            ratio = verdict.comparison.ratio
            y = names.index(verdict.contender)
            style = style_of(judgement.run.info.contenders, verdict.contender)
            if ratio is not None:
                axes.plot([ratio.low, ratio.high], [y, y], color=style.color, linewidth=2.2, solid_capstyle="butt")
                axes.plot([ratio.estimate], [y], color=style.color, marker=style.marker, markersize=5.5)
            mark(axes, verdict.contender, 1)
            table.append(
                [
                    words.label(metric),
                    verdict.contender,
                    verdict.against,
                    words.against(verdict),
                    words.spoken(verdict),
                    words.so_what(verdict),
                ]
            )
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.set_xlim(min(low, 0.8), max(high, 1.25))
        axes.xaxis.set_major_formatter(FuncFormatter(short))
        axes.xaxis.set_minor_formatter(FuncFormatter(two_and_five))
        axes.set_title(f"{metric.group}\n{metric.title}", fontsize=9, color=INK, loc="left")
        dress(axes)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    panels[0].set_yticks(range(len(names)), [f"{n} (A/A)" if is_twin(judgement, n) else n for n in names])
    figure.supxlabel(f"times {judgement.reference}, paired by round (log)", fontsize=9.5, color=MUTED)
    anchor = f"{scenario.name}-forest"
    question = f"How sure is the difference from {judgement.reference}?"
    caption = sure_in_words(judgement, scenario)
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            "Mark: the Hodges–Lehmann estimate of the ratio round by round; bar: its exact signed-rank interval. "
            "Shaded: ± m, the larger of 5 % and what two copies of one contender differ by (A/A, the first row). A bar "
            "wholly inside the shade is the same; one that excludes 1 is better or worse, if it stands after Holm's "
            "correction over the rows; else this run cannot tell."
        ),
        svg=drawn(figure, anchor, question, caption),
        columns=["figure", "contender", "against", "ratio", "sentence", "so what"],
        rows=table,
    )


def is_twin(judgement: Judgement, name: str) -> bool:
    return any(c.name == name and c.kind == "twin" for c in judgement.run.info.contenders)


def sure_in_words(judgement: Judgement, scenario: ScenarioInfo) -> str:
    told = [v for (where, _, _), v in judgement.verdicts.items() if where == scenario.name]
    found = []
    for word in ("better", "worse"):
        by_contender: dict[str, list[str]] = {}
        for v in told:
            if v.sentence == word:
                by_contender.setdefault(v.contender, []).append(words.label(v.metric))
        if by_contender:
            each = "; ".join(f"{name} in {words.listed(figures)}" for name, figures in by_contender.items())
            found.append(f"{word.capitalize()}: {each}.")
    for word in ("same", "cannot tell"):
        count = sum(v.sentence == word for v in told)
        if count:
            found.append(f"{word.capitalize()}: {count} of {sum(bool(v.sentence) for v in told)} comparisons.")
    return " ".join(found) or "No verdict."
