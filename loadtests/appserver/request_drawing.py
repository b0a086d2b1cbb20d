"""Draw the requests of one process in a cell: due times, keys and operations, before the cell begins."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import psycopg

from stampede.core.models.closed_forms import zipf_shares
from stampede.loadtests.locustfiles.run_config import RunConfig, ScenarioPlan
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.scenarios.traffic.arrivals import due_times_ns
from stampede.scenarios.traffic.key_distributions import Ids, Shares, by_popularity, draw_keys
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.record_ids import record_ids

Operation = Literal["read", "write", "hit"]


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The requests of one process in a cell."""

    due_ns: list[int]
    """From the beginning of the warm-up, ascending."""
    keys: list[int]
    operations: list[Operation]


class Populations:
    """The record ids that each scenario requests, read from the database once."""

    def __init__(self, connection: Callable[[], AbstractContextManager[psycopg.Connection[Any]]], seed: int) -> None:
        """`connection`: lends a connection to the database."""
        self._connection = connection
        self._seed = seed
        self._known: dict[str, tuple[Ids, Shares]] = {}

    def population(self, scenario: ScenarioPlan) -> tuple[Ids, Shares]:
        """The requested ids, most popular first, and their shares of the requests."""
        if scenario.name not in self._known:
            workload = scenario.workload
            with self._connection() as connection:
                ids = np.asarray(record_ids(connection, workload), dtype=np.int64)
            if workload.sql is None:
                ids = by_popularity(ids, self._seed)
            ids = ids[: workload.active_records]
            self._known[scenario.name] = ids, zipf_shares(len(ids), workload.key_skew)
        return self._known[scenario.name]


def serving_processes(config: RunConfig, scenario: ScenarioPlan) -> int:
    """The number of application servers that serve a scenario: the first ones by number."""
    return min(config.processes, scenario.processes or config.processes)


def draw_requests(
    config: RunConfig, process: int, scenario: ScenarioPlan, populations: Populations, rng: np.random.Generator
) -> tuple[Requests, list[int]]:
    """The requests of one process in a caching scenario, and the think times of closed clients in ns."""
    ids, shares = populations.population(scenario)
    serving = serving_processes(config, scenario)
    if process >= serving:
        return Requests(due_ns=[], keys=[], operations=[]), []
    if scenario.workload.arrivals == "closed":
        return draw_closed(config, scenario, ids, shares, rng)
    return draw_open(scenario, ids, shares, process, serving, rng), []


def draw_open(
    scenario: ScenarioPlan, ids: Ids, shares: Shares, process: int, serving: int, rng: np.random.Generator
) -> Requests:
    """Open arrivals: requests are due whether or not earlier ones were answered. `serving` processes share them."""
    workload = scenario.workload
    due_ns = due_times_ns(
        workload.arrivals,
        workload.rate_per_s,
        scenario.warm_up_s + scenario.window_s,
        share=process,
        shares=serving,
        rng=rng,
    )
    return Requests(
        due_ns=due_ns.tolist(),
        keys=draw_keys(ids, shares, len(due_ns), rng).tolist(),
        operations=draw_operations(workload, len(due_ns), rng),
    )


def draw_closed(
    config: RunConfig, scenario: ScenarioPlan, ids: Ids, shares: Shares, rng: np.random.Generator
) -> tuple[Requests, list[int]]:
    """Closed clients: their requests in the order in which they are sent, and the think time before each."""
    workload = scenario.workload
    span_s = scenario.warm_up_s + scenario.window_s
    count = 1000 + round(2 * span_s * config.users_per_process / workload.think_s)
    requests = Requests(
        due_ns=[],
        keys=draw_keys(ids, shares, count, rng).tolist(),
        operations=draw_operations(workload, count, rng),
    )
    return requests, (rng.exponential(workload.think_s, count) * 1e9).astype(np.int64).tolist()


def draw_operations(workload: Workload, count: int, rng: np.random.Generator) -> list[Operation]:
    """Independent reads and writes, by the workload's share of reads."""
    return ["write" if write else "read" for write in rng.random(count) >= workload.read_share]


def draw_flood(config: RunConfig, process: int, flood: Flood, scenario: ScenarioPlan, seed: int) -> Requests:
    """One process's calls of a rate limiter. The calls of one tick are dealt out in turn, so that processes compete."""
    due_ns, subjects = flood.calls(scenario.warm_up_s + scenario.window_s, seed)
    mine = slice(process, None, config.processes)
    due = due_ns[mine].tolist()
    return Requests(due_ns=due, keys=subjects[mine].tolist(), operations=["hit"] * len(due))


def changes_for(scenario: ScenarioPlan, key: int, count: int) -> dict[str, Any]:
    """The values that a write sets: the article's name and email, or the parameters of the user's own SQL."""
    if scenario.workload.sql is None:
        return {"name": f"User {key} {count}", "email": f"user{key}.{count}@example.org"}
    return {"text": f"text-{count}", "number": count}
