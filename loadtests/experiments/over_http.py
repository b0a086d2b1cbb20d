"""Experiment over-http: the workload of scenario `stampede`, served by the web service on real threads.

Each contender has its own service, which runs during the whole experiment. A Locust process calls the services one
after the other, in random order in each round, and makes every call when it is due. The arrivals of a round are the
same for all contenders. A cell begins with calls that fill the cache and end at a random point between two expiries.
Loads are counted by the database, before and after the window, when no call is in flight. No RTT is simulated.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import quote

import numpy as np
import psycopg
import redis

from stampede.core.errors import NotHere
from stampede.core.network import free_port
from stampede.loadtests.appserver.http_service import ServiceSettings
from stampede.loadtests.bench.run_plan.load_pricing import priced_statements
from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.loadtests.locustfiles.http_open_runs import HttpCallers, HttpCalls, Instants, open_callers
from stampede.loadtests.locustfiles.http_page import service_process
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.traffic.arrivals import due_times_ns
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.postgres.record_ids import read_ids
from stampede.stack.postgres.source import Statements, parameter_text, prepare_session, statement_ids
from stampede.stack.server_counters import delete_keys, read_postgres_counters

SCENARIO = "stampede"
CONTENDERS = ("cache-aside", "coalescing")
ROUNDS, SMALL_ROUNDS = 6, 2
"""Six is the smallest number that allows a verdict; the counts differ by factors."""
USERS = 128
"""More than the calls in flight at any time, so that no call waits for the answer of another."""
MOST_THREADS = 256
OK = 200


def run(config: ExperimentConfig) -> Iterator[ExperimentRow]:
    """The facts of every call, and the loads of each cell. Raises NotHere."""
    stack, rounds = config.stack, SMALL_ROUNDS if config.small else min(ROUNDS, config.rounds)
    workload = requested_workload(config)
    if not workload.own_sql:
        ensure_dataset(
            stack.postgres.url,
            records=workload.records,
            record_bytes=workload.record_bytes,
            seed=config.seed,
            managed=stack.managed,
            say=config.say,
        )
    (statements,), measured = priced_statements(stack, workload, config.say)
    config.settings.update(
        server="Falcon on granian, one process",
        threads=threads(workload),
        callers=USERS,
        scenario=SCENARIO,
        workload=workload.as_dict(),
        window_s=window_s(workload),
        contenders=list(CONTENDERS),
        **measured,
    )
    config.say(f"over-http: {rounds} rounds of {' and '.join(CONTENDERS)} over HTTP")
    with ExitStack() as opened:
        connection = opened.enter_context(connect(stack.postgres.url))
        prepare_session(connection, statements.session)
        counter = LoadCounter(connection=connection, ids=statement_ids(connection, statements))
        counter.loads()  # raises before anything starts if loads cannot be counted
        client = opened.enter_context(redis.Redis.from_url(stack.redis.url))
        path = f"/users/{first_id(connection, workload)}"
        urls = {}
        for name in CONTENDERS:
            opened.callback(delete_keys, client, prefix(config, name))
            service = service_process(
                settings(config, name, statements, workload), stack.directory, stack.register_child
            )
            urls[name] = opened.enter_context(service)[1] + path
        callers = opened.enter_context(open_callers(USERS, stack.directory, stack.register_child))
        rng = np.random.default_rng(config.seed)
        for round_number in range(1, rounds + 1):
            arrivals = draw_arrivals(workload, rng)
            for name in rng.permutation(CONTENDERS).tolist():
                delete_keys(client, prefix(config, name))
                calls, loads = call_service(callers, urls[name], arrivals, counter)
                yield from facts(name, round_number, calls, loads)


def requested_workload(config: ExperimentConfig) -> Workload:
    """The scenario's workload with the user's values. Raises NotHere if the service cannot serve it."""
    workload = config.workload.applied(SCENARIO, find_scenario(SCENARIO).overrides)
    if workload.arrivals == "closed":
        raise NotHere("arrivals", "closed", "open arrivals")
    if workload.read_share < 1:
        raise NotHere("read_share", workload.read_share, "1: the service only reads")
    if workload.source is not None:
        raise NotHere("source", workload.source.file, "SQL: the service has no loader of yours")
    if len(workload.queries) > 1:
        raise NotHere("query", len(workload.queries), "one query: the service serves one kind of record")
    return replace(workload, rate_per_s=config.rates_per_s.get(SCENARIO, workload.rate_per_s), rtt_ms=0.0)


def first_id(connection: psycopg.Connection[Any], workload: Workload) -> str:
    """The first id, as the path of a URL contains it."""
    if not workload.queries:
        return "1"
    known = read_ids(connection, workload.queries[0])
    values: Any = known.ids[0] if len(known.columns) > 1 else (known.ids[0],)
    return "/".join(quote(parameter_text(value), safe="") for value in values)


def window_s(workload: Workload) -> float:
    return find_scenario(SCENARIO).caching_window_s(workload.ttl_s)


def threads(workload: Workload) -> int:
    return min(MOST_THREADS, workload.users_per_process)


def prefix(config: ExperimentConfig, contender: str) -> str:
    return f"{config.stack.key_prefix}over-http:{contender}:"


def settings(config: ExperimentConfig, contender: str, statements: Statements, workload: Workload) -> ServiceSettings:
    return ServiceSettings(
        postgres_url=config.stack.postgres.url,
        redis_url=config.stack.redis.url,
        key_prefix=prefix(config, contender),
        port=free_port(),
        pattern=contender,
        ttl_s=workload.ttl_s,
        statements=asdict(statements),
        entity=workload.queries[0].entity if workload.queries else "user",
        threads=threads(workload),
    )


@dataclass(frozen=True, kw_only=True)
class LoadCounter:
    """The database's count of loads."""

    connection: psycopg.Connection[Any]
    ids: Mapping[str, int]

    def loads(self) -> float:
        """The number of loads so far. Raises NotHere without pg_stat_statements."""
        counted = read_postgres_counters(self.connection, self.ids).get("statement.load.calls")
        if counted is None:
            raise NotHere("postgres", "no count of statements", "pg_stat_statements: loads are counted by it")
        return counted[0]


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """The due times of a round, counted from the beginning of each part."""

    before: Instants
    """Calls that fill the cache."""
    window: Instants


def draw_arrivals(workload: Workload, rng: np.random.Generator) -> Arrivals:
    """Draw the arrivals of one round, for all contenders."""
    before_s = find_scenario(SCENARIO).warm_up_s + rng.random() * workload.ttl_s
    before, window = (
        due_times_ns(workload.arrivals, workload.rate_per_s, span_s, share=0, shares=1, rng=rng)
        for span_s in (before_s, window_s(workload))
    )
    return Arrivals(before=before, window=window)


def call_service(callers: HttpCallers, url: str, arrivals: Arrivals, counter: LoadCounter) -> tuple[HttpCalls, float]:
    """Make the calls of one cell: the calls of the window, and the loads that they caused."""
    callers.call(url, arrivals.before)
    before = counter.loads()
    calls = callers.call(url, arrivals.window)
    return calls, counter.loads() - before


def facts(contender: str, round_number: int, calls: HttpCalls, loads: float) -> Iterator[ExperimentRow]:
    yield ExperimentRow(contender, round_number, "", None, "loads", loads, "1")
    instants = zip(*(each.tolist() for each in (calls.due_ns, calls.start_ns, calls.end_ns, calls.status)), strict=True)
    for due_ns, start_ns, end_ns, status in instants:
        at_s = due_ns / 1e9
        yield ExperimentRow(contender, round_number, "", at_s, "late", (start_ns - due_ns) / 1e6, "ms")
        if status == OK:
            yield ExperimentRow(contender, round_number, "", at_s, "response", (end_ns - due_ns) / 1e6, "ms")
        else:
            yield ExperimentRow(contender, round_number, "", at_s, "failed", float(status), "status")


EXPERIMENT = Experiment(
    name="over-http",
    question="Do the contenders rank the same over HTTP, on real threads?",
    application="a web service in front of the cache, as most applications have it",
    expectation="the same ranking by loads: a load takes as long, and requests over HTTP use the same cache",
    run=run,
    once_s=40.0,
    small_once_s=20.0,
)
