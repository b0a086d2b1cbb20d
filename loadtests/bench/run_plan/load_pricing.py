"""The measured cost of one load on these servers, and the rate that they can carry at that cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.run_plan.source_trial import try_source
from stampede.loadtests.instrumentation.clock import machine_floor_ns
from stampede.loadtests.locustfiles.run_config import query_plans
from stampede.patterns.serialization.serializer_choice import SerializerChoice
from stampede.run_folder.schema import AcceptedChange
from stampede.scenarios.workload import OwnSource, Workload
from stampede.stack.postgres.load_cost import calibrate, load_alone_ms
from stampede.stack.postgres.own_data.sql_trial import try_own_sql
from stampede.stack.postgres.postgres_rights import require_writable
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.postgres.source import Statements, default_statements, user_statements
from stampede.stack.servers import Stack


@dataclass(kw_only=True)
class OwnTrial:
    """How the user's records are tried before a run, and what was found."""

    file: str = ""
    """The path of the workload's file, for error messages."""
    serializer: SerializerChoice = field(default_factory=SerializerChoice)
    """What the contenders store records with."""
    accepted: list[AcceptedChange] = field(default_factory=list)
    """The columns that the cache changes and that the user accepts."""
    writes: bool = False
    """Whether a scenario of the run writes, so that the `update` of the user's own loader is tried."""

    @property
    def cache(self) -> str:
        """The serializer's name in messages."""
        return "JSON" if self.serializer.name == "json" else self.serializer.name

    def note(self, query: str, changes: Mapping[str, str]) -> None:
        """Note what a trial found, once."""
        found = [AcceptedChange(query=query, column=column, how=how) for column, how in changes.items()]
        self.accepted += [change for change in found if change not in self.accepted]


class LoadPrices:
    """The cost of loads on these servers. Loads of equal weight are calibrated once."""

    def __init__(self, stack: Stack, trial: OwnTrial, say: ReportProgress) -> None:
        self._stack = stack
        self._trial = trial
        self._say = say
        self._known: dict[tuple[float, float], tuple[list[Statements], dict[str, float]]] = {}

    def price(self, workload: Workload) -> tuple[list[Statements], dict[str, float]]:
        """As `priced_statements`, with a new copy of the measured figures."""
        weight = (workload.load_cpu_ms, workload.load_wait_ms)
        if weight not in self._known:
            self._known[weight] = priced_statements(self._stack, workload, self._say, self._trial)
        statements, measured = self._known[weight]
        return statements, dict(measured)


def priced_statements(
    stack: Stack, workload: Workload, say: ReportProgress, trial: OwnTrial | None = None
) -> tuple[list[Statements], dict[str, float]]:
    """The SQL of each query, with loads that cost what the workload asks, and the measured time of one load alone."""
    trial = trial or OwnTrial()
    if workload.source is not None:
        return priced_source(stack, workload, trial)
    if workload.queries:
        return priced_queries(stack, workload, trial)
    say(f"calibrating a load of {workload.load_cpu_ms:g} ms CPU and {workload.load_wait_ms:g} ms waiting")
    found = calibrate(stack.postgres.url, cpu_ms=workload.load_cpu_ms, wait_ms=workload.load_wait_ms)
    return [default_statements(found.cpu_rows, workload.load_wait_ms, found.cpu_laps)], found.measured()


def priced_source(stack: Stack, workload: Workload, trial: OwnTrial) -> tuple[list[Statements], dict[str, float]]:
    """No statements, and what was measured of the user's own loader."""
    source = workload.source
    assert source is not None
    tried = try_source(source, stack.postgres.url, trial.serializer.make(), trial.cache, writes=trial.writes)
    trial.note(source.entity, tried.changes)
    return [source_statements(source)], {"load_ms": tried.load_ms, "ids": float(tried.ids)}


def source_statements(source: OwnSource) -> Statements:
    """The statements of the user's own loader: none of ours."""
    return Statements(load="", version_column=source.version)


def priced_queries(stack: Stack, workload: Workload, trial: OwnTrial) -> tuple[list[Statements], dict[str, float]]:
    """The user's statements, and what was measured of them.

    load_ms is the mean over all reads, and ids the sum over all queries; of several queries each has its own figures
    too, for example `load_ms@product`.
    """
    with connect(stack.postgres.url) as connection:
        if any(query.update or query.create for query in workload.queries):
            require_writable(connection, stack.postgres.safe_url)
        tried = try_own_sql(connection, workload, trial.serializer.make(), trial.file, trial.cache)
    known = [each.ids for each in tried]
    for query, each in zip(workload.queries, tried, strict=True):
        trial.note(query.name or query.entity, each.changes)
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
    if workload.source is not None:
        return [source_statements(workload.source)]
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
