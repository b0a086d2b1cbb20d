"""The master's side of a run: it conducts the cells, and carries the conductor's orders to the workers."""

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
    Refused,
    WorkerLeft,
    WriteFailed,
)
from stampede.core.models.greedy_log import entitled_by
from stampede.loadtests.coordinator.app_servers import CellResult
from stampede.loadtests.coordinator.coordinator import Coordinator
from stampede.loadtests.instrumentation.clock import hub_clock, now_ns
from stampede.loadtests.instrumentation.clock_offset import ClockOffset
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.locustfiles.live.cache_tab import CacheTab
from stampede.loadtests.locustfiles.live.form import FormChoice, chosen_scenario
from stampede.loadtests.locustfiles.live.live_metrics import Watch
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan
from stampede.loadtests.processes.worker_registry import WorkerRegistry
from stampede.run_folder.read import read_run
from stampede.run_folder.write import RunWriter

log = logging.getLogger(__name__)

PREPARE_S = 60.0
"""How long an application server may take to prepare a cell."""

LOOK_S = 0.5
"""How often the master looks whether a worker that it waits for is still there."""


class Master:
    """Runs the conductor once all users are there, and carries its orders to the workers."""

    def __init__(self, environment: Environment, runner: MasterRunner, spec: RunConfig) -> None:
        self.environment = environment
        self.runner = runner
        self.spec = spec
        self.answers: dict[int, AsyncResult[Any]] = {}
        self.coordinator: Coordinator | None = None
        self.wanted = False
        """Whether users are there to be conducted."""
        self.lost = ""
        """Why a worker on another machine is gone."""
        self.hiring = BoundedSemaphore()
        self.order: CellPlan | None = None
        runner.register_message("answer", self.on_answer, concurrent=True)
        folder = Path(spec.folder)
        self.writer = RunWriter(folder, read_run(folder).info)
        environment.events.spawning_complete.add_listener(self.on_spawned)  # type: ignore[no-untyped-call]
        environment.events.test_stopping.add_listener(self.on_stop)  # type: ignore[no-untyped-call]
        self.registry = WorkerRegistry(runner, spec, locust.runners.HEARTBEAT_LIVENESS) if spec.bind else None
        if self.registry is not None:
            environment.events.worker_connect.add_listener(self.on_connect)  # type: ignore[no-untyped-call]
        self.watch: Watch | None = None
        if environment.web_ui is not None:
            self.watch = Watch(spec.postgres_url, spec.redis_url)
            base_path = getattr(environment.parsed_options, "web_base_path", None) or ""
            CacheTab(environment.web_ui, base_path, folder, self.watch, self.refuse)
            environment.events.worker_report.add_listener(self.on_worker_report)  # type: ignore[no-untyped-call]
            environment.events.reset_stats.add_listener(self.on_reset)  # type: ignore[no-untyped-call]
            environment.events.quitting.add_listener(self.on_quitting)  # type: ignore[no-untyped-call]

    def on_connect(self, **_: Any) -> None:
        self.tell({"event": "joined", "workers": self.runner.worker_count + 1})  # it is counted once this is over

    def on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if self.watch is not None and "cache" in data:
            self.watch.report(client_id, data["cache"])

    def on_reset(self, **_: Any) -> None:
        if self.watch is not None:
            self.watch.forget()
            self.runner.send_message("forget")

    def on_quitting(self, **_: Any) -> None:
        if self.watch is not None:
            self.watch.close()

    def refuse(self, form: dict[str, str]) -> str:
        """Why the page's form cannot be run; empty: it can."""
        options = self.environment.parsed_options
        users = form.get("user_count", "")
        said = {
            field: form.get(name, getattr(options, name))
            for field, name in (
                ("scenario", "scenario"),
                ("contender", "contender"),
                ("rate", "rate"),
                ("weight", "query_weight"),
            )
        }
        return FormChoice(**said, users=int(users) if users.isdecimal() else None).refusal(self.spec)

    def on_spawned(self, **_: Any) -> None:
        self.wanted = True
        gevent.spawn(self.conduct_next)

    def conduct_next(self) -> None:
        """Conduct, unless a conductor is at work; one that was stopped is waited for."""
        with self.hiring:  # one at a time: a conductor takes a moment to connect
            while self.coordinator is not None and self.coordinator.stopped:
                gevent.sleep(0.05)
            if self.coordinator is not None or not self.wanted:
                return
            switch = self.spec.switch_fd
            spec = self.spec if switch is None else replace(self.spec, switch_fd=os.dup(switch))  # it closes its own
            self.coordinator = coordinator = Coordinator(spec, self, self.writer, Meter(hub_clock()), self.tell)
            if not self.wanted:  # stopped in that moment
                coordinator.stop()
        self.conduct(coordinator)

    def on_stop(self, **_: Any) -> None:
        """Stopped from the page, or at the end; workers hear of it before Locust stops their users."""
        self.wanted = False
        if self.watch is not None:
            self.watch.end()
        if self.coordinator is not None:
            why = "" if self.registry is None else self.registry.why_lost()
            if why:  # the last worker left: Locust ends this process before the conductor hears of it
                self.note_lost(why)
            self.coordinator.stop()
            self.runner.send_message("abandon")

    def note_lost(self, why: str) -> None:
        run = self.writer.run
        cell = next((cell for cell in run.cells if cell.status == "planned"), None)
        if cell is not None:
            cell.status, cell.why = "failed", why
        self.lost, run.status = why, "failed"
        run.remarks.append({"name": "harness", "what": why, "cost": "all"})
        self.writer.save()

    def conduct(self, coordinator: Coordinator) -> None:
        """The orders' cells and then the end of the process; without any, the page's choice until it is stopped."""
        bench = bool(self.spec.cells)
        try:
            if self.registry is not None:
                self.registry.call()
                self.note_machines(self.registry)
            coordinator.run(self.spec.cells if bench else self.chosen_cells())
            if bench and coordinator.stopped and any(cell.status == "planned" for cell in self.writer.run.cells):
                raise HarnessBroken(self.lost or "Locust's master was told to end before the last cell")
            self.writer.run.status = "finished" if bench else "running"
        except Refused as refused:
            self.writer.run.status = "failed"
            self.tell({"event": "refused", "who": refused.who, "want": refused.want})
        except Exception as error:
            log.exception("coordinator")
            known = isinstance(error, HarnessBroken | WriteFailed)
            why = str(error) if known else f"{type(error).__name__}: {error}"
            self.writer.run.status = "failed"
            self.writer.run.remarks.append({"name": "harness", "what": why, "cost": "all"})
            self.tell({"event": "broken", "why": why, "worker_left": isinstance(error, WorkerLeft)})
            self.environment.process_exit_code = 1
        finally:
            self.save_last()
            coordinator.close()
            self.coordinator = None
        if bench or self.writer.run.status == "failed":
            self.tell({"event": "over"})
            self.runner.quit()

    def save_last(self) -> None:
        """How the run ended, where the folder can still be written; else the process that started this one is told."""
        try:
            self.writer.save()
        except WriteFailed as failed:
            self.writer.run.status = "failed"
            self.tell({"event": "broken", "why": str(failed), "worker_left": False})

    def chosen_cells(self) -> Iterator[CellPlan]:
        """Cells of what the page's form says, one after the other; what is changed there holds from the next on."""
        before: str | None = None
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
                scenario, info = chosen_scenario(self.spec, run.scenarios, choice)
            except ConfigError as error:
                self.tell({"event": "done", "id": id_, "status": "refused", "why": error.want})
                self.runner.stop()
                return
            if info not in run.scenarios:
                run.scenarios.append(info)
                self.spec = self.spec.with_scenario(scenario)
            if self.coordinator is not None:
                self.coordinator.spec = self.spec.with_scenario(scenario)
            yield CellPlan(
                id=id_,
                scenario=scenario.name,
                contender=choice.contender,
                round=number,
                seed=random.randrange(2**31),
                predecessor=before,
            )
            before = choice.contender

    def prepare(self, order: CellPlan) -> dict[int, dict[str, float]]:
        self.order = order
        chosen = None if self.spec.cells else asdict(self.spec.scenario(order.scenario))
        ahead_ns = {} if self.registry is None else self.registry.prepare()
        data = {"order": asdict(order), "scenario": chosen, "ahead_ns": ahead_ns}
        answers = self.ask("prepare", data, PREPARE_S)
        return {a["process"]: a["account"] for a in answers}

    def begin(self, begin_ns: int) -> None:
        if self.coordinator is not None and self.coordinator.stopped:
            raise CellBroken("stopped before its beginning")
        self.expect_answers()
        self.runner.send_message("begin", {"begin_ns": begin_ns})
        if self.watch is not None and self.order is not None:
            scenario = self.spec.scenario(self.order.scenario)
            label = f"{scenario.name} {self.order.contender}"
            self.watch.begin(scenario, label, begin_ns, self.entitlement(scenario, self.order.seed))

    def entitlement(self, scenario: ScenarioPlan, seed: int) -> Any:
        flood = scenario.flood
        if flood is None:
            return np.empty(0, dtype=np.int64)
        due_ns, subjects = flood.calls(scenario.warm_up_s + scenario.window_s, seed)
        return entitled_by(due_ns, subjects, flood.limit, flood.window_s)

    def settle(self) -> list[int]:
        return sorted({key for answer in self.await_answers(600.0) for key in answer["written"]})

    def read_at_rest(self, keys: list[int]) -> None:
        self.expect_answers()
        self.runner.send_message("rest", {"keys": keys})

    def collect(self) -> list[CellResult]:
        answers = self.await_answers(600.0)
        if self.watch is not None:
            self.watch.end()
        clocks: dict[int, ClockOffset] = {}
        if self.registry is not None:
            clocks = self.registry.held()
            self.note_machines(self.registry)
        return [
            CellResult(
                process=a["process"],
                samples=a["samples"],
                account=a["account"],
                pauses=[tuple(pause) for pause in a["pauses"]],
                looks=[tuple(look) for look in a["looks"]],
                ahead=clocks.get(a["process"]),
            )
            for a in answers
        ]

    def note_machines(self, registry: WorkerRegistry) -> None:
        self.writer.run.metadata["workers"] = registry.as_dict()

    def requests_counted(self) -> int:
        return int(self.runner.stats.total.num_requests)

    def ask(self, message: str, data: dict[str, Any], timeout_s: float) -> list[dict[str, Any]]:
        self.expect_answers()
        self.runner.send_message(message, data)
        return self.await_answers(timeout_s)

    def expect_answers(self) -> None:
        if self.runner.worker_count < self.spec.processes:
            raise WorkerLeft(f"{self.runner.worker_count} of {self.spec.processes} application servers are left")
        self.answers = {process: AsyncResult() for process in range(self.spec.processes)}

    def await_answers(self, timeout_s: float) -> list[dict[str, Any]]:
        answers = []
        for process, answer in self.answers.items():
            until_ns = now_ns() + round(timeout_s * 1e9)
            while not answer.ready():
                answer.wait(timeout=LOOK_S)
                why = "" if self.registry is None else self.registry.why_lost()
                if now_ns() > until_ns:
                    why = f"application server {process} did not answer in {timeout_s:.0f} s"
                if why and not answer.ready():
                    raise HarnessBroken(why)
            answers.append(answer.get())
        broken = [answer for answer in answers if "error" in answer]
        for answer in broken:
            if answer.get("wrong"):
                raise ContenderWrong(answer["error"])
        for answer in broken:
            raise CellBroken(f"application server {answer['process']}: {answer['error']}")
        return answers

    def on_answer(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        if msg.data.get("wrong"):  # the cell has failed: the others need not serve it to its end
            self.runner.send_message("abandon")
        self.answers[msg.data["process"]].set(msg.data)

    def tell(self, event: dict[str, Any]) -> None:
        if self.watch is not None and event["event"] == "done":  # a cell that broke was never collected
            self.watch.end()
        if self.spec.progress_fd is not None:
            os.write(self.spec.progress_fd, json.dumps(event).encode() + b"\n")
