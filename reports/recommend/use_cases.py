"""The use cases for which advice is given: what is wanted, what must hold, and in which scenario it was measured."""

from dataclasses import dataclass

from stampede.reports.recommend.requirements import NO_STALE_AFTER_TOLD, STALE_AT_MOST_TTL, Requirement


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """What a reader wants, what must hold, and the metric that decides."""

    anchor: str
    """Its place on the page: a stable name."""
    says: str
    """What the reader wants, in a line."""
    scenario: str
    """Where it was measured."""
    metrics: tuple[str, ...]
    """The metric that decides: the first of these that was measured there. Lower is better."""
    requirements: tuple[Requirement, ...]
    second: str = ""
    """Among ties by that metric, keep those that this metric cannot distinguish from its best value. Empty: none."""


USE_CASES = (
    UseCase(
        anchor="spare-the-database",
        says="Many records, mostly read: take the most off the database; a value may be as old as its TTL",
        scenario="read-heavy",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="dear-loads",
        says="One hot key, and a load is dear: load as seldom as possible when it expires; its readers may wait",
        scenario="stampede",
        metrics=("loads-per-expiry", "loads-per-1000-reads"),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="users-must-not-wait",
        says="One hot key, and users must not wait: the lowest read p99, then p50, whatever the database pays",
        scenario="stampede",
        metrics=("read-p99",),
        second="read-p50",
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="slow-loads",
        says="Loads take long: load as seldom as possible; a value may be as old as its TTL",
        scenario="slow-load",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="stale-for-a-ttl",
        says="Records are often written, and a value may be as old as its TTL",
        scenario="mixed-writes",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="never-stale-after-told",
        says="Records are often written, and nobody may read an old value once its writer was told",
        scenario="mixed-writes",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL, NO_STALE_AFTER_TOLD),
    ),
)
SERVED_SHARE = 0.99
"""A contender survives an outage of Redis if it serves this share of the due requests in every outage and round."""
SURVIVES = "Redis may die or hang, and users must be served meanwhile"
