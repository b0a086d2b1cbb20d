"""Chart of the races section: contenders by invariants, with a mark for each verdict."""

from html import escape

from stampede.reports.output.charts.figure_layout import text_width
from stampede.reports.topics.races.races_answers import MARKS, mark_of
from stampede.run_folder.races_json import RacesInfo

SLOPE = 0.5
"""How far a column's name reaches to the right, as a share of its length; it stands at 60 degrees."""
RISE = 0.87
"""How far it reaches upwards."""
SHAPES = {
    "kept": '<circle cx="{x}" cy="{y}" r="{r}" class="m-kept"/>',
    "broken": (
        '<path d="M{l} {t}H{g}V{b}H{l}Z" class="m-broken"/><path d="M{l} {t}L{g} {b}M{g} {t}L{l} {b}" class="m-x"/>'
    ),
    "race": '<path d="M{x} {t}L{g} {b}H{l}Z" class="m-race"/>',
    "disturbed": '<path d="M{x} {t}L{g} {b}H{l}Z" class="m-disturbed"/>',
    "untested": '<circle cx="{x}" cy="{y}" r="{r}" class="m-untested"/>',
    "open": '<circle cx="{x}" cy="{y}" r="2" class="m-open"/>',
}
"""The drawing of each mark."""


def shape(mark: str, x: float, y: float, r: float) -> str:
    """A mark as SVG, in a square of 2 r around the point."""
    values = {"x": x, "y": y, "l": x - r, "g": x + r, "t": y - r, "b": y + r, "r": r}
    return SHAPES[mark].format(**{name: f"{value:.1f}" for name, value in values.items()})


def chart(info: RacesInfo) -> str:
    """The chart for a wide page and for a phone. Empty without verdicts."""
    if not info.verdicts:
        return ""
    wide, narrow = drawing(info, "races-chart", 13, 46, 26), drawing(info, "races-chart-narrow", 10, 15, 19)
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'


def drawing(info: RacesInfo, anchor: str, size: float, step: float, row: float) -> str:
    """The chart as SVG. Font size, and distances of columns and rows, in pixels."""
    names = [c.contender for c in info.all_verdicts()]
    shown = [i for i in info.invariants if any(info.word(name, i.name) for name in names)]
    left = max(text_width(name, size) for name in names) + 14
    top = RISE * max(text_width(i.name, size) for i in shown) + 14
    reach = max((n + 0.5) * step + SLOPE * text_width(i.name, size) for n, i in enumerate(shown))
    width, height = left + max(reach, step * len(shown)) + 6, top + row * len(names) + 6
    title = "Which contender keeps which guarantee?"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="verdicts" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:{width:.0f}px;font-size:{size}px" aria-labelledby="{anchor}-t {anchor}-d">',
        f'<title id="{anchor}-t">{title}</title><desc id="{anchor}-d">{escape(info.headline())}</desc>',
    ]
    for n, invariant in enumerate(shown):
        x, y = left + (n + 0.5) * step, top - 6
        parts.append(f'<text transform="translate({x:.1f} {y:.1f}) rotate(-60)">{escape(invariant.name)}</text>')
    for n, name in enumerate(names):
        y = top + (n + 0.5) * row
        parts.append(f'<path class="row" d="M0 {y + row / 2:.1f}H{width:.0f}"/>')
        parts.append(f'<text x="{left - 10:.1f}" y="{y + size / 3:.1f}" text-anchor="end">{escape(name)}</text>')
        for m, invariant in enumerate(shown):
            word = info.word(name, invariant.name)
            if word:
                mark = mark_of(info.worst_first(name, invariant.name)[0], word)
                hover = escape(f"{name}, {invariant.name}: {MARKS[mark]}")
                drawn = shape(mark, left + (m + 0.5) * step, y, 0.3 * min(step, row))
                parts.append(f"<g><title>{hover}</title>{drawn}</g>")
    return "".join([*parts, "</svg>"])


def legend() -> list[tuple[str, str]]:
    """Each mark as a small drawing, with its meaning."""
    return [
        (f'<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">{shape(mark, 8, 8, 5.5)}</svg>', meaning)
        for mark, meaning in MARKS.items()
    ]
