"""Runs the cells of a run: reset, prepare, read the servers' counters, run, collect, read them again, write.

It runs in Locust's master and reaches the application servers through a `AppServers`; it does not depend on Locust.
"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pyarrow as pa
import redis

from stampede.core.errors import CellBroken, ContenderWrong, FaultFailed, HarnessBroken, WriteFailed
from stampede.loadtests.appserver.inflight_sampler import look_rows
from stampede.loadtests.coordinator.app_servers import AppServers, CellResult
from stampede.loadtests.coordinator.fault_injection import FaultClient, Outage
from stampede.loadtests.coordinator.probes.drift_probe import DriftProbe
from stampede.loadtests.coordinator.probes.gauges import Gauges
from stampede.loadtests.coordinator.probes.host_counters import HostCounters, account_rows, ruler_rows
from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows, read_after, read_before
from stampede.loadtests.coordinator.probes.server_events import pause_rows
from stampede.loadtests.coordinator.probes.server_settings import SettingsProbe
from stampede.loadtests.coordinator.probes.slow_log import SlowLogProbe
from stampede.loadtests.coordinator.probes.window_edges import next_edge_ns, window_edge_ns
from stampede.loadtests.coordinator.server_connections import LOST, ServerConnections, as_line
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.instrumentation.recorder import read_batch
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan, cell_info
from stampede.run_folder.schema import CellInfo
from stampede.run_folder.write import RunWriter, TimelineRow
from stampede.stack.postgres.dataset import restore_dataset
from stampede.stack.server_counters import Account, forget_keys, left_account

LEAD_NS = 30_000_000
"""Between the order to begin and the beginning: the message must have arrived everywhere."""
FAR_LEAD_NS = 300_000_000
"""The same, to other machines."""

SendEvent = Callable[[dict[str, Any]], None]
"""Takes an event of the run, for the process that started it."""


class Coordinator:
    """One run's coordinator. `stop()` ends it after the current cell; cells that are written stay."""

    def __init__(
        self, spec: RunConfig, app_servers: AppServers, writer: RunWriter, ruler: Meter, send_event: SendEvent
    ) -> None:
        self.spec = spec
        self.app_servers = app_servers
        self.writer = writer
        self.send_event = send_event
        self._servers = servers = ServerConnections(spec, ruler)
        self._switch = None if spec.switch_fd is None else FaultClient(spec.switch_fd)
        self._stopped = threading.Event()
        self._written_to = False
        self.probes: tuple[Probe, ...] = (
            SettingsProbe(servers),
            DriftProbe(servers, spec.cells),
            SlowLogProbe(servers, spec.key_prefix),
            HostCounters(servers, ruler),
            Gauges(servers.gauge_redis, spec.postgres_url, spec.key_prefix),
        )
        """The first is farthest from the cell. What follows HostCounters may send commands only while the cell runs:
        all others lie outside both of its readings."""

    def run(self, cells: Iterable[CellPlan]) -> None:
        """Run the cells. A cell that breaks is marked failed and the next one runs; HarnessBroken ends the run."""
        known = {info.id: info for info in self.writer.run.cells}
        for order in cells:
            if self._stopped.is_set():
                break
            info = known.get(order.id)
            if info is None:
                info = cell_info(order)
                self.writer.run.cells.append(info)
            named = {"scenario": order.scenario, "contender": order.contender, "round": order.round}
            self.send_event({"event": "cell", "id": order.id, **named})
            try:
                self._run_cell(order, info)
            except (CellBroken, FaultFailed) as broken:
                info.status, info.why = "failed", str(broken)
                if isinstance(broken, ContenderWrong):
                    self._remark_on(order.contender, str(broken))
            except LOST as lost:
                info.status, info.why = "failed", f"a connection to a server was lost: {as_line(lost)}"
                self._servers.connect_again()
            except (HarnessBroken, WriteFailed) as broken:
                info.status, info.why = "failed", str(broken)
                self.send_event({"event": "done", "id": order.id, "status": info.status, "why": info.why})
                raise
            self.writer.save()
            self.send_event({"event": "done", "id": order.id, "status": info.status, "why": info.why})

    def _remark_on(self, contender: str, what: str) -> None:
        """Note once a contender in run.json which answer failed its cells."""
        if not any(remark["name"] == contender for remark in self.writer.run.remarks):
            cost = "its cells failed: nothing is known of it there"
            self.writer.run.remarks.append({"name": contender, "what": what, "cost": cost})

    def stop(self) -> None:
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def close(self) -> None:
        self._servers.close()
        if self._switch is not None:
            self._switch.close()

    def _run_cell(self, order: CellPlan, info: CellInfo) -> None:
        self._reset(self.spec.scenario(order.scenario))
        with self._worker(order) as tasks:
            self._measure(order, info, tasks)

    def _reset(self, scenario: ScenarioPlan) -> None:
        """Our keys deleted, our rows as they were made. The user's own rows stay as the last cell left them."""
        forget_keys(self._servers.redis, self.spec.key_prefix)
        if self._written_to and scenario.workload.sql is None:
            workload = scenario.workload
            restore_dataset(
                self._servers.postgres,
                records=workload.records,
                record_bytes=workload.record_bytes,
                seed=self.spec.seed,
            )
        self._written_to = False

    @contextmanager
    def _worker(self, order: CellPlan) -> Iterator[Callable[[], list[TimelineRow]]]:
        """The contender's own worker process for the length of a cell, where it has one. What is yielded ends it
        before, and gives a row a task that it did.
        """
        if self.spec.contender_spec(order.contender).worker != "celery":
            yield list
            return
        if self._switch is None:
            raise FaultFailed("this run has no process that can start a worker")
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
            forget_keys(self._servers.redis, f"{self.spec.key_prefix.rstrip(':')}-celery:")

    def _measure(self, order: CellPlan, info: CellInfo, tasks: Callable[[], list[TimelineRow]]) -> None:
        """Prepare a cell, read each probe before it, run it, read each probe after it, write its files."""
        scenario = self.spec.scenario(order.scenario)
        cell = ProbedCell(order=order, scenario=scenario)
        processes_before = self.app_servers.prepare(order)
        if scenario.flood is None and not scenario.cold:
            spread_expiries(self._servers.redis, self.spec.key_prefix, random.Random(order.seed))
        edge_ns = None if scenario.flood is None else window_edge_ns(self._servers.redis, scenario.flood.window_s)
        counted_before = self.app_servers.requests_counted()

        read_before(self.probes, cell)
        self._set_instants(scenario, info, edge_ns)
        harvests, during = self._run_between(cell, info)
        rows = read_after(self.probes, cell)

        info.locust_requests = self.app_servers.requests_counted() - counted_before
        for harvest in harvests:
            rows.add(harvest_rows(info, processes_before[harvest.process], harvest))
        rows.add(during)
        samples = pa.concat_tables([read_batch(h.samples) for h in harvests]).unify_dictionaries()
        self.writer.add_cell(order.id, samples, rows.servers, [*rows.timeline, *tasks()])
        info.status = "done"  # once its files are there: a reader refuses a folder that lacks them

    def _set_instants(self, scenario: ScenarioPlan, info: CellInfo, edge_ns: int | None) -> None:
        """Choose when the cell begins, soon and where a limiter's window begins; the rest follows from that."""
        begin_ns = now_ns() + (FAR_LEAD_NS if self.spec.bind else LEAD_NS)
        if scenario.flood is not None and edge_ns is not None:
            begin_ns = next_edge_ns(begin_ns, edge_ns, scenario.flood.window_s)
        info.begin_ns = begin_ns
        info.window_start_ns = begin_ns + round(scenario.warm_up_s * 1e9)
        info.window_end_ns = info.window_start_ns + round(scenario.window_s * 1e9)
        info.deadline_ns = info.window_end_ns + round(scenario.drain_s * 1e9)

    def _run_between(self, cell: ProbedCell, info: CellInfo) -> tuple[list[CellResult], ProbeRows]:
        """Run the cell while the probes sample; what the application servers hand over, and what happened to it."""
        scenario = cell.scenario
        assert info.begin_ns is not None
        self._written_to = scenario.flood is None and scenario.workload.read_share < 1
        self.app_servers.begin(info.begin_ns)
        left: Account = {}
        fault_rows: list[TimelineRow] = []
        with ExitStack() as meanwhile:
            for probe in self.probes:
                meanwhile.enter_context(probe.sample())
            if scenario.fault is not None:
                fault_rows = meanwhile.enter_context(self._outage(scenario, info)).rows
            if scenario.check_after_drain:
                written = self.app_servers.settle()
                left = left_account(self._servers.redis, self.spec.key_prefix)
                self.app_servers.read_at_rest(written)
            harvests = self.app_servers.collect()
        return harvests, ProbeRows(servers=account_rows(info.id, "redis", {}, left), timeline=fault_rows)

    def _outage(self, scenario: ScenarioPlan, info: CellInfo) -> Outage:
        if self._switch is None or scenario.fault is None or info.window_start_ns is None:
            raise FaultFailed(f"{scenario.name}: this run has no process that can break a server")
        return Outage(self._switch, scenario.fault, info.id, info.window_start_ns, scenario.window_s)


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


def harvest_rows(info: CellInfo, before: dict[str, float], harvest: CellResult) -> ProbeRows:
    """What one application server counted and observed. `before`: its counters as the cell was prepared."""
    assert info.begin_ns is not None
    inside = [pause for pause in harvest.pauses if pause[0] >= info.begin_ns]
    return ProbeRows(
        servers=ruler_rows(info.id, f"process-{harvest.process}", before, harvest.account),
        timeline=[
            *pause_rows(info.id, harvest.process, inside),
            *look_rows(info.id, harvest.process, harvest.looks),
            *clock_rows(info.id, info.begin_ns, harvest),
        ],
    )


def clock_rows(cell: int, begin_ns: int, harvest: CellResult) -> list[TimelineRow]:
    """What was known of the clock of an application server on another machine, in nanoseconds."""
    if harvest.ahead is None:
        return []
    known = {"clock_ahead_ns": harvest.ahead.offset_ns, "clock_uncertainty_ns": harvest.ahead.uncertainty_ns}
    return [(cell, begin_ns, f"process-{harvest.process}", name, float(ns), None) for name, ns in known.items()]


def task_rows(cell: int, tasks: list[list[int]]) -> list[TimelineRow]:
    """What a worker did: a task begun this long after it was triggered, done this long after; both at its trigger."""
    rows: list[TimelineRow] = []
    for record_id, triggered_ns, began_ns, done_ns in tasks:
        for name, instant_ns in (("begun_after_ms", began_ns), ("done_after_ms", done_ns)):
            rows.append((cell, triggered_ns, "celery", name, (instant_ns - triggered_ns) / 1e6, str(record_id)))
    return rows
