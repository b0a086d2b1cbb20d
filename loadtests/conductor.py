"""Runs the cells of a run: reset, prepare, read the servers' accounts, go, collect, read them again, write.

It lives in Locust's master and speaks to the application servers through a `Crew`; it knows nothing of Locust.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import psutil
import psycopg
import pyarrow as pa
import redis
from redis.exceptions import NoPermissionError

from artefact.schema import CellInfo
from artefact.write import RunWriter, ServerRow, TimelineRow, WriteFailed
from loadtests.appserver.active_cell import CellBroken, ContenderWrong
from loadtests.appserver.redis_clients import ruled_client
from loadtests.canary import CLOSES, OPENS, canary_rows, look, round_edges
from loadtests.clock import now_ns
from loadtests.events import (
    Changes,
    Pause,
    Settings,
    clocks,
    pause_rows,
    postgres_counters,
    read_settings,
    redis_counters,
    setting_rows,
)
from loadtests.instruments import Ruler
from loadtests.observer import Look, look_rows
from loadtests.outage import FaultFailed, Outage, SwitchLine
from loadtests.recorder import read_batch
from loadtests.silence import Silences
from loadtests.slowlog import last_entry, slow_entries
from loadtests.spec import CellOrder, ScenarioOrder, Spec
from loadtests.two_clocks import Ahead
from patterns.caching.base import ClientSettings
from stack.accounts import Account, forget_keys, left_account, postgres_account, redis_account
from stack.dataset import restore_dataset
from stack.source import Statements, prepare_session, statement_ids

LEAD_NS = 30_000_000
"""Between the order to begin and the beginning: the message must have arrived everywhere."""
FAR_LEAD_NS = 300_000_000
"""The same, to other machines."""
GAUGE_EVERY_S = 0.25
"""Gauges are read at random instants, this far apart on average: a regular grid would miss what recurs in its gaps."""

GAUGE_WITHIN = ClientSettings(socket_timeout_s=0.2, retries=0)
"""How the gauges' client is set: a server that hangs must not hold them up."""

Tell = Callable[[dict[str, Any]], None]


BACK_WITHIN_S = 5.0
"""How long a server may take to answer again after a connection to it was lost."""
AGAIN_S = 0.2
LOST = (psycopg.OperationalError, psycopg.InterfaceError, redis.ConnectionError, redis.TimeoutError)
"""What a driver raises where a server, or a connection to it, is gone."""


def as_line(error: Exception) -> str:
    """An error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


class HarnessBroken(RuntimeError):
    """An application server is gone: nothing that follows could be trusted."""


class WorkerLeft(HarnessBroken):
    """An application server is gone; how its process ended says more."""


@dataclass(frozen=True, kw_only=True)
class Harvest:
    """What one application server hands over after a cell."""

    process: int
    samples: bytes
    account: dict[str, float]
    pauses: list[Pause] = field(default_factory=list)
    """Its garbage collections."""
    looks: list[Look] = field(default_factory=list)
    """What its observer counted."""
    ahead: Ahead | None = None
    """Of one on another machine: how far its clock was ahead of ours, with the doubt over the whole cell. All instants
    are told in ours."""


class Crew(Protocol):
    """The application servers, as the conductor sees them. Every method may raise CellBroken or HarnessBroken."""

    def prepare(self, order: CellOrder) -> dict[int, dict[str, float]]:
        """Have every process prepare the cell; their counters by process."""

    def begin(self, begin_ns: int) -> None:
        """Tell every process from which instant due times count."""

    def settle(self) -> list[int]:
        """Wait for the last request to end everywhere; the keys that were written."""

    def read_at_rest(self, keys: list[int]) -> None:
        """Have every process read those keys once more, and then end the cell."""

    def collect(self) -> list[Harvest]:
        """Wait for the cell to end everywhere."""

    def requests_counted(self) -> int:
        """How many requests Locust itself has counted so far."""


class Conductor:
    """One run's conductor. `stop()` ends it after the cell in hand; cells that are written stay."""

    def __init__(self, spec: Spec, crew: Crew, writer: RunWriter, ruler: Ruler, tell: Tell) -> None:
        self.spec = spec
        self.crew = crew
        self.writer = writer
        self.tell = tell
        self._ruler = ruler
        self._redis = ruled_client(spec.redis_url, ClientSettings(), ruler, 8)
        self._gauge_redis = ruled_client(spec.redis_url, GAUGE_WITHIN, ruler, 2)
        self._switch = None if spec.switch_fd is None else SwitchLine(spec.switch_fd)
        self._postgres: psycopg.Connection[Any] = psycopg.connect(spec.postgres_url, autocommit=True)
        prepare_session(self._postgres, spec.scenarios[0].statements["session"])
        self._postmaster = postmaster_of(self._postgres)
        self._stopped = threading.Event()
        self._written_to = False
        self._settings: Settings = {}
        self._opening, self._closing = round_edges(spec.cells)

    def run(self, cells: Iterable[CellOrder]) -> None:
        """Run the cells. A cell that breaks is marked failed and the next one runs; HarnessBroken ends the run."""
        known = {info.id: info for info in self.writer.run.cells}
        for order in cells:
            if self._stopped.is_set():
                break
            info = known.get(order.id)
            if info is None:
                info = cell_info(order)
                self.writer.run.cells.append(info)
            self.tell({"event": "cell", "id": order.id, "scenario": order.scenario, "contender": order.contender,
                       "round": order.round})  # fmt: skip
            try:
                self._run_cell(order, info)
            except (CellBroken, FaultFailed) as broken:
                info.status, info.why = "failed", str(broken)
                if isinstance(broken, ContenderWrong):
                    self._remark_on(order.contender, str(broken))
            except LOST as lost:
                info.status, info.why = "failed", f"a connection to a server was lost: {as_line(lost)}"
                self._connect_again()
            except (HarnessBroken, WriteFailed) as broken:
                info.status, info.why = "failed", str(broken)
                self.tell({"event": "done", "id": order.id, "status": info.status, "why": info.why})
                raise
            self.writer.save()
            self.tell({"event": "done", "id": order.id, "status": info.status, "why": info.why})

    def _remark_on(self, contender: str, what: str) -> None:
        """Say once a contender in run.json which answer failed its cells."""
        if not any(remark["name"] == contender for remark in self.writer.run.remarks):
            cost = "its cells failed: nothing is known of it there"
            self.writer.run.remarks.append({"name": contender, "what": what, "cost": cost})

    def _connect_again(self) -> None:
        """A server ended a connection of ours, or the server itself ended and came back. Raises HarnessBroken where it
        does not answer within BACK_WITHIN_S."""
        self._postgres.close()
        give_up = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                self._gauge_redis.ping()
                self._postgres = psycopg.connect(
                    self.spec.postgres_url, autocommit=True, prepare_threshold=None, connect_timeout=5
                )
                prepare_session(self._postgres, self.spec.scenarios[0].statements["session"])
                self._postmaster = postmaster_of(self._postgres)
            except LOST as lost:
                if time.monotonic() > give_up:
                    name = "PostgreSQL" if isinstance(lost, psycopg.Error) else "Redis"
                    raise HarnessBroken(f"{name} no longer answers: {as_line(lost)}") from lost
                time.sleep(AGAIN_S)
            else:
                return

    def stop(self) -> None:
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def close(self) -> None:
        self._redis.close()
        self._gauge_redis.close()
        self._postgres.close()
        if self._switch is not None:
            self._switch.close()

    def _run_cell(self, order: CellOrder, info: CellInfo) -> None:
        self._reset(self.spec.scenario(order.scenario))
        with self._worker(order) as tasks:
            self._measure(order, info, tasks)

    @contextmanager
    def _worker(self, order: CellOrder) -> Iterator[Callable[[], list[TimelineRow]]]:
        """The contender's own worker process for the length of a cell, where it has one. What is yielded ends it
        before, and gives a row a task that it did.
        """
        if self.spec.entrant(order.contender).worker != "celery":
            yield list
            return
        if self._switch is None:
            raise FaultFailed("nobody here can start a worker")
        switch, stopped = self._switch, False

        def stop() -> list[TimelineRow]:
            nonlocal stopped
            stopped = True
            return task_rows(order.id, switch.ask("stop celery").told)

        switch.ask("start celery", order.scenario, order.contender)
        try:
            yield stop
        finally:
            if not stopped:
                stop()
            forget_keys(self._redis, f"{self.spec.key_prefix.rstrip(':')}-celery:")

    def _measure(self, order: CellOrder, info: CellInfo, tasks: Callable[[], list[TimelineRow]]) -> None:
        scenario = self.spec.scenario(order.scenario)
        before = self.crew.prepare(order)
        if scenario.flood is None and not scenario.cold:
            spread_expiries(self._redis, self.spec.key_prefix, random.Random(order.seed))
        ids = statement_ids(self._postgres, Statements(**scenario.statements))
        edge_ns = None if scenario.flood is None else window_edge_ns(self._redis, scenario.flood.window_s)
        around = self._circumstances(order.id, OPENS if order.id in self._opening else None)
        slow_before = last_entry(self._redis)
        counted_before = self.crew.requests_counted()
        conductor_before = self._ruler.account()
        servers_before = self._server_accounts(ids)
        info.begin_ns = now_ns() + (FAR_LEAD_NS if self.spec.bind else LEAD_NS)
        if scenario.flood is not None and edge_ns is not None:
            info.begin_ns = next_edge_ns(info.begin_ns, edge_ns, scenario.flood.window_s)
        info.window_start_ns = info.begin_ns + round(scenario.warm_up_s * 1e9)
        info.window_end_ns = info.window_start_ns + round(scenario.window_s * 1e9)
        info.deadline_ns = info.window_end_ns + round(scenario.drain_s * 1e9)
        self._written_to = scenario.flood is None and scenario.workload.read_share < 1
        self.crew.begin(info.begin_ns)
        limited = None if scenario.flood is None else self.spec.key_prefix
        fault_rows: list[TimelineRow] = []
        events: list[TimelineRow] = []
        with ExitStack() as meanwhile:
            gauges = meanwhile.enter_context(Gauges(self._gauge_redis, self.spec.postgres_url, order, limited))
            if scenario.fault is not None:
                fault_rows = meanwhile.enter_context(self._outage(scenario, info)).rows
            left: Account = {}
            if scenario.judge_at_rest:
                written = self.crew.settle()
                left = left_account(self._redis, self.spec.key_prefix)
                self.crew.read_at_rest(written)
            harvests = self.crew.collect()
        conductor_after = self._ruler.account()
        servers_after = self._server_accounts(ids)
        info.locust_requests = self.crew.requests_counted() - counted_before
        gauges.rows += slow_entries(self._redis, slow_before, order.id, self.spec.key_prefix)
        rows: list[ServerRow] = []
        for source in servers_before:
            rows += account_rows(order.id, source, servers_before[source], servers_after[source])
        rows += account_rows(order.id, "redis", {}, left)
        rows += ruler_rows(order.id, "conductor", conductor_before, conductor_after)
        for harvest in harvests:
            rows += ruler_rows(order.id, f"process-{harvest.process}", before[harvest.process], harvest.account)
            inside = [pause for pause in harvest.pauses if pause[0] >= info.begin_ns]
            around += pause_rows(order.id, harvest.process, inside)
            around += look_rows(order.id, harvest.process, harvest.looks)
            around += clock_rows(order.id, info.begin_ns, harvest)
        gauges.rows += around + self._circumstances(order.id, CLOSES if order.id in self._closing else None)
        samples = pa.concat_tables([read_batch(h.samples) for h in harvests]).unify_dictionaries()
        self.writer.add_cell(order.id, samples, rows, [*gauges.rows, *events, *fault_rows, *tasks()])
        info.status = "done"  # once its files are there: a reader refuses a folder that lacks them

    def _circumstances(self, cell: int, edge: str | None) -> list[TimelineRow]:
        """What somebody changed on the servers since we last asked; at an edge of a round, the canary."""
        settings = read_settings(self._redis, self._postgres)
        rows = setting_rows(cell, self._settings, settings)
        self._settings = settings
        if edge is not None:
            rows += canary_rows(cell, look(self._redis, self._postgres), edge)
        return rows

    def _outage(self, scenario: ScenarioOrder, info: CellInfo) -> Outage:
        if self._switch is None or scenario.fault is None or info.window_start_ns is None:
            raise FaultFailed(f"{scenario.name}: nobody here can break a server")
        return Outage(self._switch, scenario.fault, info.id, info.window_start_ns, scenario.window_s)

    def _reset(self, scenario: ScenarioOrder) -> None:
        """Our keys deleted, our rows as they were made. The user's own rows stay as the last cell left them."""
        forget_keys(self._redis, self.spec.key_prefix)
        if self._written_to and scenario.workload.sql is None:
            workload = scenario.workload
            restore_dataset(
                self._postgres, records=workload.records, record_bytes=workload.record_bytes, seed=self.spec.seed
            )
        self._written_to = False

    def _server_accounts(self, ids: dict[str, int]) -> dict[str, Account]:
        return {
            "postgres": {**postgres_account(self._postgres, ids), **cpu_account(self._postmaster)},
            "machine": machine_account(),
            "redis": redis_account(self._redis),  # last, so that our own commands lie outside on both sides alike
        }


class Gauges:
    """Reads what has no counter (connections, memory) at random instants while a cell runs."""

    def __init__(self, client: redis.Redis, postgres_url: str, order: CellOrder, limited: str | None) -> None:
        """`limited`: the prefix of the keys, where rate limiters run: their sizes are a gauge as well."""
        self.rows: list[TimelineRow] = []
        self._redis = client
        self._postgres_url = postgres_url
        self._cell = order.id
        self._limited = limited
        self._rng = random.Random(order.seed + 1)
        self._changes = Changes(order.id)
        self._silences = Silences(order.id)
        self._over = threading.Event()
        self._lost: psycopg.OperationalError | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Gauges":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._lost is not None and kind is None:
            raise self._lost

    def _watch(self) -> None:
        try:
            self._read_until_over()
        except psycopg.OperationalError as lost:
            self._lost = lost

    def _read_until_over(self) -> None:
        self._silences.expect("postgres", now_ns())
        with psycopg.connect(self._postgres_url, autocommit=True, prepare_threshold=None) as connection:
            self._look(connection)
            self._silences.heard("postgres", now_ns())
            while not self._is_over_after(self._rng.expovariate(1 / GAUGE_EVERY_S)):
                self._silences.expect("postgres", now_ns())
                self._look(connection)
                self._silences.heard("postgres", now_ns())
                self._silences.expect("redis", now_ns())
                # broken on purpose, or late, or not allowed: a gauge less
                with suppress(redis.ConnectionError, redis.TimeoutError, NoPermissionError):
                    self._ask_redis()
                    self._silences.heard("redis", now_ns())
                row = connection.execute(
                    "SELECT count(*), count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).fetchone()
                if row is not None:
                    self._note("postgres", "connections", float(row[0]))
                    self._note("postgres", "active", float(row[1]))
            self._look(connection)
        self._silences.close(now_ns())
        self.rows += self._silences.rows

    def _is_over_after(self, wait_s: float) -> bool:
        """Wait; whether the cell is over. Waking late is a silence of this process."""
        due_ns = now_ns() + round(wait_s * 1e9)
        over = self._over.wait(wait_s)
        woke_ns = now_ns()
        self._silences.expect("conductor", min(due_ns, woke_ns))
        self._silences.heard("conductor", woke_ns)
        return over

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        """Note what happened since the last look."""
        self.rows += self._changes.read_clocks(*clocks())
        self.rows += self._changes.read("postgres", postgres_counters(connection), now_ns())

    def _ask_redis(self) -> None:
        info: dict[str, Any] = self._redis.info()
        self.rows += self._changes.read("redis", redis_counters(info), now_ns())
        for name in ("connected_clients", "used_memory", "maxmemory", "instantaneous_ops_per_sec"):
            self._note("redis", name, float(info.get(name, 0)))
        if self._limited is not None:
            for size in key_sizes(self._redis, self._limited):
                self._note("redis", "limiter_key_bytes", size)

    def _note(self, source: str, name: str, value: float) -> None:
        self.rows.append((self._cell, now_ns(), source, name, value, None))


def spread_expiries(client: redis.Redis, key_prefix: str, rng: random.Random) -> None:
    """Give every entry a remaining lifetime between nothing and what it has: the random phase of an ordinary day."""
    keys = list(client.scan_iter(match=f"{key_prefix}*", count=1000))
    reading = client.pipeline(transaction=False)
    for key in keys:
        reading.pttl(key)
    writing = client.pipeline(transaction=False)
    for key, left_ms in zip(keys, reading.execute(), strict=True):
        if left_ms > 0:
            writing.pexpire(key, rng.randint(1, left_ms))
    writing.execute()


MEASURED_KEYS = 24
"""How many of a limiter's keys are asked for their size at a time."""


def window_edge_ns(client: redis.Redis, window_s: float) -> int:
    """An instant of our monotonic clock at which a window of the server's clock began, to about a round trip's half.

    Floods begin at such an edge, so that those who aim at it hit it.
    """
    asked_ns = now_ns()
    seconds, microseconds = client.time()
    at_ns = (asked_ns + now_ns()) // 2
    return at_ns - (seconds * 1_000_000 + microseconds) % round(window_s * 1e6) * 1000


def next_edge_ns(instant_ns: int, edge_ns: int, window_s: float) -> int:
    """The first edge at or after the instant."""
    window_ns = round(window_s * 1e6) * 1000
    return edge_ns + -(-(instant_ns - edge_ns) // window_ns) * window_ns


def key_sizes(client: redis.Redis, key_prefix: str) -> list[float]:
    """What some of the limiter's keys take now (MEMORY USAGE), in bytes."""
    keys = itertools.islice(client.scan_iter(match=f"{key_prefix}ratelimit:*", count=1000), MEASURED_KEYS)
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key)
    return [float(size) for size in pipeline.execute() if size is not None]


def clock_rows(cell: int, begin_ns: int, harvest: Harvest) -> list[TimelineRow]:
    """What was known of the clock of an application server on another machine, in nanoseconds."""
    if harvest.ahead is None:
        return []
    known = {"clock_ahead_ns": harvest.ahead.by_ns, "clock_doubt_ns": harvest.ahead.doubt_ns}
    return [(cell, begin_ns, f"process-{harvest.process}", name, float(ns), None) for name, ns in known.items()]


def task_rows(cell: int, tasks: list[list[int]]) -> list[TimelineRow]:
    """What a worker did: a task begun this long after it was triggered, done this long after; both at its trigger."""
    rows: list[TimelineRow] = []
    for record_id, triggered_ns, began_ns, done_ns in tasks:
        for name, instant_ns in (("begun_after_ms", began_ns), ("done_after_ms", done_ns)):
            rows.append((cell, triggered_ns, "celery", name, (instant_ns - triggered_ns) / 1e6, str(record_id)))
    return rows


def cell_info(order: CellOrder) -> CellInfo:
    return CellInfo(
        id=order.id,
        scenario=order.scenario,
        contender=order.contender,
        round=order.round,
        seed=order.seed,
        predecessor=order.predecessor,
    )


BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)
"""The clock that goes on while the machine sleeps, where there is one: the monotonic clock stands still then."""


def machine_account() -> Account:
    """How busy all cores together were, in seconds since the start of the machine."""
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


def postmaster_of(connection: psycopg.Connection[Any]) -> psutil.Process | None:
    """PostgreSQL's first process where the server runs on this machine, in sight of us; else None."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    try:
        backend = psutil.Process(row[0] if row else 0)
        parent = backend.parent()
        return parent if backend.name() == "postgres" and parent and parent.name() == "postgres" else None
    except psutil.Error:
        return None


def cpu_account(parent: psutil.Process | None) -> Account:
    """CPU time of a server of many processes, those that have ended included, in seconds since its start."""
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


def account_rows(cell: int, source: str, before: Account, after: Account) -> list[ServerRow]:
    """A row a counter; one that is missing on a side (a command's first call) stands as nothing there."""
    rows: list[ServerRow] = []
    for name in sorted(before.keys() | after.keys()):
        unit = (after.get(name) or before[name])[1]
        rows.append(
            (cell, source, name, before[name][0] if name in before else None,
             after[name][0] if name in after else None, unit)
        )  # fmt: skip
    return rows


def ruler_rows(cell: int, source: str, before: dict[str, float], after: dict[str, float]) -> list[ServerRow]:
    """As `account_rows`, for our own counters: what was not counted yet was 0."""
    return [
        (cell, source, name, before.get(name, 0.0), after.get(name, 0.0), "s" if name.endswith("_s") else "calls")
        for name in sorted(before.keys() | after.keys())
    ]
