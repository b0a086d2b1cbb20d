"""Costs of a contender as counted by the servers, and the same as counted by the suite."""

import math
from collections.abc import Sequence

import numpy as np

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.metrics.metric import Metric
from stampede.reports.topics.freshness.version_history import AFTER_DRAIN


def database_ms_per_1000_reads(cell: Cell) -> float:
    """Execution time of all our statements in PostgreSQL, including waits inside them, per thousand reads.

    The counter covers the whole cell, so reads of the warm-up and reads after the drain count too.
    """
    spent = [v for (s, n), v in cell.counters.items() if s == "postgres" and is_time(n)]
    foreground = np.count_nonzero(cell.operation.equal("read", AFTER_DRAIN))
    return 1000 * sum(spent) / float(foreground) if spent and foreground else math.nan


def is_time(name: str) -> bool:
    return name.startswith("statement.") and name.endswith(".exec_ms")


def hit_share(cell: Cell) -> float:
    """Share of the answered reads with a cache lookup whose first reply was a value and that did not load."""
    reads = cell.reads
    asked = reads.where(reads.known("first_cache_reply") & ~reads.labels("outcome").equal("failed", "unanswered"))
    found = asked.labels("first_cache_reply").equal("value") & (asked.ints("loads") == 0)
    return float(found.mean()) if len(asked) else math.nan


@per_group
def hit_shares(cells: Sequence[Cell]) -> list[float]:
    """The hit share of each cell."""
    return [hit_share(cell) for cell in cells]


def redis_hit_share(cell: Cell) -> float:
    """keyspace_hits / (keyspace_hits + keyspace_misses) of Redis: whole cell, every command that looks up a key."""
    hits = cell.counters.get(("redis", "stats.keyspace_hits"), math.nan)
    misses = cell.counters.get(("redis", "stats.keyspace_misses"), math.nan)
    return hits / (hits + misses) if hits + misses > 0 else math.nan


def is_command(name: str) -> bool:
    """Whether a counter of Redis counts the calls of a command that a service sends for its requests."""
    command = name.removeprefix("command.")
    own = command.partition(" ")[0] in ("info", "hello", "client", "auth", "ping", "select", "config")
    return name.startswith("command.") and "." not in command and not own


def commands_per_request(cell: Cell) -> float:
    """Redis commands that the contender sent per request, including background work.

    If only the server counts them: all of the cell, without those with which clients connect and counters are read,
    over all requests of the cell.
    """
    if not cell.counts_each_request:
        counted = [value for (source, name), value in cell.counters.items() if source == "redis" and is_command(name)]
        requests = np.count_nonzero(cell.operation.equal("read", "write"))
        return sum(counted) / float(requests) if counted and requests else math.nan
    return float(cell.work.ints("commands").sum()) / len(cell.due) if len(cell.due) else np.nan


METRICS = [
    Metric(
        name="database-ms-per-1000-reads",
        title="per 1,000 reads",
        unit="ms",
        explain="execution time in pg_stat_statements, including waits inside the statement; whole cell",
        of_cell=database_ms_per_1000_reads,
        better="lower",
        compared=True,
        order=30,
        absent="no pg_stat_statements",
        resolution=5.0,
        so_what="the database works {less} for every 1,000 reads",
        group="database time",
    ),
    Metric(
        name="hit-rate",
        title="by the samples",
        unit="%",
        explain="share of reads whose first reply from the cache was a value; measured window",
        of_cell=lambda cell: 100 * hit_share(cell),
        better="higher",
        order=40,
        absent="no cache is used",
        group="hit rate",
    ),
    Metric(
        name="redis-hit-rate",
        title="by Redis' counters",
        unit="%",
        explain="keyspace hits over hits and misses; whole cell; TTL and EXISTS count too",
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
        explain="Redis commands sent, those in pipelines one by one, including background work",
        of_cell=commands_per_request,
        better="lower",
        priced=True,
        order=50,
        resolution=0.1,
        so_what="{fewer} Redis commands for every request",
        group="Redis commands",
    ),
]
