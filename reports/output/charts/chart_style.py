"""The style of charts: one look per contender on all charts, colours that the page replaces, labels of axes."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stampede.reports.analysis.rows import Floats
from stampede.run_folder.schema import ContenderInfo

INK, MUTED, GRID, PAPER = "#1b1f24", "#5b6570", "#d9dee3", "#ffffff"
COLORS = ("#0072b2", "#b84a00", "#007a5a", "#9b3f7f", "#8a6a00", "#2b8ab8", "#5c4a9e", "#a8324a")
"""Okabe and Ito's hues, the light ones darkened to a contrast of 4.5 : 1 on white."""
DARK = ("#5ab4e6", "#f08a4b", "#3cc39a", "#dd8cc4", "#d9b43a", "#8fd0ee", "#a99aec", "#f07f93")
BASELINE, BASELINE_DARK = "#6e7781", "#9aa4ae"
PALETTE: dict[str, tuple[str, str, str]] = {
    INK: ("--ink", INK, "#e6e9ec"),
    MUTED: ("--muted", MUTED, "#9aa4ae"),
    GRID: ("--grid", GRID, "#333a42"),
    PAPER: ("--paper", PAPER, "#14171a"),
    BASELINE: ("--baseline", BASELINE, BASELINE_DARK),
    **{light: (f"--c{i}", light, dark) for i, (light, dark) in enumerate(zip(COLORS, DARK, strict=True))},
}
"""Colour in the drawing: (name on the page, light, dark)."""
MARKERS = "osD^vPX*"
DASHES: tuple[object, ...] = ("-", (0, (5, 1.5)), (0, (3, 1, 1, 1)), (0, (1.2, 1.2)), (0, (7, 2, 1.5, 2)))


@dataclass(frozen=True, kw_only=True)
class Style:
    """The look of one contender."""

    color: str
    variable: str
    """The colour's CSS variable."""
    marker: str
    dash: object


def style_of(contenders: Sequence[ContenderInfo], name: str) -> Style:
    """The look of a contender, the same on all charts.

    The family of names ("x", "x-y") selects the hue; the position among the run's contenders selects marker and dash.
    An A/A copy is a dashed line in its original's colour. Baselines are grey.
    """
    info = next(c for c in contenders if c.name == name)
    if info.kind == "baseline":
        return Style(color=BASELINE, variable="--baseline", marker="|", dash=(0, (1, 1.5)))
    if info.kind == "aa-copy" and info.copy_of in {c.name for c in contenders}:
        origin = style_of(contenders, str(info.copy_of))
        return Style(color=origin.color, variable=origin.variable, marker="x", dash=(0, (1.5, 2)))
    names = [c.name for c in contenders if c.kind == "contender" or c.name == name]
    i = names.index(name)
    families = list(dict.fromkeys(family_of(n, names) for n in names))
    color = COLORS[families.index(family_of(name, names)) % len(COLORS)]
    return Style(
        color=color, variable=PALETTE[color][0], marker=MARKERS[i % len(MARKERS)], dash=DASHES[i % len(DASHES)]
    )


def family_of(name: str, names: Sequence[str]) -> str:
    """The shortest name that is a prefix of this one: cache-aside for cache-aside-lease; else the name itself."""
    return min((n for n in names if name == n or name.startswith(f"{n}-")), key=len)


def array(values: Sequence[float]) -> Floats:
    """The values that are not missing, as an array."""
    return np.array([v for v in values if not math.isnan(v)], dtype=np.float64)


def slug(name: str) -> str:
    """A contender's name as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def mark(axes: Axes, contender: str, first: int) -> None:
    """Give every artist from number `first` on an id with the contender's name, so that the page can hide it."""
    place = axes.figure.axes.index(axes) if isinstance(axes.figure, Figure) else 0
    for i, artist in enumerate([*axes.get_lines(), *axes.collections, *axes.texts]):
        if artist.get_gid() is None and i >= first:
            artist.set_gid(f"{place}-{i}--{slug(contender)}--")


def short(value: float, _position: object = None) -> str:
    """The label of a tick, without needless zeros."""
    return f"{value:,.10g}"


def two_and_five(value: float, _position: object = None) -> str:
    """The label of a tick at 0.2, 0.5, 2, 5, 20 …; empty for all other places between powers of ten."""
    return short(float(f"{value:.6g}")) if f"{value:e}"[0] in "25" else ""
