"""The table of answers: one row for each question, in the order of the page."""

from collections.abc import Callable

from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.answer_sources import Sources
from stampede.reports.recommend.rule.caching_rows import CACHING_ROWS, other_scenarios
from stampede.reports.recommend.topic_rows.rows_of_topics import TOPIC_ROWS
from stampede.reports.topics.faults.outage_row import outage_row

RowOf = Callable[[Sources], AnswerRow | None]
"""Makes the row of one question. None: the question does not apply to this run."""

ROWS: tuple[RowOf, ...] = (*CACHING_ROWS, *TOPIC_ROWS, outage_row)
"""The rows in the order of the table. Every part that answers a question adds its function."""


def answer_rows(sources: Sources) -> list[AnswerRow]:
    """The rows of the questions that apply to this run. A void run has none."""
    if sources.analysis.void:
        return []
    return [row for make in ROWS if (row := make(sources)) is not None] + other_scenarios(sources)
