"""Our own counts of a cell, held against those that Locust and the servers made of it."""

import numpy as np

from stampede.reports.analysis.frames import Cell
from stampede.reports.topics.freshness.version_history import AT_REST

OF_COMMAND = (".usec", ".failed", ".rejected")
"""What Redis accounts for each command beside its calls. Calls leave out what was rejected before it ran."""

PASSED_BY = "commands passed the meters, by a Redis client of the contender's own or of somebody else on this server"


def imbalances(cell: Cell) -> list[str]:
    """Where our counts and others' differ, over the whole cell; what one side does not have is not compared.

    Locust counts every request, one that never began as a failure. Our loads and commands are the processes' and the
    conductor's own rulers; the samples' loads must add up to them. What a script calls nobody sent, though Redis counts
    it under its own name: commands that the contender's scripts name may be counted more often than sent, all others
    must be equal. With failed requests the servers' accounts are not comparable (a cancelled statement is missing from
    pg_stat_statements), and are left out.
    """
    found = []
    foreground = int(np.count_nonzero(~cell.operation.equal("background", AT_REST)))
    if cell.info.locust_requests is not None and cell.info.locust_requests != foreground:
        found.append(f"Locust counted {cell.info.locust_requests:,} requests, the samples hold {foreground:,}")
    ours: dict[str, float] = {}
    redis: dict[str, float] = {}
    for (source, name), value in cell.counters.items():
        if source.startswith("process-") or source == "coordinator":
            ours[name] = ours.get(name, 0.0) + value
        elif source == "redis" and name.startswith("command.") and not name.endswith(OF_COMMAND):
            redis[name] = value
    for (source, name), value in cell.counters.items():
        if source == "redis" and name.startswith("command.") and name.endswith(".rejected"):
            redis[name.removesuffix(".rejected")] += value
    sampled = float(cell.rows.ints("loads").sum())
    if any(s.startswith("process-") for s, _ in cell.counters) and ours.get("load", 0.0) != sampled:
        found.append(f"the rulers counted {ours.get('load', 0.0):,.0f} loads, the samples hold {sampled:,.0f}")
    if cell.rows.known("error").any() or incomparable(cell):
        return found
    theirs = cell.counters.get(("postgres", "statement.load.calls"))
    if theirs is not None and theirs != ours.get("load", 0.0):
        found.append(f"we sent {ours.get('load', 0.0):,.0f} loads, pg_stat_statements counted {theirs:,.0f}")
    if redis:
        names = sorted(redis.keys() | {n for n in ours if n.startswith("command.")})
        unequal: list[str] = []
        passed_by = False
        for name in names:
            sent, counted = ours.get(name, 0.0), redis.get(name, 0.0)
            scripted = name.removeprefix("command.") in cell.contender.script_commands
            if sent > counted or (sent < counted and not scripted):
                command = name.removeprefix("command.").upper()
                unequal.append(f"we sent {sent:,.0f} {command}, Redis counted {counted:,.0f}")
                passed_by = passed_by or sent < counted
        found += [PASSED_BY, *unequal] if passed_by else unequal
    return found


def incomparable(cell: Cell) -> str:
    """Why the servers' own accounts of a cell cannot be held against ours; empty where they can."""
    if cell.scenario.fault is not None:
        return "not comparable, because a fault was injected"
    return f"not comparable, because {cell.contender.foreign}" if cell.contender.foreign else ""
