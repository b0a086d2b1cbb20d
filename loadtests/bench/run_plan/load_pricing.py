"""The measured cost of one load on these servers, and the rate that they can carry at that cost."""

import math

from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.instrumentation.clock import machine_floor_ns
from stampede.loadtests.locustfiles.run_config import query_plans
from stampede.patterns.serialization.json import Json
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.load_cost import calibrate, load_alone_ms
from stampede.stack.postgres.postgres_rights import require_writable
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.postgres.source import Statements, default_statements, user_statements
from stampede.stack.postgres.sql_trial import try_own_sql
from stampede.stack.servers import Stack


class LoadPrices:
    """The cost of loads on these servers. Loads of equal weight are calibrated once."""

    def __init__(self, stack: Stack, workload_file: str, say: ReportProgress) -> None:
        """`workload_file`: the path of the workload's file, for error messages."""
        self._stack = stack
        self._workload_file = workload_file
        self._say = say
        self._known: dict[tuple[float, float], tuple[list[Statements], dict[str, float]]] = {}

    def price(self, workload: Workload) -> tuple[list[Statements], dict[str, float]]:
        """As `priced_statements`, with a new copy of the measured figures."""
        weight = (workload.load_cpu_ms, workload.load_wait_ms)
        if weight not in self._known:
            self._known[weight] = priced_statements(self._stack, workload, self._say, self._workload_file)
        statements, measured = self._known[weight]
        return statements, dict(measured)


def priced_statements(
    stack: Stack, workload: Workload, say: ReportProgress, workload_file: str = ""
) -> tuple[list[Statements], dict[str, float]]:
    """The SQL of each query, with loads that cost what the workload asks, and the measured time of one load alone."""
    if workload.queries:
        return priced_queries(stack, workload, workload_file)
    say(f"calibrating a load of {workload.load_cpu_ms:g} ms CPU and {workload.load_wait_ms:g} ms waiting")
    found = calibrate(stack.postgres.url, cpu_ms=workload.load_cpu_ms, wait_ms=workload.load_wait_ms)
    return [default_statements(found.cpu_rows, workload.load_wait_ms, found.cpu_laps)], found.measured()


def priced_queries(stack: Stack, workload: Workload, workload_file: str) -> tuple[list[Statements], dict[str, float]]:
    """The user's statements, and what was measured of them.

    load_ms is the mean over all reads, and ids the sum over all queries; of several queries each has its own figures
    too, for example `load_ms@product`.
    """
    with connect(stack.postgres.url) as connection:
        if any(query.update or query.create for query in workload.queries):
            require_writable(connection, stack.postgres.safe_url)
        known = try_own_sql(connection, workload, Json(), workload_file)
    statements = [user_statements(query, ids.columns) for query, ids in zip(workload.queries, known, strict=True)]
    plans = query_plans(workload, statements)
    alone_ms = [load_alone_ms(stack.postgres.url, own, ids.ids[0]) for own, ids in zip(statements, known, strict=True)]
    reads = [max(plan.share * plan.read_share, 1e-9) for plan in plans]
    load_ms = sum(share * ms for share, ms in zip(reads, alone_ms, strict=True)) / sum(reads)
    measured = {"load_ms": load_ms, "ids": float(sum(len(ids.ids) for ids in known))}
    for plan, ms, ids in zip(plans, alone_ms, known, strict=True) if len(plans) > 1 else ():
        measured |= {f"load_ms@{plan.name}": ms, f"ids@{plan.name}": float(len(ids.ids))}
    return statements, measured


def unpriced_statements(workload: Workload) -> list[Statements]:
    """The statements for a scenario that loads nothing."""
    return [user_statements(query) for query in workload.queries] or [default_statements(0, 0)]


def carried_per_s(workload: Workload, load_ms: float, processes: int, cores: int) -> float:
    """The rate that a contender can carry if every read loads: the lower of what half of the cores and what all threads
    can load."""
    of_cores = 0.5 * cores * 1e3 / workload.load_cpu_ms if workload.load_cpu_ms else math.inf
    return min(of_cores, processes * workload.users_per_process * 1e3 / load_ms)


def timer_floor(workload: Workload) -> dict[str, float]:
    """How late the machine wakes a thread at this scenario's rate. The harness's own lateness is compared with it."""
    late_ns = machine_floor_ns(workload.rate_per_s, waits=200)
    return {
        "timer_floor_p50_ms": late_ns[len(late_ns) // 2] / 1e6,
        "timer_floor_p99_ms": late_ns[len(late_ns) * 99 // 100] / 1e6,
    }
