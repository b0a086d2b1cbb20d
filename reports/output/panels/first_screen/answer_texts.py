"""The texts of an answer row that the page and the console share: the price, and how sure the answer is."""

import re
from collections.abc import Sequence

from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.rule.effects import NOUNS
from stampede.reports.recommend.rule.prices import NO_COST, NO_EXTRA

NOT_ESTIMATED = "not estimated"
LEAST_EFFECT = 16
"""Characters of a phrase below which it is no whole effect."""
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


def without_intervals(text: str) -> str:
    """A text without its brackets."""
    return re.sub(r"\s*\([^()]*\)", "", text)


def brief_effect(row: AnswerRow, width: int) -> str:
    """The effect in at most that many characters, as whole phrases with a figure. Empty: none is so short."""
    if row.effect is None:
        return ""
    text = re.sub(r", compared with .*| as one by one", "", without_intervals(row.effect.text))
    ends = [len(text), *(match.start() for match in re.finditer(r"[:;,]\s| than | at ", text))]
    phrases = [*(text[:end] for end in sorted(ends, reverse=True)), *text.split("; ")]
    return next((x for x in phrases if LEAST_EFFECT <= len(x) <= width and re.search(r"\d", x)), "")


def brief_price(row: AnswerRow, width: int) -> str:
    """The most important costs, and the first phrase of the mechanism, as many as fit, each whole."""
    costs = [cost if len(cost) <= width else without_intervals(cost) for cost in price_items(row)]
    costs = [NO_COST if cost.startswith(NO_EXTRA) and len(cost) > width else cost for cost in costs]
    mechanism = row.mechanism.split("; ")[0]
    text = ""
    for part in (costs[0] if costs else "", mechanism, *costs[1:]):
        longer = "; ".join(filter(None, (text, part)))
        if len(longer) <= width:
            text = longer
    return text or "not stated"


def decider(row: AnswerRow) -> str:
    """What decides a row, in words: "median read". A question with a rule of its own has the name of its metric."""
    return NOUNS.get(row.metric, row.metric or "effect")


def certainty_text(row: AnswerRow) -> str:
    """What the certainty is based on: resamples, other evidence, or the contenders that are not significantly worse."""
    parts = []
    if row.certainty == "tied" and row.tied:
        parts.append(f"with {formatting.listed(row.tied)}")
    if row.basis:
        parts.append(row.basis)
    elif row.share is not None:
        parts.append(f"{100 * row.share:.0f} % of resamples")
    return "; ".join(parts)


def minutes_text(minutes: float | None) -> str:
    """A duration for the table of what was not measured: "about 3 min"; empty if it is not known."""
    if minutes is None:
        return ""
    return "under 1 min" if minutes < 1 else f"about {minutes:.0f} min"
