"""Differences and intervals as text: at most three significant digits, a typographic minus, no interval of a constant.

Pure functions.
"""

from stampede.reports.output import formatting

MINUS = "−"


def number(value: float) -> str:
    """A number with at most three significant digits: "−0.297"."""
    return formatting.number(value).replace("-", MINUS)


def signed(value: float, unit: str = "") -> str:
    """A difference with its sign and unit: "+5.66 ms"."""
    text = f"{'+' if value > 0 else ''}{number(value)}"
    return f"{text} {unit}" if unit else text


def between(low: float, high: float, note: str = "") -> str:
    """An interval in parentheses with a space before it, and a note inside: " (14.7 – 25.0 fewer)".

    Empty if both bounds are the same number: a constant needs no interval.
    """
    first, last = number(low), number(high)
    if first == last:
        return ""
    return f" ({first} – {last}{' ' if note else ''}{note})"


def instead(mine: float, other: float, unit: str = "") -> str:
    """Two levels: "1.18 instead of 10.1"."""
    return f"{number(mine)} instead of {number(other)}{' ' if unit else ''}{unit}"
