"""The use cases of the advice cards: the goal, the requirements, and the scenario that measures it."""

from dataclasses import dataclass

from stampede.reports.recommend.requirements import NO_STALE_AFTER_ACKNOWLEDGEMENT, STALE_AT_MOST_TTL, Requirement


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """A reader's goal, its requirements, and the metric that decides."""

    anchor: str
    """A stable name; the id of the card on the page ends with it."""
    text: str
    """The goal, in a line."""
    scenario: str
    """The scenario that measures it."""
    metrics: tuple[str, ...]
    """The first of these that was measured in the scenario decides. Lower is better."""
    requirements: tuple[Requirement, ...]
    second: str = ""
    """Among ties by that metric, keep those that this metric cannot distinguish from its best value. Empty: none."""


USE_CASES = (
    UseCase(
        anchor="spare-the-database",
        text="Many records, mostly read: the fewest loads; a value may be as old as its TTL",
        scenario="read-mostly",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="expensive-loads",
        text="One hot key, and a load is expensive: the fewest loads when it expires; readers may wait",
        scenario="stampede",
        metrics=("loads-per-expiry", "loads-per-1000-reads"),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="users-must-not-wait",
        text="One hot key, and users must not wait: the lowest read p99, then p50, at any cost to the database",
        scenario="stampede",
        metrics=("read-p99",),
        second="read-p50",
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="slow-loads",
        text="Slow loads: the fewest loads; a value may be as old as its TTL",
        scenario="slow-load",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="stale-for-a-ttl",
        text="Records are often written, and a value may be as old as its TTL",
        scenario="mixed-writes",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL,),
    ),
    UseCase(
        anchor="never-stale-after-acknowledgement",
        text="Records are often written, and no read may return an old value after a write was acknowledged",
        scenario="mixed-writes",
        metrics=("loads-per-1000-reads",),
        requirements=(STALE_AT_MOST_TTL, NO_STALE_AFTER_ACKNOWLEDGEMENT),
    ),
)
SERVED_SHARE = 0.99
"""A contender survives an outage of Redis if it serves this share of the due requests in every outage and round."""
SURVIVES = "Redis may fail or hang, and users must still be served"
