"""The texts of an answer row that the page and the console share: the price, and how sure the answer is."""

from collections.abc import Sequence

from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import AnswerRow

NOT_ESTIMATED = "not estimated"
MOST_ITEMS = 3
"""The most costs of an answer in the table and on the terminal."""


def answered(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
    """The rows that have an answer, in the order of the page."""
    return [row for row in rows if row.use]


def price_text(row: AnswerRow) -> str:
    """All costs of an answer, the most important first, without its mechanism."""
    return "; ".join(price.text for price in row.prices)


def price_items(row: AnswerRow) -> list[str]:
    """The most important costs of an answer in short, at most MOST_ITEMS; all of them are in `price_text`.

    Measured costs come first, then those that follow from the design, then those that are not estimated; each kind has
    a place. That nothing measurable was found is an item only if there is no measured cost.
    """
    measured = [price.short for price in row.prices if price.kind == "measured"]
    small = [price.short for price in row.prices if price.kind == "none"]
    stated = [price.short for price in row.prices if price.kind == "stated"]
    nouns = [price.short.removesuffix(f": {NOT_ESTIMATED}") for price in row.prices if price.kind == NOT_ESTIMATED]
    absent = [f"{NOT_ESTIMATED}: {', '.join(nouns)}"] if nouns else []
    places = MOST_ITEMS - len(absent) - len(stated[:1])
    return [*[*(measured or small)[:places], *stated][: MOST_ITEMS - len(absent)], *absent]


def certainty_text(row: AnswerRow) -> str:
    """What the certainty is based on: resamples, other evidence, or the contenders that are not significantly worse."""
    parts = []
    if row.certainty == "tied" and row.tied:
        parts.append(f"with {formatting.listed(row.tied)}")
    if row.basis:
        parts.append(row.basis)
    elif row.share is not None:
        parts.append(f"same pick in {100 * row.share:.0f} % of resamples")
    return "; ".join(parts)


def minutes_text(minutes: float | None) -> str:
    """A duration for the table of what was not measured: "about 3 min"; empty if it is not known."""
    if minutes is None:
        return ""
    return "under 1 min" if minutes < 1 else f"about {minutes:.0f} min"
