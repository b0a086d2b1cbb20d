"""What the servers themselves say that a contender cost them, and the same from our side."""

import math
from collections.abc import Sequence

import numpy as np

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.metrics.metric import Metric
from stampede.reports.topics.freshness.version_history import AT_REST


def database_ms_per_1000_reads(cell: Cell) -> float:
    """PostgreSQL's own execution time of all our statements, waiting inside them included, per thousand reads.

    The account covers the whole cell, so the reads do too: those of the warm-up and those at rest.
    """
    spent = [v for (s, n), v in cell.counters.items() if s == "postgres" and is_time(n)]
    foreground = np.count_nonzero(cell.operation.equal("read", AT_REST))
    return 1000 * sum(spent) / float(foreground) if spent and foreground else math.nan


def is_time(name: str) -> bool:
    return name.startswith("statement.") and name.endswith(".exec_ms")


def hit_share(cell: Cell) -> float:
    """Of the answered reads that asked the cache, the share that got a value at once and did not load."""
    reads = cell.reads
    asked = reads.where(reads.known("first_cache_reply") & ~reads.labels("outcome").equal("failed", "unanswered"))
    found = asked.labels("first_cache_reply").equal("value") & (asked.ints("loads") == 0)
    return float(found.mean()) if len(asked) else math.nan


@per_group
def hit_shares(cells: Sequence[Cell]) -> list[float]:
    """That of each cell."""
    return [hit_share(cell) for cell in cells]


def redis_hit_share(cell: Cell) -> float:
    """keyspace_hits over hits and misses, as Redis counts them: whole cell, every command that looks up a key."""
    hits = cell.counters.get(("redis", "stats.keyspace_hits"), math.nan)
    misses = cell.counters.get(("redis", "stats.keyspace_misses"), math.nan)
    return hits / (hits + misses) if hits + misses > 0 else math.nan


def commands_per_request(cell: Cell) -> float:
    """Redis commands that the contender sent, background work's included, per request."""
    return float(cell.work.ints("commands").sum()) / len(cell.due) if len(cell.due) else np.nan


METRICS = [
    Metric(
        name="database-ms-per-1000-reads",
        title="per 1,000 reads",
        unit="ms",
        explain="execution time in pg_stat_statements, waiting inside the statement included; whole cell",
        of_cell=database_ms_per_1000_reads,
        better="lower",
        compared=True,
        order=30,
        absent="no pg_stat_statements",
        resolution=5.0,
        so_what="the database works {less} for every 1,000 reads",
        wrong_for="those whose database is the bottleneck",
        group="database time",
    ),
    Metric(
        name="hit-rate",
        title="as we saw it",
        unit="%",
        explain="share of reads whose first answer from the cache was a value; measured window",
        of_cell=lambda cell: 100 * hit_share(cell),
        better="higher",
        order=40,
        absent="it asks no cache",
        group="hit rate",
    ),
    Metric(
        name="redis-hit-rate",
        title="as Redis saw it",
        unit="%",
        explain="keyspace hits over hits and misses; whole cell, and TTL and EXISTS move it too",
        of_cell=lambda cell: 100 * redis_hit_share(cell),
        better="higher",
        order=41,
        absent="no lookups",
        group="hit rate",
    ),
    Metric(
        name="commands-per-request",
        title="per request",
        unit="",
        explain="Redis commands sent, those in pipelines one by one, background work's included",
        of_cell=commands_per_request,
        better="lower",
        order=50,
        resolution=0.1,
        so_what="{fewer} Redis commands for every request",
        wrong_for="those whose Redis is the bottleneck",
        group="Redis commands",
    ),
]
