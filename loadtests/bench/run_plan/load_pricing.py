"""The measured cost of one load on these servers, and the rate that they can carry at that cost."""

import math

from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.instrumentation.clock import machine_floor_ns
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
        self._known: dict[tuple[float, float], tuple[Statements, dict[str, float]]] = {}

    def price(self, workload: Workload) -> tuple[Statements, dict[str, float]]:
        """As `priced_statements`, with a new copy of the measured figures."""
        weight = (workload.load_cpu_ms, workload.load_wait_ms)
        if weight not in self._known:
            self._known[weight] = priced_statements(self._stack, workload, self._say, self._workload_file)
        statements, measured = self._known[weight]
        return statements, dict(measured)


def priced_statements(
    stack: Stack, workload: Workload, say: ReportProgress, workload_file: str = ""
) -> tuple[Statements, dict[str, float]]:
    """The workload's SQL, with loads that cost what the workload asks, and the measured time of one load alone."""
    if workload.sql is not None:
        with connect(stack.postgres.url) as connection:
            own = user_statements(workload.sql)
            if own.update or own.create:
                require_writable(connection, stack.postgres.safe_url)
            ids = try_own_sql(connection, workload, Json(), workload_file)
        return own, {"load_ms": load_alone_ms(stack.postgres.url, own, ids[0]), "ids": float(len(ids))}
    say(f"calibrating a load of {workload.load_cpu_ms:g} ms CPU and {workload.load_wait_ms:g} ms waiting")
    found = calibrate(stack.postgres.url, cpu_ms=workload.load_cpu_ms, wait_ms=workload.load_wait_ms)
    return default_statements(found.cpu_rows, workload.load_wait_ms, found.cpu_laps), found.measured()


def unpriced_statements(workload: Workload) -> Statements:
    """The statements for a scenario that loads nothing."""
    return default_statements(0, 0) if workload.sql is None else user_statements(workload.sql)


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
