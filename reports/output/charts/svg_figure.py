"""Matplotlib figures as inline SVG with the page's fonts and colours, dark mode included."""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from stampede.reports.output.charts.chart_style import GRID, INK, MUTED, PALETTE
from stampede.reports.output.charts.figure_layout import PAD, columns_of_legend, place

BUNDLED_FONTS = Path(mpl.get_data_path()) / "fonts"
# Texts are laid out with the fonts of matplotlib, so that the fonts of a machine do not change the bytes.
font_manager.fontManager.ttflist = [
    font for font in font_manager.fontManager.ttflist if Path(font.fname).is_relative_to(BUNDLED_FONTS)
]
mpl.rcParams["text.parse_math"] = False  # a $ in a name is a $
mpl.rcParams["axes.titley"] = 1.0  # fixed, so that matplotlib does not search for ticks above the axes


def new_figure(width: float, height: float) -> Figure:
    """An empty figure with a transparent background. Width and height in inches."""
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    figure.patch.set_alpha(0)
    return figure


def style_axes(axes: Axes) -> None:
    """Give axes the common look."""
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


def legend(figure: Figure) -> None:
    """Draw one legend above all panels, with every name of any panel."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(str(name), handle)
    size = 9
    drawn_legend = figure.legend(
        handles.values(),
        handles.keys(),
        loc="upper left",
        bbox_to_anchor=(0, 1),
        borderaxespad=PAD / size,
        ncols=columns_of_legend(list(handles), size, 72 * figure.get_figwidth()),
        frameon=False,
        fontsize=size,
        handlelength=2.6,
        columnspacing=1.4,
    )
    for text in drawn_legend.get_texts():
        text.set_color(INK)


HASHED_ID = re.compile(r'\bid="([a-z][0-9a-f]{10})"')
"""Ids that matplotlib makes from a hash of coordinates, whose last bit differs between processes."""


WIDE, NARROW = 11.0, 3.6
"""Widths in inches at which a chart is drawn: for the full width of the page, and for a phone (about 350 px)."""


def drawn_twice(
    draw: Callable[[float], Figure],
    anchor: str,
    title: str,
    description: str,
    titles: Mapping[str, str] | None = None,
    wide: float = WIDE,
    scales: Callable[[Figure], str] | None = None,
) -> str:
    """A chart drawn for a wide page and again for a phone. The page's CSS shows one of the two.

    `draw` makes the figure for a width in inches: at NARROW it puts its panels below each other. The second drawing
    has the ids of the first with "-narrow" after the anchor. `wide`: less than WIDE for a part of the page's width.
    `scales`: the axes and marks of a figure as JSON, from which the page's script rescales the axes.
    """
    figures = (draw(wide), draw(NARROW))
    data = [f' data-scales="{escape(scales(figure))}"' if scales else "" for figure in figures]
    large = drawn(figures[0], anchor, title, description, titles)
    small = drawn(figures[1], f"{anchor}-narrow", title, description, titles)
    style = f'style="max-width:{110 * wide:.0f}px"'
    return f'<div class="wide" {style}{data[0]}>{large}</div><div class="narrow"{data[1]}>{small}</div>'


def drawn(figure: Figure, anchor: str, title: str, description: str, titles: Mapping[str, str] | None = None) -> str:
    """The figure as SVG for the page: unique ids, colours as CSS variables, no metadata, the same bytes every time.

    `titles`: by the id (gid) of an artist, the text that the page shows when the pointer is over it.
    """
    place(figure)
    out = io.StringIO()
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": anchor, "font.family": "sans-serif"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)  # the page uses other fonts
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    for number, name in enumerate(dict.fromkeys(HASHED_ID.findall(text))):
        text = text.replace(name, f"{name[0]}{number}")
    for gid, hover in (titles or {}).items():
        text = text.replace(f'<g id="{gid}">', f'<g id="{gid}"><title>{escape(hover)}</title>')
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
