"""The accounts of the servers behind a service, before and after a cell: statements, Redis commands. It only reads."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psycopg
import redis

from stampede.core.errors import StackError
from stampede.loadtests.bench.service.accounts.statement_counts import StatementCounts
from stampede.loadtests.bench.service.accounts.statement_sampler import CountedQueries, StatementSampler
from stampede.loadtests.coordinator.probes.host_counters import account_rows, machine_account
from stampede.run_folder.write import ServerRow, TimelineRow
from stampede.stack.postgres.postgres_server import connect, inspect_postgres, statement_remarks
from stampede.stack.redis.redis_server import client_with_timeout, inspect_redis
from stampede.stack.server_counters import Counters, read_redis_counters
from stampede.stack.servers import Remark, Server

QUIET_S = 0.5
"""How long the servers are watched before the run, to find other clients."""
CONNECTING = ("info", "hello", "client", "auth", "ping", "select", "config")
"""Commands of connections and of the suite's own readings."""


@dataclass(frozen=True, kw_only=True)
class AccountedServers:
    """The servers behind a service, as far as their URLs were given."""

    postgres: Server | None = None
    redis: Server | None = None
    counts_statements: bool = False
    """Whether pg_stat_statements can be read."""
    remarks: tuple[Remark, ...] = ()


@dataclass(kw_only=True)
class CellAccounts:
    """What the servers counted in one cell, as rows of its tables."""

    servers: list[ServerRow] = field(default_factory=list)
    timeline: list[TimelineRow] = field(default_factory=list)
    queries: list[CountedQueries] = field(default_factory=list)
    """The queries of the cell, as they were counted."""
    mean_ms: dict[int, float] = field(default_factory=dict)
    """The mean execution time of each statement, by queryid."""


def inspect_servers(postgres_url: str | None, redis_url: str | None) -> AccountedServers:
    """Read versions, settings and rights of the servers. Raises StackError for one that does not answer."""
    remarks: list[Remark] = []
    postgres = redis_server = None
    if postgres_url:
        postgres, found = inspect_postgres(postgres_url)
        remarks += found
        remarks += text_remarks(postgres_url)
    else:
        cost = "queries per 1,000 requests and queries per expiry are not estimated"
        remarks.append(Remark(name="postgres", what="no --postgres URL of the service's database was given", cost=cost))
    if redis_url:
        redis_server, found = inspect_redis(redis_url)
        remarks += found
    else:
        cost = "its hit rate and Redis commands per request are not estimated"
        remarks.append(Remark(name="redis", what="no --redis URL of the service's cache was given", cost=cost))
    counted = postgres is not None and not any(remark.name == "pg_stat_statements" for remark in remarks)
    return AccountedServers(postgres=postgres, redis=redis_server, counts_statements=counted, remarks=tuple(remarks))


def text_remarks(url: str) -> list[Remark]:
    """A remark if this role sees no statements of other roles."""
    with connect(url) as connection:
        if statement_remarks(connection):
            return []
        row = connection.execute("SELECT pg_has_role('pg_read_all_stats', 'USAGE')").fetchone()
    if row and row[0]:
        return []
    what = "this role sees no texts of other roles' statements (GRANT pg_read_all_stats)"
    cost = "all statements of other roles count as queries, also transaction control"
    return [Remark(name="pg_read_all_stats", what=what, cost=cost)]


@contextmanager
def accounts_of_cell(servers: AccountedServers, cell: int) -> Iterator[CellAccounts]:
    """The block runs a cell; its accounts are complete after it. Raises StackError if a server no longer answers."""
    found = CellAccounts()
    try:
        with ExitStack() as opened:
            counts = client = None
            if servers.postgres is not None and servers.counts_statements:
                counts = StatementCounts(servers.postgres.url)
                opened.callback(counts.close)
            if servers.redis is not None:
                client = opened.enter_context(client_with_timeout(servers.redis.url))
            before = read_accounts(counts, client)
            if servers.postgres is not None and servers.counts_statements:
                with StatementSampler(servers.postgres.url, cell) as sampler:
                    yield found
                found.timeline += sampler.timeline
                found.queries += sampler.queries
                found.mean_ms |= sampler.mean_ms
            else:
                yield found
            after = read_accounts(counts, client)
            for source in before:
                found.servers += account_rows(cell, source, before[source], after[source])
    except (psycopg.Error, redis.RedisError) as lost:
        raise StackError("service", type(lost).__name__, "servers that answer until the run ends") from lost


def other_clients(servers: AccountedServers) -> list[Remark]:
    """A remark for each server that has work while the suite sends nothing: other clients add to every count."""
    with accounts_of_cell(servers, 0) as accounts:
        time.sleep(QUIET_S)
    queries = commands = 0.0
    for _, source, name, before, after, _ in accounts.servers:
        more = (after or 0.0) - (before or 0.0)
        if source == "postgres" and name in ("statement.load.calls", "statement.update.calls"):
            queries += more
        command = name.removeprefix("command.")
        if source == "redis" and command != name and "." not in command and command.split()[0] not in CONNECTING:
            commands += more
    cost = "they are counted as the service's own"
    found = {"postgres": (queries, "queries"), "redis": (commands, "commands")}
    return [
        Remark(name=f"{name}: other clients", what=f"other clients sent {count / QUIET_S:.0f} {unit}/s", cost=cost)
        for name, (count, unit) in found.items()
        if count
    ]


def read_accounts(counts: StatementCounts | None, client: redis.Redis | None) -> dict[str, Counters]:
    """The counters of the servers and of this machine now, by source."""
    found: dict[str, Counters] = {"machine": machine_account()}
    if counts is not None:
        found["postgres"] = counts.counters()
    if client is not None:
        found["redis"] = read_redis_counters(client)
    return found
