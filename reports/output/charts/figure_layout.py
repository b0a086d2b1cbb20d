"""Places the axes of a figure in one pass, from the widths of the texts around them.

It takes the place of matplotlib's constrained layout, which draws every label four times to find the same margins and
took two thirds of the CPU time of a report. Lengths are in points, 1/72 inch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags
from matplotlib.text import Annotation, Text
from matplotlib.ticker import LogLocator, NullFormatter

LINE = 1.2
"""Height of a line of text, in font sizes."""
PAD = 3.0
"""The gap between neighbours and at the edges."""
TICK = 6.5
"""The distance from an axis to its tick labels: the tick and its pad."""
LABEL_PAD = 4.0
"""The distance from the tick labels to the label of the axis."""
EM = 100
TITLE = 9.0
"""Font size of a panel's title."""
DECADE = 72.0
"""The least width of a decade at which 2 and 5 have labels."""
SUPXLABEL_Y, SUPYLABEL_X = 0.01, 0.02
"""The positions of the common axis labels in matplotlib, as shares of the figure's height and width."""


@cache
def advance(character: str) -> float:
    """Width of a character in font sizes, in the font of the layout; 1 if the font lacks the character."""
    font = get_font(findfont(FontProperties(family=["sans-serif"])))
    if not font.get_char_index(ord(character)):
        return 1.0
    font.set_size(EM, 72)
    return font.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / EM


def text_width(text: str, size: float) -> float:
    """Width of the longest line."""
    return size * max(sum(map(advance, line)) for line in text.split("\n"))


def text_height(text: str, size: float) -> float:
    """Height of all lines."""
    return LINE * size * (text.count("\n") + 1) if text else 0.0


@dataclass(kw_only=True)
class Margins:
    """The room that an axes needs around it."""

    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    top: float = 0.0


def place(figure: Figure) -> None:
    """Position every axes of the figure and their labels."""
    grid = cells_of(figure)
    for axes in figure.axes:
        thin_minor_ticks(axes)
    edge = edges_of(figure)
    columns, rows = len(grid[0]), len(grid)
    margins = [[margins_of(axes) if axes else Margins() for axes in row] for row in grid]
    lefts = [max(margins[r][c].left for r in range(rows)) for c in range(columns)]
    rights = [max(margins[r][c].right for r in range(rows)) for c in range(columns)]
    tops = [max(m.top for m in row) for row in margins]
    bottoms = [max(m.bottom for m in row) for row in margins]
    total_width, total_height = (72 * inches for inches in figure.get_size_inches())
    width = (total_width - edge.left - edge.right - sum(lefts) - sum(rights)) / columns
    width = min([width, *(fitting(row[-1], width, rights[-1]) for row in grid if row[-1])])
    ratios = height_ratios(figure)
    height = (total_height - edge.top - edge.bottom - sum(tops) - sum(bottoms)) / sum(ratios)
    y = total_height - edge.top
    for r, row in enumerate(grid):
        own_height = height * ratios[r]
        y -= tops[r] + own_height
        x = edge.left
        for c, panel in enumerate(row):
            x += lefts[c]
            if panel:
                panel.set_position((x / total_width, y / total_height, width / total_width, own_height / total_height))
                place_labels(panel, margins[r][c], width, own_height)
                drop_crowded_labels(panel, width)
                shrink_title(panel, width + rights[c] + (lefts[c + 1] - PAD if c + 1 < columns else 0.0))
            x += width + rights[c]
        y -= bottoms[r]


def cells_of(figure: Figure) -> list[list[Axes | None]]:
    """The axes of the figure by row and column of their common grid."""
    first = figure.axes[0].get_gridspec()
    assert first is not None
    grid: list[list[Axes | None]] = [[None] * first.ncols for _ in range(first.nrows)]
    for axes in figure.axes:
        where = axes.get_subplotspec()
        assert where is not None
        grid[where.rowspan.start][where.colspan.start] = axes
    return grid


def height_ratios(figure: Figure) -> list[float]:
    """The height ratio of each row of the common grid."""
    grid = figure.axes[0].get_gridspec()
    assert grid is not None
    ratios: Any = grid.get_height_ratios()
    return [float(ratio) for ratio in ratios]


def thin_minor_ticks(axes: Axes) -> None:
    """Keep minor ticks of a logarithmic axis only at 2 and 5, the places with labels."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))


def edges_of(figure: Figure) -> Margins:
    """The room around all axes: for the legend above, the common labels below and on the left."""
    edge = Margins(left=PAD, right=PAD, bottom=PAD, top=PAD)
    for legend in figure.legends:
        texts = legend.get_texts()
        size = float(texts[0].get_fontsize()) if texts else 0.0
        lines = -(-len(texts) // int(vars(legend)["_ncols"]))
        edge.top += lines * 1.15 * size + (lines - 1) * legend.labelspacing * size + 2 * legend.borderpad * size
    width, height = (72 * inches for inches in figure.get_size_inches())
    if label := figure.get_supxlabel():
        edge.bottom += SUPXLABEL_Y * height + text_height(label, 9.5)
    if label := figure.get_supylabel():
        edge.left += SUPYLABEL_X * width + text_height(label, 9.5)
    return edge


def tick_labels(axis: Axis, minor: bool = False) -> list[tuple[float, str]]:
    """(position, text) of the labels that will be drawn."""
    if not axis.get_tick_params(which="minor" if minor else "major").get(
        "labelbottom" if isinstance(axis, XAxis) else "labelleft", True
    ):
        return []
    low, high = sorted(axis.get_view_interval())
    places = axis.get_minorticklocs() if minor else axis.get_majorticklocs()
    texts = (axis.get_minor_formatter() if minor else axis.get_major_formatter()).format_ticks(
        [float(p) for p in places]
    )
    return [(float(p), text) for p, text in zip(places, texts, strict=True) if low <= p <= high and text]


def margins_of(axes: Axes) -> Margins:
    """The room for tick labels, labels of the axes, the title, and texts above the axes."""
    found = Margins(right=PAD, top=PAD)
    names = tick_labels(axes.yaxis)
    found.left = max((text_width(text, 9) for _, text in names), default=0.0) + (TICK if names else PAD)
    if label := axes.get_ylabel():
        found.left += text_height(label, 9.5) + LABEL_PAD
    below = tick_labels(axes.xaxis)
    found.bottom = TICK + LINE * 9 if below else PAD
    if label := axes.get_xlabel():
        found.bottom += text_height(label, 9.5) + LABEL_PAD
    if below:
        found.left = max(found.left, text_width(below[0][1], 9) / 2 + PAD)
        found.right = max(PAD, text_width(below[-1][1], 9) / 2)
    found.top += above(axes)
    if title := axes.get_title(loc="left"):
        found.top += text_height(title, 9) + PAD
    elif any(text.get_transform() == axes.get_xaxis_transform() for text in axes.texts):
        found.top += 8.5 * LINE
    return found


def above(axes: Axes) -> float:
    """About how far annotations extend above the axes; the height of the axes is not known yet."""
    spec, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    assert spec is not None
    assert figure is not None
    height = 0.75 * 72 * figure.get_figheight() / spec.get_gridspec().nrows
    passed = 0.0
    for text in axes.texts:
        if isinstance(text, Annotation):
            share = float(axes.transLimits.transform(axes.transScale.transform((axes.get_xlim()[0], text.xy[1])))[1])
            passed = max(passed, float(text.xyann[1]) + float(text.get_fontsize()) - (1 - share) * height)
    return passed


def fitting(axes: Axes, width: float, right: float) -> float:
    """The greatest width at which no text inside the axes extends beyond the right edge of the figure."""
    fits = width
    for text in axes.texts:
        share = share_of_width(axes, text)
        if share <= 0:
            continue
        reach = text_width(text.get_text(), float(text.get_fontsize()))
        if text.get_horizontalalignment() == "center":
            reach /= 2
        if isinstance(text, Annotation):
            reach += float(text.xyann[0])
        fits = min(fits, (width + right - reach) / share)
    return max(fits, width / 2)


def share_of_width(axes: Axes, text: Text) -> float:
    """The start of a text (the middle, if it is centred), as a share of the width of the axes."""
    x = text.xy[0] if isinstance(text, Annotation) else text.get_position()[0]
    return float(axes.transLimits.transform(axes.transScale.transform((x, axes.get_ylim()[0])))[0])


def place_labels(axes: Axes, margins: Margins, width: float, height: float) -> None:
    """Put the labels of the axes at the far edge of their margins, so that matplotlib does not search for a place."""
    axes.xaxis.set_label_coords(0.5, -(margins.bottom - text_height(axes.get_xlabel(), 9.5)) / height)
    axes.yaxis.set_label_coords(-(margins.left - text_height(axes.get_ylabel(), 9.5)) / width, 0.5)


def drop_crowded_labels(axes: Axes, width: float) -> None:
    """Remove minor labels from a logarithmic x axis whose decades are too narrow for three labels each."""
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log" and width < DECADE * math.log10(high / low):
        axes.xaxis.set_minor_formatter(NullFormatter())


def shrink_title(axes: Axes, room: float) -> None:
    """Shrink a title that would overlap the next panel's."""
    title = axes.get_title(loc="left")
    reach = text_width(title, TITLE) if title else 0.0
    if reach > room > 0:
        axes.set_title(title, loc="left", fontsize=TITLE * room / reach)


def columns_of_legend(names: Sequence[str], size: float, width: float, most: int = 4) -> int:
    """The number of columns of a legend in that width: at least one, at most `most`."""
    handle_and_gaps = (2.6 + 0.8 + 1.4) * size
    widths = [text_width(name, size) + handle_and_gaps for name in names]
    for columns in range(most, 1, -1):
        lines = -(-len(widths) // columns)
        if sum(max(widths[i : i + lines]) for i in range(0, len(widths), lines)) <= width:
            return columns
    return 1
