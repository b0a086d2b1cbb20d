"""Counters of the servers, the machine and this process, read before and after each cell."""

import time

import psutil

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.meters import Meter
from stampede.run_folder.write import ServerRow
from stampede.stack.postgres.source import Statements, statement_ids_by_query
from stampede.stack.server_counters import Counters, read_postgres_counters, read_redis_counters

BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)
"""The clock that also counts while the machine sleeps, if the system has one: the monotonic clock stops then."""


class HostCounters(Probe):
    """The servers' own counters, the machine's CPU time, and the commands that this process sent."""

    def __init__(self, servers: ServerConnections, meter: Meter) -> None:
        self._servers = servers
        self._meter = meter

    def before(self, cell: ProbedCell) -> None:
        queries = cell.scenario.queries if cell.scenario.flood is None else ()  # a limiter loads no record
        self._statements = statement_ids_by_query(
            self._servers.postgres, {q.name: Statements(**q.statements) for q in queries}
        )
        self._own_source = cell.scenario.workload.source is not None
        self._own_before = self._meter.account()
        self._before = self._server_accounts()

    def after(self, cell: ProbedCell) -> ProbeRows:
        own_after = self._meter.account()
        after = self._server_accounts()
        found = ProbeRows()
        for source in self._before:
            found.servers += account_rows(cell.plan.id, source, self._before[source], after[source])
        found.servers += meter_rows(cell.plan.id, "coordinator", self._own_before, own_after)
        return found

    def _server_accounts(self) -> dict[str, Counters]:
        servers = self._servers
        return {
            "postgres": {
                **read_postgres_counters(servers.postgres, self._statements, control=self._own_source),
                **cpu_account(servers.postmaster),
            },
            "machine": machine_account(),
            "redis": read_redis_counters(
                servers.redis
            ),  # last, so that both readings exclude the same commands of the harness
        }


def machine_account() -> Counters:
    """The CPU time and the clocks of the machine: busy, idle and steal time of all cores in seconds since its start."""
    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    steal_s = getattr(times, "steal", 0.0)
    busy_s = times.user + times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)
    asleep = {"clock.boottime_s": (time.clock_gettime(BOOTTIME), "s")} if BOOTTIME is not None else {}
    return asleep | {
        "cpu.busy_s": (busy_s, "s"),
        "cpu.idle_s": (idle_s, "s"),
        "cpu.steal_s": (steal_s, "s"),
        "clock.wall_s": (time.time(), "s"),
        "clock.monotonic_s": (time.monotonic(), "s"),
    }


def cpu_account(parent: psutil.Process | None) -> Counters:
    """CPU time of a server with many processes, including those that have ended, in seconds since its start."""
    if parent is None:
        return {}
    used = parent.cpu_times()
    total_s = used.user + used.system + used.children_user + used.children_system
    for child in parent.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total_s += times.user + times.system
    return {"cpu_s": (total_s, "s")}


def account_rows(cell: int, source: str, before: Counters, after: Counters) -> list[ServerRow]:
    """One row for each counter. A counter that one reading lacks (before a command's first call) is None there."""
    rows: list[ServerRow] = []
    for name in sorted(before.keys() | after.keys()):
        unit = (after.get(name) or before[name])[1]
        rows.append(
            (cell, source, name, before[name][0] if name in before else None,
             after[name][0] if name in after else None, unit)
        )  # fmt: skip
    return rows


def meter_rows(cell: int, source: str, before: dict[str, float], after: dict[str, float]) -> list[ServerRow]:
    """As `account_rows`, for a meter's counters: a missing counter is 0."""
    return [
        (cell, source, name, before.get(name, 0.0), after.get(name, 0.0), "s" if name.endswith("_s") else "calls")
        for name in sorted(before.keys() | after.keys())
    ]
