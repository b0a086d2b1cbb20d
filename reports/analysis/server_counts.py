"""Comparison of the suite's own counts of a cell with those of Locust and of the servers."""

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.topics.freshness.version_history import AFTER_DRAIN

COMMAND_COUNTERS = (".usec", ".failed", ".rejected")
"""Counters of Redis for each command other than its calls. Calls do not include commands rejected before they ran."""

PASSED_BY = (
    "commands bypassed the meters: the contender has a Redis client of its own, or another client uses this server"
)


def count_differences(cell: Cell) -> list[str]:
    """One line for each difference between our counts and others', over the whole cell.

    A count that one side lacks is not compared. Locust counts every request; a request that did not begin is a failure.
    The meters of the processes and of the coordinator count loads and commands; the loads in the samples must add up to
    the same number. A script calls commands that no client sent, and Redis counts them under their own names: commands
    that the contender's scripts name may be counted more often than they were sent, all others must be equal. After
    failed requests the counts of the servers are not comparable and are left out, for example because a cancelled
    statement is missing from pg_stat_statements.
    """
    found = []
    foreground = int(np.count_nonzero(~cell.operation.equal("background", AFTER_DRAIN)))
    if cell.info.locust_requests is not None and cell.info.locust_requests != foreground:
        found.append(f"Locust counted {cell.info.locust_requests:,} requests, the samples hold {foreground:,}")
    ours: dict[str, float] = {}
    redis: dict[str, float] = {}
    rejected: dict[str, float] = {}
    for (source, name), value in cell.counters.items():
        if source.startswith("process-") or source == "coordinator":
            ours[name] = ours.get(name, 0.0) + value
        elif source == "redis" and name.startswith("command."):
            if name.endswith(".rejected"):
                rejected[name.removesuffix(".rejected")] = value
            elif not name.endswith(COMMAND_COUNTERS):
                redis[name] = value
    for name, value in rejected.items():
        redis[name] += value
    sampled = float(cell.rows.ints("loads").sum())
    if any(s.startswith("process-") for s, _ in cell.counters) and ours.get("load", 0.0) != sampled:
        found.append(f"the meters counted {ours.get('load', 0.0):,.0f} loads, the samples hold {sampled:,.0f}")
    if cell.rows.known("error").any() or why_not_comparable(cell):
        return found
    theirs = cell.counters.get(("postgres", "statement.load.calls"))
    if theirs is not None and theirs != ours.get("load", 0.0):
        found.append(f"we sent {ours.get('load', 0.0):,.0f} loads, pg_stat_statements counted {theirs:,.0f}")
    if redis:
        names = sorted(redis.keys() | {n for n in ours if n.startswith("command.")})
        unequal: list[str] = []
        bypassed = False
        for name in names:
            sent, counted = ours.get(name, 0.0), redis.get(name, 0.0)
            scripted = name.removeprefix("command.") in cell.contender.script_commands
            if sent > counted or (sent < counted and not scripted):
                command = name.removeprefix("command.").upper()
                unequal.append(f"we sent {sent:,.0f} {command}, Redis counted {counted:,.0f}")
                bypassed = bypassed or sent < counted
        found += [PASSED_BY, *unequal] if bypassed else unequal
    return found


def why_not_comparable(cell: Cell) -> str:
    """Why the counts of the servers are not comparable with ours in this cell; empty if they are."""
    if cell.scenario.fault is not None:
        return "not comparable, because a fault was injected"
    return f"not comparable, because {cell.contender.foreign}" if cell.contender.foreign else ""
