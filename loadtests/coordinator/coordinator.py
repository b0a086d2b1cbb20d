"""The coordinator runs each cell: reset, prepare, read the counters, run, collect, read the counters again, write.

It runs in Locust's master and reaches the application servers through `AppServers`; it does not depend on Locust.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pyarrow as pa

from stampede.core.errors import CellBroken, ContenderWrong, FaultFailed, HarnessBroken, WriteFailed
from stampede.loadtests.appserver.inflight_sampler import inflight_rows
from stampede.loadtests.coordinator.app_servers import AppServers, CellResult
from stampede.loadtests.coordinator.fault_injection import FaultClient, Outage
from stampede.loadtests.coordinator.kept_entries import EntryStore
from stampede.loadtests.coordinator.probes.drift_probe import DriftProbe
from stampede.loadtests.coordinator.probes.gauges import Gauges
from stampede.loadtests.coordinator.probes.host_counters import HostCounters, account_rows, meter_rows
from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows, read_after, read_before
from stampede.loadtests.coordinator.probes.server_events import pause_rows
from stampede.loadtests.coordinator.probes.server_settings import SettingsProbe
from stampede.loadtests.coordinator.probes.slow_log import SlowLogProbe
from stampede.loadtests.coordinator.probes.window_edges import next_edge_ns, window_edge_ns
from stampede.loadtests.coordinator.server_connections import CONNECTION_LOST, ServerConnections, one_line
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.instrumentation.recorder import read_batch
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan, cell_info
from stampede.run_folder.schema import CellInfo
from stampede.run_folder.write import RunWriter, TimelineRow
from stampede.stack.postgres.dataset import restore_dataset
from stampede.stack.server_counters import Counters, count_remaining_keys, delete_keys

START_LEAD_NS = 30_000_000
"""Between the start message and the start of the cell: the message must have arrived in every process."""
REMOTE_START_LEAD_NS = 300_000_000
"""The same for workers on other machines."""

SendEvent = Callable[[dict[str, Any]], None]
"""Sends an event of the run to the process that started the run."""


class Coordinator:
    """Runs the cells of one run. `stop()` ends it after the current cell; the cells written so far stay."""

    def __init__(
        self, config: RunConfig, app_servers: AppServers, writer: RunWriter, meter: Meter, send_event: SendEvent
    ) -> None:
        self.config = config
        self.app_servers = app_servers
        self.writer = writer
        self.send_event = send_event
        self._servers = servers = ServerConnections(config, meter)
        self._switch = None if config.switch_fd is None else FaultClient(config.switch_fd)
        self._stopped = threading.Event()
        self._written_to = False
        self._entries = EntryStore(config, servers)
        self.probes: tuple[Probe, ...] = (
            SettingsProbe(servers),
            DriftProbe(servers, config.cells),
            SlowLogProbe(servers, config.key_prefix),
            HostCounters(servers, meter),
            Gauges(servers.gauge_redis, config.postgres_url, config.key_prefix),
        )
        """In the order of reading: the last one reads nearest to the cell. Probes after HostCounters may send commands
        only while the cell runs; the commands of the probes before it are outside its two readings."""

    def run(self, cells: Iterable[CellPlan]) -> None:
        """Run the cells. A broken cell is marked as failed and the next one runs; HarnessBroken ends the run.

        At the end the suite's keys are deleted: entries of the last cell would stay until they expire.
        """
        try:
            self._run_cells(cells)
        finally:
            with suppress(*CONNECTION_LOST):
                delete_keys(self._servers.redis, self.config.key_prefix)

    def _run_cells(self, cells: Iterable[CellPlan]) -> None:
        known = {info.id: info for info in self.writer.run.cells}
        for plan in cells:
            if self._stopped.is_set():
                break
            info = known.get(plan.id)
            if info is None:
                info = cell_info(plan)
                self.writer.run.cells.append(info)
            named = {"scenario": plan.scenario, "contender": plan.contender, "round": plan.round}
            self.send_event({"event": "cell", "id": plan.id, **named})
            try:
                self._run_cell(plan, info)
            except (CellBroken, FaultFailed) as broken:
                info.status, info.why = "failed", str(broken)
                if isinstance(broken, ContenderWrong):
                    self._add_remark(plan.contender, str(broken))
            except CONNECTION_LOST as lost:
                info.status, info.why = "failed", f"a connection to a server was lost: {one_line(lost)}"
                self._servers.reconnect()
            except (HarnessBroken, WriteFailed) as broken:
                info.status, info.why = "failed", str(broken)
                self.send_event({"event": "done", "id": plan.id, "status": info.status, "why": info.why})
                raise
            self.writer.save()
            self.send_event({"event": "done", "id": plan.id, "status": info.status, "why": info.why})

    def _add_remark(self, contender: str, what: str) -> None:
        """Note in run.json, once per contender, the answer that made its cells fail."""
        if not any(remark["name"] == contender for remark in self.writer.run.remarks):
            cost = "its cells failed and have no figures"
            self.writer.run.remarks.append({"name": contender, "what": what, "cost": cost})

    def _add_refusal(self) -> None:
        """Note in run.json, once, that Redis refused a command with which entries are kept."""
        command = self._entries.refused
        if command and not any(remark["name"] == command for remark in self.writer.run.remarks):
            what = f"this Redis user may not run {command}"
            cost = "every contender makes its entries again before each cell, which takes longer"
            self.writer.run.remarks.append({"name": command, "what": what, "cost": cost})

    def stop(self) -> None:
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def close(self) -> None:
        self._servers.close()
        if self._switch is not None:
            self._switch.close()

    def _run_cell(self, plan: CellPlan, info: CellInfo) -> None:
        self._reset(self.config.scenario(plan.scenario))
        with self._worker(plan) as tasks:
            self._measure(plan, info, tasks)

    def _reset(self, scenario: ScenarioPlan) -> None:
        """Delete the suite's keys and restore the suite's rows. The user's own rows stay as the last cell left them."""
        delete_keys(self._servers.redis, self.config.key_prefix)
        if self._written_to and not scenario.workload.own_sql:
            workload = scenario.workload
            restore_dataset(
                self._servers.postgres,
                records=workload.records,
                record_bytes=workload.record_bytes,
                seed=self.config.seed,
            )
        self._written_to = False

    @contextmanager
    def _worker(self, plan: CellPlan) -> Iterator[Callable[[], list[TimelineRow]]]:
        """Run the contender's worker process during a cell, if it needs one.

        Yields a function that stops the worker early and returns timeline rows for its tasks.
        """
        if self.config.contender_spec(plan.contender).worker != "celery":
            yield list
            return
        if self._switch is None:
            raise FaultFailed("this run has no process that can start a worker")
        switch, stopped = self._switch, False

        def stop() -> list[TimelineRow]:
            nonlocal stopped
            stopped = True
            return task_rows(plan.id, switch.ask("stop celery").result)

        switch.ask("start celery", plan.scenario, plan.contender)
        try:
            yield stop
        finally:
            if not stopped:
                stop()
            delete_keys(self._servers.redis, f"{self.config.key_prefix.rstrip(':')}-celery:")

    def _measure(self, plan: CellPlan, info: CellInfo, tasks: Callable[[], list[TimelineRow]]) -> None:
        """Prepare a cell, read each probe before it, run it, read each probe after it, write its files."""
        scenario = self.config.scenario(plan.scenario)
        cell = ProbedCell(plan=plan, scenario=scenario)
        fill = self._entries.fill_for(self.config, plan)
        processes_before = self.app_servers.prepare(plan, fill)
        self._entries.check_ids(scenario, processes_before)
        self._entries.arrange(self.config, plan, fill)
        self._add_refusal()
        edge_ns = None if scenario.flood is None else window_edge_ns(self._servers.redis, scenario.flood.window_s)
        counted_before = self.app_servers.requests_counted()

        read_before(self.probes, cell)
        self._set_instants(scenario, info, edge_ns)
        results, during = self._run_between(cell, info)
        rows = read_after(self.probes, cell)

        info.locust_requests = self.app_servers.requests_counted() - counted_before
        for result in results:
            rows.add(result_rows(info, processes_before[result.process], result))
        rows.add(during)
        samples = pa.concat_tables([read_batch(h.samples) for h in results]).unify_dictionaries()
        self.writer.add_cell(plan.id, samples, rows.servers, [*rows.timeline, *tasks()])
        info.status = "done"  # once its files are there: a reader refuses a folder that lacks them

    def _set_instants(self, scenario: ScenarioPlan, info: CellInfo, edge_ns: int | None) -> None:
        """Choose the start of the cell: soon, and for a limiter at the edge of a window. Derive the other instants."""
        begin_ns = now_ns() + (REMOTE_START_LEAD_NS if self.config.bind else START_LEAD_NS)
        if scenario.flood is not None and edge_ns is not None:
            begin_ns = next_edge_ns(begin_ns, edge_ns, scenario.flood.window_s)
        info.begin_ns = begin_ns
        info.window_start_ns = begin_ns + round(scenario.warm_up_s * 1e9)
        info.window_end_ns = info.window_start_ns + round(scenario.window_s * 1e9)
        info.deadline_ns = info.window_end_ns + round(scenario.drain_s * 1e9)

    def _run_between(self, cell: ProbedCell, info: CellInfo) -> tuple[list[CellResult], ProbeRows]:
        """Run the cell while the probes sample. Returns the servers' results, and rows of faults and remaining keys."""
        scenario = cell.scenario
        assert info.begin_ns is not None
        self._written_to = scenario.flood is None and scenario.workload.read_share < 1
        self.app_servers.begin(info.begin_ns)
        left: Counters = {}
        fault_rows: list[TimelineRow] = []
        with ExitStack() as meanwhile:
            for probe in self.probes:
                meanwhile.enter_context(probe.sample())
            if scenario.fault is not None:
                fault_rows = meanwhile.enter_context(self._outage(scenario, info)).rows
            if scenario.check_after_drain:
                written = self.app_servers.settle()
                left = self._count_remaining(scenario)
                self.app_servers.read_after_drain(written)
            results = self.app_servers.collect()
            if not scenario.check_after_drain and scenario.flood is None and scenario.fault is None:
                left = self._count_remaining(scenario)
        return results, ProbeRows(servers=account_rows(info.id, "redis", {}, left), timeline=fault_rows)

    def _count_remaining(self, scenario: ScenarioPlan) -> Counters:
        patterns = self._entries.record_patterns(scenario)
        return count_remaining_keys(self._servers.redis, self.config.key_prefix, patterns)

    def _outage(self, scenario: ScenarioPlan, info: CellInfo) -> Outage:
        if self._switch is None or scenario.fault is None or info.window_start_ns is None:
            raise FaultFailed(f"{scenario.name}: this run has no process that can break a server")
        return Outage(self._switch, scenario.fault, info.id, info.window_start_ns, scenario.window_s)


def result_rows(info: CellInfo, before: dict[str, float], result: CellResult) -> ProbeRows:
    """The rows of one application server's result. `before`: its counters after the cell was prepared."""
    assert info.begin_ns is not None
    inside = [pause for pause in result.pauses if pause[0] >= info.begin_ns]
    return ProbeRows(
        servers=meter_rows(info.id, f"process-{result.process}", before, result.account),
        timeline=[
            *pause_rows(info.id, result.process, inside),
            *inflight_rows(info.id, result.process, result.inflight_samples),
            *clock_rows(info.id, info.begin_ns, result),
        ],
    )


def clock_rows(cell: int, begin_ns: int, result: CellResult) -> list[TimelineRow]:
    """The clock offset of an application server on another machine and its uncertainty, in ns, as timeline rows."""
    if result.clock_offset is None:
        return []
    known = {
        "clock_ahead_ns": result.clock_offset.offset_ns,
        "clock_uncertainty_ns": result.clock_offset.uncertainty_ns,
    }
    return [(cell, begin_ns, f"process-{result.process}", name, float(ns), None) for name, ns in known.items()]


def task_rows(cell: int, tasks: list[tuple[str, int, int, int]]) -> list[TimelineRow]:
    """Two rows for each task of a worker, at its trigger: the time in ms until it began, and until it was done."""
    rows: list[TimelineRow] = []
    for record, triggered_ns, began_ns, done_ns in tasks:
        for name, instant_ns in (("begun_after_ms", began_ns), ("done_after_ms", done_ns)):
            rows.append((cell, triggered_ns, "celery", name, (instant_ns - triggered_ns) / 1e6, str(record)))
    return rows
