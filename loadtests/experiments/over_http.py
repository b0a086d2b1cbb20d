"""Over HTTP: the stampede's workload, served by the web service on real threads instead of Locust's own greenlets.

Each contender has a service of its own that runs all the while; a Locust process calls them by turns, in each round in
random order, every call when it is due. Arrivals are the same for all in a round. A cell begins with calls that fill
the cache and leave it at a random place between two expiries. Loads are the database's own count, before and after the
window: all calls have ended by then. Nothing simulates a distance here.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import psycopg
import redis

from stampede.core.errors import NotHere
from stampede.core.network import free_port
from stampede.loadtests.appserver.http_service import ServiceSettings
from stampede.loadtests.bench.run_plan.load_pricing import priced_statements
from stampede.loadtests.experiments.experiment import Experiment, ExperimentConfig, ExperimentRow
from stampede.loadtests.locustfiles.http_open_runs import Callers, HttpCalls, Instants, open_callers
from stampede.loadtests.locustfiles.http_page import service_process
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.traffic.arrivals import due_times_ns
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.postgres.record_ids import record_ids
from stampede.stack.postgres.source import Statements, prepare_session, statement_ids
from stampede.stack.server_counters import forget_keys, postgres_account

SCENARIO = "stampede"
CONTENDERS = ("cache-aside", "coalescing")
ROUNDS, SMALL_ROUNDS = 6, 2
"""Six are the fewest that carry a verdict, and what is counted differs by factors."""
USERS = 128
"""More than calls that are ever under way, so that none waits for another's answer."""
MOST_THREADS = 256
OK = 200


def run(order: ExperimentConfig) -> Iterator[ExperimentRow]:
    """Every call, and the loads of each cell. Raises NotHere."""
    stack, rounds = order.stack, SMALL_ROUNDS if order.small else min(ROUNDS, order.rounds)
    workload = asked(order)
    if workload.sql is None:
        ensure_dataset(
            stack.postgres.url,
            records=workload.records,
            record_bytes=workload.record_bytes,
            seed=order.seed,
            ours=stack.ours,
            say=order.say,
        )
    statements, measured = priced_statements(stack, workload, order.say)
    order.settings.update(
        server="Falcon on granian, one process",
        threads=threads(workload),
        callers=USERS,
        scenario=SCENARIO,
        workload=workload.as_dict(),
        window_s=window_s(workload),
        contenders=list(CONTENDERS),
        **measured,
    )
    order.say(f"over-http: {rounds} rounds of {' and '.join(CONTENDERS)} behind HTTP")
    with ExitStack() as opened:
        connection = opened.enter_context(connect(stack.postgres.url))
        prepare_session(connection, statements.session)
        accounts = LoadCounter(connection=connection, ids=statement_ids(connection, statements))
        accounts.loads()  # where they cannot be counted, nothing need be started
        client = opened.enter_context(redis.Redis.from_url(stack.redis.url))
        path = f"/users/{record_ids(connection, workload)[0]}"
        urls = {}
        for name in CONTENDERS:
            opened.callback(forget_keys, client, prefix(order, name))
            service = service_process(
                settings(order, name, statements, workload), stack.directory, stack.register_child
            )
            urls[name] = opened.enter_context(service)[1] + path
        callers = opened.enter_context(open_callers(USERS, stack.directory, stack.register_child))
        rng = np.random.default_rng(order.seed)
        for round_number in range(1, rounds + 1):
            arrivals = draw(workload, rng)
            for name in rng.permutation(CONTENDERS).tolist():
                forget_keys(client, prefix(order, name))
                calls, loads = cell(callers, urls[name], arrivals, accounts)
                yield from facts(name, round_number, calls, loads)


def asked(order: ExperimentConfig) -> Workload:
    """The scenario's workload with the user's values. Raises NotHere."""
    workload = order.workload.applied(SCENARIO, find_scenario(SCENARIO).overrides)
    if workload.arrivals == "closed":
        raise NotHere("arrivals", "closed", "open arrivals")
    if workload.read_share < 1:
        raise NotHere("read_share", workload.read_share, "1: the service only reads")
    return replace(workload, rate_per_s=order.rates_per_s.get(SCENARIO, workload.rate_per_s), rtt_ms=0.0)


def window_s(workload: Workload) -> float:
    return find_scenario(SCENARIO).window_ttls * workload.ttl_s


def threads(workload: Workload) -> int:
    return min(MOST_THREADS, workload.users_per_process)


def prefix(order: ExperimentConfig, contender: str) -> str:
    return f"{order.stack.key_prefix}over-http:{contender}:"


def settings(order: ExperimentConfig, contender: str, statements: Statements, workload: Workload) -> ServiceSettings:
    return ServiceSettings(
        postgres_url=order.stack.postgres.url,
        redis_url=order.stack.redis.url,
        key_prefix=prefix(order, contender),
        port=free_port(),
        pattern=contender,
        ttl_s=workload.ttl_s,
        statements=asdict(statements),
        threads=threads(workload),
    )


@dataclass(frozen=True, kw_only=True)
class LoadCounter:
    """The database's own count of loads."""

    connection: psycopg.Connection[Any]
    ids: Mapping[str, int]

    def loads(self) -> float:
        """So far. Raises NotHere without pg_stat_statements."""
        counted = postgres_account(self.connection, self.ids).get("statement.load.calls")
        if counted is None:
            raise NotHere("postgres", "no count of statements", "pg_stat_statements: loads are counted by it")
        return counted[0]


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """When calls are due, from the beginning of each part."""

    before: Instants
    """They fill the cache."""
    window: Instants


def draw(workload: Workload, rng: np.random.Generator) -> Arrivals:
    """A round's, for all contenders."""
    before_s = find_scenario(SCENARIO).warm_up_s + rng.random() * workload.ttl_s
    before, window = (
        due_times_ns(workload.arrivals, workload.rate_per_s, span_s, share=0, shares=1, rng=rng)
        for span_s in (before_s, window_s(workload))
    )
    return Arrivals(before=before, window=window)


def cell(callers: Callers, url: str, arrivals: Arrivals, accounts: LoadCounter) -> tuple[HttpCalls, float]:
    """The window's calls, and the loads that they caused."""
    callers.call(url, arrivals.before)
    before = accounts.loads()
    calls = callers.call(url, arrivals.window)
    return calls, accounts.loads() - before


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
    question="Does the order of contenders hold over HTTP, on real threads?",
    application="a web service in front of the cache, as most applications have it",
    expectation="the same order of loads: a load takes as long, and requests over HTTP meet the same cache",
    run=run,
    once_s=40.0,
    small_once_s=20.0,
)
