"""The questions that caching contenders answer: the scenario, the metric that decides, and the requirements."""

from dataclasses import dataclass

from stampede.reports.recommend.requirements import NO_STALE_AFTER_ACKNOWLEDGEMENT, STALE_AT_MOST_TTL, Requirement

QUERIES_MINIMUM = 10.0
"""The smallest difference of queries per 1,000 reads that counts where there is no ratio."""
QUERIES_NO_BETTER = "no pattern saves more than {share} of the queries"
"""The sentence if the simplest contender is the answer by the number of queries."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """An engineer's question, and how a run answers it."""

    name: str
    """Stable name, for anchors and scripts."""
    text: str
    """The question in a few words."""
    scenario: str
    """The scenario that measures it."""
    metric: str
    """The metric that decides; lower is better."""
    requirements: tuple[Requirement, ...]
    """What a contender must guarantee to be eligible."""
    caches_only: bool = True
    """Whether no-cache is no candidate."""
    minimum_difference: float = 0.0
    """If a value is zero there is no ratio: the smallest difference that counts, in the unit of the metric."""
    also: tuple[str, ...] = ()
    """Further metrics that the effect names."""
    second: str = ""
    """The metric that decides if noise hides the first: the queries per 1,000 reads. Empty: none."""
    no_better: str = QUERIES_NO_BETTER
    """The sentence for a question whose answer is the simplest contender."""
    asks_for_more: bool = False
    """Whether the simplest cache is taken for granted, so that picking it means "nothing"."""
    plan: str = "quick"
    """The smallest plan that measures it."""


QUESTIONS = (
    Question(
        name="read-mostly",
        text="Read-mostly pages",
        scenario="read-mostly",
        metric="read-p50",
        requirements=(STALE_AT_MOST_TTL,),
        caches_only=False,
        minimum_difference=0.1,
        also=("loads-per-1000-reads",),
        second="loads-per-1000-reads",
        no_better="no pattern shortens median reads by more than {share}",
    ),
    Question(
        name="fewer-queries",
        text="Cut database queries further",
        scenario="read-mostly",
        metric="loads-per-1000-reads",
        requirements=(STALE_AT_MOST_TTL,),
        minimum_difference=QUERIES_MINIMUM,
        asks_for_more=True,
    ),
    Question(
        name="hot-key-may-wait",
        text="Hot key expires; readers may wait",
        scenario="stampede",
        metric="loads-per-expiry",
        requirements=(STALE_AT_MOST_TTL,),
        minimum_difference=0.5,
    ),
    Question(
        name="hot-key-must-not-wait",
        text="Hot key expires; readers must not wait",
        scenario="stampede",
        metric="misses-per-ttl",
        requirements=(STALE_AT_MOST_TTL,),
        minimum_difference=0.5,
        no_better="no pattern avoids more than {share} of the misses",
    ),
    Question(
        name="fresh-records",
        text="Records must be fresh",
        scenario="mixed-writes",
        metric="loads-per-1000-reads",
        requirements=(STALE_AT_MOST_TTL, NO_STALE_AFTER_ACKNOWLEDGEMENT),
        minimum_difference=QUERIES_MINIMUM,
        plan="standard",
    ),
)
"""In the order of the table."""
