"""The rows of the answer that are not about caching patterns, from the results of a run."""

from collections.abc import Callable, Sequence

import pandas as pd

from stampede.reports.recommend.answer_row import AnswerRow
from stampede.reports.recommend.answer_sources import Sources
from stampede.reports.recommend.topic_rows.eviction_row import eviction_row
from stampede.reports.recommend.topic_rows.limiter_rows import burst_limit_row, strict_limit_row
from stampede.reports.recommend.topic_rows.many_keys_row import many_keys_row
from stampede.reports.recommend.topic_rows.serializer_row import serializer_row
from stampede.reports.topics.experiments import eviction_section, pipelining_section, serializer_cost_section
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, limiter_results


def limiters_of(sources: Sources) -> Sequence[LimiterResult]:
    """The results of the rate limiters; empty if none ran."""
    limiting = sources.analysis.limiting
    return () if limiting is None else limiter_results(limiting)


def from_experiment(
    name: str, make: Callable[[pd.DataFrame], AnswerRow | None]
) -> Callable[[Sources], AnswerRow | None]:
    """A function that makes a row from an experiment's facts; no row if it did not finish or recorded none."""

    def row(sources: Sources) -> AnswerRow | None:
        run = sources.analysis.run
        if not any(info.name == name and info.status == "done" for info in run.info.experiments):
            return None
        facts = run.experiment(name)
        return make(facts) if len(facts) else None

    return row


TOPIC_ROWS: tuple[Callable[[Sources], AnswerRow | None], ...] = (
    lambda sources: strict_limit_row(limiters_of(sources), sources.races),
    lambda sources: burst_limit_row(limiters_of(sources), sources.races),
    from_experiment(serializer_cost_section.NAME, serializer_row),
    from_experiment(pipelining_section.NAME, many_keys_row),
    from_experiment(eviction_section.NAME, eviction_row),
)
"""In the order of the table."""
