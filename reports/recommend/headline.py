"""The headline: at most twelve words, made of the rows of the answer."""

from collections.abc import Sequence

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.eligibility import NO_CACHE
from stampede.reports.statistics.estimate import MIN_ROUNDS

MOST_WORDS = 12
FIRST, HOT_KEY = "read-mostly", "hot-key-may-wait"
"""The names of the two questions that the headline answers if the run does."""


def headline(rows: Sequence[AnswerRow], figures: FigureSet) -> str:
    """What to use, in at most MOST_WORDS words; or why this run does not say."""
    if figures.void:
        return "This run is void: do not use its figures."
    answered = {row.name: row for row in rows if row.use}
    caching = [row for row in answered.values() if row.pick]
    if caching and figures.rounds < MIN_ROUNDS:
        return f"No verdict: {figures.rounds} of the {MIN_ROUNDS} rounds needed."
    first, hot = answered.get(FIRST), answered.get(HOT_KEY)
    if first is not None:
        return shortened([start_with(first), add(first, hot)])
    if hot is not None:
        return shortened([f"Use {hot.use} for hot keys{hedge(hot)}."])
    if not answered:
        return "This run gives no answer."
    return shortened([f"{row.question}: {row.use}{hedge(row)}." for row in answered.values()])


def start_with(row: AnswerRow) -> str:
    """The first sentence."""
    return f"Start without a cache{hedge(row)}." if row.pick == NO_CACHE else f"Start with {row.use}{hedge(row)}."


def add(first: AnswerRow, hot: AnswerRow | None) -> str:
    """The second sentence, about hot keys; empty if the run did not measure them."""
    if hot is None:
        return ""
    if hot.pick == first.pick:
        return f"Hot keys need no other pattern{hedge(hot)}."
    return f"Add {hot.use} for hot keys{hedge(hot)}."


def hedge(row: AnswerRow) -> str:
    """A mark for an answer that is not sure."""
    return " (unsure)" if row.certainty == "low" else ""


def shortened(sentences: Sequence[str]) -> str:
    """The sentences that fit into MOST_WORDS words together; the first in any case."""
    kept: list[str] = []
    for sentence in filter(None, sentences):
        if kept and len(" ".join([*kept, sentence]).split()) > MOST_WORDS:
            break
        kept.append(sentence)
    return " ".join(kept)
