"""Draw the requests of one process in a cell: due times, keys and operations, before the cell begins."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import psycopg

from stampede.core.models.closed_forms import zipf_shares
from stampede.loadtests.bench.run_plan.own_source import read_source_ids
from stampede.loadtests.locustfiles.run_config import RunConfig, ScenarioPlan
from stampede.patterns.caching.cache_pattern import RecordId
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.scenarios.traffic.arrivals import due_times_ns
from stampede.scenarios.traffic.key_distributions import Ids, by_popularity, draw_keys
from stampede.scenarios.traffic.population import Population, QueryKeys
from stampede.scenarios.workload import OwnSource, OwnSql, Workload
from stampede.stack.postgres.record_ids import read_ids

Operation = Literal["read", "write", "hit"]
MOST_LISTED = 1_000_000
"""The most integer ids that are kept as a list. It is looked up in a tenth of an array's time, in five times its
memory."""
IDS_CHECKSUM = "ids.checksum"
"""The counter under which an application server reports the checksum of its population."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The requests of one process in a cell."""

    due_ns: list[int]
    """From the beginning of the warm-up, ascending."""
    positions: list[int]
    """Which records they concern: positions in the scenario's population. Of a limiter: the subjects."""
    operations: list[Operation]


class Populations:
    """The records that each scenario requests, read from the database once."""

    def __init__(
        self,
        connection: Callable[[], AbstractContextManager[psycopg.Connection[Any]]],
        seed: int,
        postgres_url: str = "",
    ) -> None:
        """`connection`: lends a connection to the database. `postgres_url`: for the user's own loader."""
        self._connection = connection
        self._seed = seed
        self._postgres_url = postgres_url
        self._of_source: dict[OwnSource, list[RecordId]] = {}
        self._known: dict[str, Population] = {}
        self._ids: dict[tuple[OwnSql, ...], list[Sequence[RecordId]]] = {}

    def population(self, scenario: ScenarioPlan) -> Population:
        """The requested records and their shares of the requests."""
        if scenario.name not in self._known:
            workload = scenario.workload
            found = [ids[: workload.active_records] for ids in self._ids_of(workload)]
            firsts = np.cumsum([0, *map(len, found)]).tolist()
            parts = list(zip(scenario.queries, firsts, found, strict=False))
            self._known[scenario.name] = Population(
                ids=found[0] if len(found) == 1 else [record_id for ids in found for record_id in ids],
                shares=np.concatenate([q.share * zipf_shares(len(ids), workload.key_skew) for q, _, ids in parts]),
                queries=tuple(
                    QueryKeys(entity=q.entity, first=first, count=len(ids), read_share=q.read_share, ttl_s=q.ttl_s)
                    for q, first, ids in parts
                ),
            )
        return self._known[scenario.name]

    def _ids_of(self, workload: Workload) -> list[Any]:
        """The ids of each query, most popular first."""
        source = workload.source
        if source is not None:
            if source not in self._of_source:
                self._of_source[source] = read_source_ids(source, self._postgres_url)
            return [self._of_source[source]]
        if not workload.queries:
            ids = by_popularity(np.arange(1, workload.records + 1, dtype=np.int64), self._seed)
            return [ids if len(ids) > MOST_LISTED else ids.tolist()]
        if workload.queries not in self._ids:
            with self._connection() as connection:
                self._ids[workload.queries] = [read_ids(connection, sql).ids for sql in workload.queries]
        return self._ids[workload.queries]


def ids_account(scenario: ScenarioPlan, population: Population | None) -> dict[str, float]:
    """The checksum of the ids of the user's own SQL, as a counter of the process; empty for other scenarios."""
    if population is None or not scenario.workload.own_sql:
        return {}
    return {IDS_CHECKSUM: float(population.checksum)}


def serving_processes(config: RunConfig, scenario: ScenarioPlan) -> int:
    """The number of application servers that serve a scenario: the first ones by number."""
    return min(config.processes, scenario.processes or config.processes)


def draw_requests(
    config: RunConfig, process: int, scenario: ScenarioPlan, populations: Populations, rng: np.random.Generator
) -> tuple[Requests, list[int]]:
    """The requests of one process in a caching scenario, and the think times of closed clients in ns."""
    population = populations.population(scenario)
    serving = serving_processes(config, scenario)
    if process >= serving:
        return Requests(due_ns=[], positions=[], operations=[]), []
    if scenario.workload.arrivals == "closed":
        return draw_closed(config, scenario, population, rng)
    return draw_open(scenario, population, process, serving, rng), []


def draw_open(
    scenario: ScenarioPlan, population: Population, process: int, serving: int, rng: np.random.Generator
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
    positions = draw_positions(population, len(due_ns), rng)
    return Requests(
        due_ns=due_ns.tolist(),
        positions=positions.tolist(),
        operations=draw_operations(population, positions, rng),
    )


def draw_closed(
    config: RunConfig, scenario: ScenarioPlan, population: Population, rng: np.random.Generator
) -> tuple[Requests, list[int]]:
    """Closed clients: their requests in the order in which they are sent, and the think time before each."""
    workload = scenario.workload
    span_s = scenario.warm_up_s + scenario.window_s
    count = 1000 + round(2 * span_s * config.users_per_process / workload.think_s)
    positions = draw_positions(population, count, rng)
    operations = draw_operations(population, positions, rng)
    requests = Requests(due_ns=[], positions=positions.tolist(), operations=operations)
    return requests, (rng.exponential(workload.think_s, count) * 1e9).astype(np.int64).tolist()


def draw_positions(population: Population, count: int, rng: np.random.Generator) -> Ids:
    """`count` positions, drawn independently by their shares."""
    return draw_keys(np.arange(len(population)), population.shares, count, rng)


def draw_operations(population: Population, positions: Ids, rng: np.random.Generator) -> list[Operation]:
    """Independent reads and writes, by the share of reads of each position's query."""
    return ["write" if write else "read" for write in rng.random(len(positions)) >= population.read_shares[positions]]


def draw_flood(config: RunConfig, process: int, flood: Flood, scenario: ScenarioPlan, seed: int) -> Requests:
    """One process's calls of a rate limiter. The calls of one tick are dealt out in turn, so that processes compete."""
    due_ns, subjects = flood.calls(scenario.warm_up_s + scenario.window_s, seed)
    mine = slice(process, None, config.processes)
    due = due_ns[mine].tolist()
    return Requests(due_ns=due, positions=subjects[mine].tolist(), operations=["hit"] * len(due))


def changes_for(scenario: ScenarioPlan, position: int, count: int) -> dict[str, Any]:
    """The values that a write sets: the article's name and email, or the parameters of the user's own SQL."""
    if not scenario.workload.own_sql:
        return {"name": f"User {position} {count}", "email": f"user{position}.{count}@example.org"}
    return {"text": f"text-{count}", "number": count}
