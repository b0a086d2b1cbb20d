"""The small drawing of a measured effect: its interval on the axis that all answers share."""

import math
from html import escape

import markupsafe

from stampede.reports.recommend.answer_row import AnswerRow

WIDTH, HEIGHT = 168, 20
MIDDLE, REACH = WIDTH / 2, WIDTH / 2 - 6
"""Pixels: the place of no change, and the length of a change of 100 %."""


def place(change: float) -> float:
    """The x coordinate of a change, given as a share. Beyond ±100 % it is at the end of the axis."""
    return MIDDLE + REACH * min(1.0, max(-1.0, change))


def effect_bar(row: AnswerRow) -> markupsafe.Markup:
    """The effect of an answer as SVG: estimate, interval, and the minimum effect as a grey band.

    Empty if the effect has no ratio. A change above 100 % has an arrow at the end of the axis.
    """
    effect = row.effect
    if effect is None or math.isnan(effect.change):
        return markupsafe.Markup("")
    inside = row.minimum is not None and abs(effect.change) <= row.minimum
    good = (effect.change < 0) == (effect.better == "lower")
    tone = "small" if inside else "good" if good else "bad"
    said = spoken(effect.change, effect.low, effect.high)
    parts = [f"<title>{escape(said)}</title>"]
    if row.minimum:
        left, right = place(-row.minimum), place(row.minimum)
        parts.append(f'<rect class="band" x="{left:.1f}" y="2" width="{right - left:.1f}" height="{HEIGHT - 4}"/>')
    parts.append(f'<path class="axis" d="M6 {HEIGHT / 2:g}H{WIDTH - 6}M{MIDDLE:g} 2V{HEIGHT - 2}"/>')
    x, y = place(effect.change), HEIGHT / 2
    if not math.isnan(effect.low):
        left, right = place(effect.low), place(effect.high)
        caps = f"M{left:.1f} {y - 6:g}v12M{right:.1f} {y - 6:g}v12"
        parts.append(f'<path class="interval" d="M{left:.1f} {y:g}H{right:.1f}{caps}"/>')
    if effect.change > 1:
        parts.append(f'<path class="point" d="M{x:.1f} {y - 5:g}l6 5l-6 5z"/>')
    else:
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:g}" r="3.5"/>')
    return markupsafe.Markup(
        f'<svg class="effect {tone}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(said)}">{"".join(parts)}</svg>'
    )


def spoken(change: float, low: float, high: float) -> str:
    """The change and its interval as text: "−25 % (−30 to −20)"."""
    if math.isnan(low):
        return f"{percent(change)} %"
    return f"{percent(change)} % ({percent(low)} to {percent(high)})"


def percent(share: float) -> str:
    """A share as a signed number of percent, without the sign of a zero."""
    rounded = round(100 * share)
    return f"{rounded:+,d}".replace("-", "−") if rounded else "0"
