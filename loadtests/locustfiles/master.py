"""The master's side of a run: runs the coordinator, and carries its requests to the workers."""

import itertools
import json
import logging
import os
import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gevent
import locust
import numpy as np
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore
from locust.env import Environment
from locust.runners import MasterRunner

from stampede.core.errors import (
    CellBroken,
    ConfigError,
    ContenderWrong,
    HarnessBroken,
    RecordNotCacheable,
    Refused,
    WorkerLeft,
    WriteFailed,
)
from stampede.core.models.greedy_log import entitled_by
from stampede.loadtests.appserver.warmup import Fill
from stampede.loadtests.coordinator.app_servers import CellResult
from stampede.loadtests.coordinator.coordinator import Coordinator
from stampede.loadtests.instrumentation.clock import hub_clock, now_ns
from stampede.loadtests.instrumentation.clock_offset import ClockOffset
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.locustfiles.live.cache_tab import CacheTab
from stampede.loadtests.locustfiles.live.form import FormChoice, chosen_scenario
from stampede.loadtests.locustfiles.live.live_metrics import LiveMetrics
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan
from stampede.loadtests.processes.worker_registry import WorkerRegistry
from stampede.run_folder.read import read_run
from stampede.run_folder.write import RunWriter

log = logging.getLogger(__name__)

PREPARE_S = 60.0
"""How long an application server may take to prepare a cell."""

FILL_S = 300.0
"""The same if it also makes entries."""

LOOK_S = 0.5
"""How often the master checks, while it waits for a worker, that the worker is still connected."""


class Master:
    """Starts the coordinator when all users have spawned, and carries its requests to the workers."""

    def __init__(self, environment: Environment, runner: MasterRunner, config: RunConfig) -> None:
        self.environment = environment
        self.runner = runner
        self.config = config
        self.answers: dict[int, AsyncResult[Any]] = {}
        self.coordinator: Coordinator | None = None
        self.users_ready = False
        """Whether all users have spawned and the test was not stopped."""
        self.lost = ""
        """Which remote worker was lost, and how."""
        self.starting = BoundedSemaphore()
        self.plan: CellPlan | None = None
        runner.register_message("answer", self.on_answer, concurrent=True)
        folder = Path(config.folder)
        self.writer = RunWriter(folder, read_run(folder).info)
        environment.events.spawning_complete.add_listener(self.on_spawned)  # type: ignore[no-untyped-call]
        environment.events.test_stopping.add_listener(self.on_stop)  # type: ignore[no-untyped-call]
        self.registry = WorkerRegistry(runner, config, locust.runners.HEARTBEAT_LIVENESS) if config.bind else None
        if self.registry is not None:
            environment.events.worker_connect.add_listener(self.on_connect)  # type: ignore[no-untyped-call]
        self.live: LiveMetrics | None = None
        if environment.web_ui is not None:
            self.live = LiveMetrics(config.postgres_url, config.redis_url)
            base_path = getattr(environment.parsed_options, "web_base_path", None) or ""
            CacheTab(environment.web_ui, base_path, folder, self.live, self.refuse)
            environment.events.worker_report.add_listener(self.on_worker_report)  # type: ignore[no-untyped-call]
            environment.events.reset_stats.add_listener(self.on_reset)  # type: ignore[no-untyped-call]
            environment.events.quitting.add_listener(self.on_quitting)  # type: ignore[no-untyped-call]

    def on_connect(self, **_: Any) -> None:
        count = self.runner.worker_count + 1  # Locust counts the new worker after this event
        self.send_event({"event": "joined", "workers": count})

    def on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if self.live is not None and "cache" in data:
            self.live.report(client_id, data["cache"])

    def on_reset(self, **_: Any) -> None:
        if self.live is not None:
            self.live.forget()
            self.runner.send_message("forget")

    def on_quitting(self, **_: Any) -> None:
        if self.live is not None:
            self.live.close()

    def refuse(self, form: dict[str, str]) -> str:
        """Why the page's form cannot be run; empty if it can."""
        options = self.environment.parsed_options
        users = form.get("user_count", "")
        chosen = {
            field: form.get(name, getattr(options, name))
            for field, name in (
                ("scenario", "scenario"),
                ("contender", "contender"),
                ("rate", "rate"),
                ("weight", "query_weight"),
            )
        }
        return FormChoice(**chosen, users=int(users) if users.isdecimal() else None).refusal(self.config)

    def on_spawned(self, **_: Any) -> None:
        self.users_ready = True
        gevent.spawn(self.start_coordinator)

    def start_coordinator(self) -> None:
        """Start a coordinator unless one is running; first wait for the end of one that was stopped."""
        with self.starting:  # one at a time: a coordinator takes a moment to connect
            while self.coordinator is not None and self.coordinator.stopped:
                gevent.sleep(0.05)
            if self.coordinator is not None or not self.users_ready:
                return
            config, fd = self.config, self.config.switch_fd
            if fd is not None:
                config = replace(config, switch_fd=os.dup(fd))  # the coordinator closes its copy
            self.coordinator = coordinator = Coordinator(config, self, self.writer, Meter(hub_clock()), self.send_event)
            if not self.users_ready:  # stopped meanwhile
                coordinator.stop()
        self.run_coordinator(coordinator)

    def on_stop(self, **_: Any) -> None:
        """Stop the coordinator. Workers are informed before Locust stops their users."""
        self.users_ready = False
        if self.live is not None:
            self.live.end()
        if self.coordinator is not None:
            reason = "" if self.registry is None else self.registry.lost_worker()
            if reason:  # the last worker left: Locust ends this process before the coordinator finds out
                self.record_lost(reason)
            self.coordinator.stop()
            self.runner.send_message("abandon")

    def record_lost(self, reason: str) -> None:
        run = self.writer.run
        cell = next((cell for cell in run.cells if cell.status == "planned"), None)
        if cell is not None:
            cell.status, cell.why = "failed", reason
        self.lost, run.status = reason, "failed"
        run.remarks.append({"name": "harness", "what": reason, "cost": "all"})
        self.writer.save()

    def run_coordinator(self, coordinator: Coordinator) -> None:
        """Run the configured cells and end the process; without cells, run the page's choice until it is stopped."""
        bench = bool(self.config.cells)
        try:
            if self.registry is not None:
                self.registry.assign()
                self.record_machines(self.registry)
            coordinator.run(self.config.cells if bench else self.chosen_cells())
            if bench and coordinator.stopped and any(cell.status == "planned" for cell in self.writer.run.cells):
                raise HarnessBroken(self.lost or "Locust's master was ended before the last cell")
            self.writer.run.status = "finished" if bench else "running"
        except Refused as refused:
            self.writer.run.status = "failed"
            self.send_event({"event": "refused", "who": refused.who, "want": refused.want})
        except Exception as error:
            log.exception("coordinator")
            known = isinstance(error, HarnessBroken | WriteFailed)
            reason = str(error) if known else f"{type(error).__name__}: {error}"
            self.writer.run.status = "failed"
            self.writer.run.remarks.append({"name": "harness", "what": reason, "cost": "all"})
            self.send_event({"event": "broken", "why": reason, "worker_left": isinstance(error, WorkerLeft)})
            self.environment.process_exit_code = 1
        finally:
            self.save_last()
            coordinator.close()
            self.coordinator = None
        if bench or self.writer.run.status == "failed":
            self.send_event({"event": "over"})
            self.runner.quit()

    def save_last(self) -> None:
        """Save how the run ended. If the folder cannot be written, report that to the process that started this one."""
        try:
            self.writer.save()
        except WriteFailed as failed:
            self.writer.run.status = "failed"
            self.send_event({"event": "broken", "why": str(failed), "worker_left": False})

    def chosen_cells(self) -> Iterator[CellPlan]:
        """Cells of the page's form, one after the other; a change of the form takes effect with the next cell."""
        predecessor: str | None = None
        for number in itertools.count(1):
            options = self.environment.parsed_options
            assert options is not None
            run, id_ = self.writer.run, len(self.writer.run.cells) + 1
            choice = FormChoice(
                scenario=options.scenario,
                contender=options.contender,
                rate=options.rate,
                weight=options.query_weight,
                users=self.runner.target_user_count,
            )
            try:
                scenario, info = chosen_scenario(self.config, run.scenarios, choice)
            except ConfigError as error:
                self.send_event({"event": "done", "id": id_, "status": "refused", "why": error.want})
                self.runner.stop()
                return
            if info not in run.scenarios:
                run.scenarios.append(info)
                self.config = self.config.with_scenario(scenario)
            if self.coordinator is not None:
                self.coordinator.config = self.config.with_scenario(scenario)
            yield CellPlan(
                id=id_,
                scenario=scenario.name,
                contender=choice.contender,
                round=number,
                seed=random.randrange(2**31),
                predecessor=predecessor,
            )
            predecessor = choice.contender

    def prepare(self, order: CellPlan, fill: Fill) -> dict[int, dict[str, float]]:
        self.plan = order
        chosen = None if self.config.cells else asdict(self.config.scenario(order.scenario))
        ahead_ns = {} if self.registry is None else self.registry.prepare()
        data = {"plan": asdict(order), "scenario": chosen, "ahead_ns": ahead_ns, "fill": fill}
        answers = self.request("prepare", data, PREPARE_S if fill == "nothing" else FILL_S)
        return {a["process"]: a["account"] for a in answers}

    def begin(self, begin_ns: int) -> None:
        if self.coordinator is not None and self.coordinator.stopped:
            raise CellBroken("stopped before it began")
        self.expect_answers()
        self.runner.send_message("begin", {"begin_ns": begin_ns})
        if self.live is not None and self.plan is not None:
            scenario = self.config.scenario(self.plan.scenario)
            label = f"{scenario.name} {self.plan.contender}"
            self.live.begin(scenario, label, begin_ns, self.entitlement(scenario, self.plan.seed))

    def entitlement(self, scenario: ScenarioPlan, seed: int) -> Any:
        flood = scenario.flood
        if flood is None:
            return np.empty(0, dtype=np.int64)
        due_ns, subjects = flood.calls(scenario.warm_up_s + scenario.window_s, seed)
        return entitled_by(due_ns, subjects, flood.limit, flood.window_s)

    def settle(self) -> list[int]:
        return sorted({key for answer in self.await_answers(600.0) for key in answer["written"]})

    def read_after_drain(self, keys: list[int]) -> None:
        self.expect_answers()
        self.runner.send_message("check", {"keys": keys})

    def collect(self) -> list[CellResult]:
        answers = self.await_answers(600.0)
        if self.live is not None:
            self.live.end()
        clocks: dict[int, ClockOffset] = {}
        if self.registry is not None:
            clocks = self.registry.clock_offsets()
            self.record_machines(self.registry)
        return [
            CellResult(
                process=a["process"],
                samples=a["samples"],
                account=a["account"],
                pauses=[tuple(pause) for pause in a["pauses"]],
                inflight_samples=[tuple(look) for look in a["looks"]],
                clock_offset=clocks.get(a["process"]),
            )
            for a in answers
        ]

    def record_machines(self, registry: WorkerRegistry) -> None:
        self.writer.run.metadata["workers"] = registry.as_dict()

    def requests_counted(self) -> int:
        return int(self.runner.stats.total.num_requests)

    def request(self, message: str, data: dict[str, Any], timeout_s: float) -> list[dict[str, Any]]:
        self.expect_answers()
        self.runner.send_message(message, data)
        return self.await_answers(timeout_s)

    def expect_answers(self) -> None:
        if self.runner.worker_count < self.config.processes:
            raise WorkerLeft(f"only {self.runner.worker_count} of {self.config.processes} application servers are left")
        self.answers = {process: AsyncResult() for process in range(self.config.processes)}

    def await_answers(self, timeout_s: float) -> list[dict[str, Any]]:
        answers = []
        for process, answer in self.answers.items():
            until_ns = now_ns() + round(timeout_s * 1e9)
            while not answer.ready():
                answer.wait(timeout=LOOK_S)
                reason = "" if self.registry is None else self.registry.lost_worker()
                if now_ns() > until_ns:
                    reason = f"application server {process} did not answer in {timeout_s:.0f} s"
                if reason and not answer.ready():
                    raise HarnessBroken(reason)
            answers.append(answer.get())
        broken = [answer for answer in answers if "error" in answer]
        for answer in broken:
            if answer.get("ends_run"):
                raise RecordNotCacheable(answer["error"])
        for answer in broken:
            if answer.get("wrong"):
                raise ContenderWrong(answer["error"])
        for answer in broken:
            raise CellBroken(f"application server {answer['process']}: {answer['error']}")
        return answers

    def on_answer(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        if msg.data.get("wrong") or msg.data.get("ends_run"):  # the cell has failed: the other workers stop serving it
            self.runner.send_message("abandon")
        self.answers[msg.data["process"]].set(msg.data)

    def send_event(self, event: dict[str, Any]) -> None:
        if self.live is not None and event["event"] == "done":  # a failed cell is never collected
            self.live.end()
        if self.config.progress_fd is not None:
            os.write(self.config.progress_fd, json.dumps(event).encode() + b"\n")
