"""Locust's side: users that are the threads of application servers; what the master does is in stampede.loadtests.locustfiles.master.

Every Locust worker plays one application server; its users are the server's threads, and every request is run by one of
their tasks, so that Locust's own count equals the samples. Importing locust monkey-patches the process: only this file
and what it alone imports do, and only Locust's processes import it.
"""

from typing import Any

import locust  # isort: split

import itertools
import logging
import math
import os
import sys
from pathlib import Path

import gevent
from locust import User, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from stampede.core.errors import BadAnswer, CellBroken, ContenderWrong
from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.instrumentation.clock import hub_clock
from stampede.loadtests.locustfiles.live.form import AS_IT_IS, RATES, WEIGHTS
from stampede.loadtests.locustfiles.live.live_counts import LiveCounts
from stampede.loadtests.locustfiles.master import Master
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, read_scenario, read_spec
from stampede.loadtests.processes.remote_worker import RemoteWorker

log = logging.getLogger(__name__)

locust.runners.WORKER_REPORT_INTERVAL = 1.0  # the live page's charts have a point a second
if "--spec" not in sys.argv:
    locust.runners.CONNECT_RETRY_COUNT = 3  # of five seconds: what listens there may be something else
locust.runners.HEARTBEAT_LIVENESS = 60  # a worker that is busy for seconds is not gone; one that ended is seen as such

app_server: AppServer | None = None
clients = itertools.count()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_arguments(parser: LocustArgumentParser) -> None:
    """The orders; and, for the page, scenario and contender with the choices that the orders give."""
    parser.add_argument("--spec", include_in_web_ui=False, help="the run's orders, a JSON file")
    parser.add_argument("--told-fd", include_in_web_ui=False, type=int, help="where a worker without orders tells")
    if "--spec" in sys.argv:
        spec = read_spec(Path(sys.argv[sys.argv.index("--spec") + 1]))
        scenarios = [s.name for s in spec.scenarios]
        contender_specs = [e.name for e in spec.contender_specs]
        first = "read-heavy" if "read-heavy" in scenarios else scenarios[0]
        parser.add_argument("--scenario", choices=scenarios, default=first, help="what happens")
        parser.add_argument("--contender", choices=contender_specs, default=contender_specs[0], help="to whom")
        parser.add_argument(
            "--rate", choices=list(RATES), default=AS_IT_IS, help="requests due a second, in caching scenarios"
        )
        parser.add_argument(
            "--query-weight", choices=list(WEIGHTS), default=AS_IT_IS, help="what a load costs the database"
        )


class AppServerThread(User):
    """One thread of the application server that this process plays."""

    wait_time = constant(0)
    host = "application servers in Locust's workers"  # else the page asks for one

    def on_start(self) -> None:
        self.client_index = next(clients)

    @task
    def serve_next(self) -> None:
        if app_server is None:  # the first cell is still to come
            gevent.sleep(0.05)
        else:
            app_server.serve_next(self.client_index, self.tell)

    def tell(self, operation: str, response_ms: float, error: Exception | None) -> None:
        """Let Locust count the request for its live page; our own facts are kept apart."""
        assert app_server is not None
        cell = app_server.cell
        assert cell is not None
        self.environment.events.request.fire(
            request_type=operation,
            name=cell.label,
            response_time=response_ms,
            response_length=0,
            exception=error,
            context={},
        )


@events.init.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: Any) -> None:
    assert environment.parsed_options is not None
    path = environment.parsed_options.spec
    spec = None if path is None else read_spec(Path(path))
    if isinstance(environment.runner, WorkerRunner):
        Worker(environment.runner, spec)
    elif isinstance(environment.runner, MasterRunner) and spec is not None:
        Master(environment, environment.runner, spec)
    else:
        raise SystemExit("the locustfile runs with a master and workers: use the stampede command")


class Worker:
    """Answers the master's orders in one worker."""

    def __init__(self, runner: WorkerRunner, spec: RunConfig | None) -> None:
        """Without orders it waits for those of a bench on another machine."""
        self.runner = runner
        self.remote_worker: RemoteWorker | None = None
        if spec is None:
            urls = os.environ.get("STAMPEDE_POSTGRES_URL"), os.environ.get("STAMPEDE_REDIS_URL")
            self.remote_worker = RemoteWorker(runner, urls, runner.environment.parsed_options.told_fd)  # type: ignore[union-attr]
        self.for_page = spec is not None and not spec.cells
        self.given = spec
        runner.register_message("prepare", self.on_prepare, concurrent=True)
        runner.register_message("begin", self.on_begin, concurrent=True)
        runner.register_message("rest", self.on_rest, concurrent=True)
        runner.register_message("abandon", self.on_abandon)
        runner.environment.events.quitting.add_listener(self.on_quitting)  # type: ignore[no-untyped-call]
        # Locust's worker is deaf for its whole stop timeout after a stop, and more by this many seconds
        wait_s = 1 - math.ceil(runner.environment.stop_timeout or 0)
        os.environ["LOCUST_WORKER_ADDITIONAL_WAIT_BEFORE_READY_AFTER_STOP"] = str(wait_s)
        self.live = LiveCounts()
        if self.for_page:  # only the page shows them
            runner.environment.events.report_to_master.add_listener(self.on_report)  # type: ignore[no-untyped-call]
            runner.register_message("forget", self.on_forget)

    @property
    def spec(self) -> RunConfig:
        spec = self.given if self.remote_worker is None else self.remote_worker.spec
        assert spec is not None
        return spec

    @property
    def process(self) -> int:
        return self.runner.worker_index if self.remote_worker is None else self.remote_worker.process

    def on_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002
        self.live.catch_up()
        data["cache"] = self.live.totals

    def on_forget(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        self.live.forget()

    def on_prepare(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        global app_server
        try:
            if app_server is None:
                app_server = AppServer(self.spec, self.process, hub_clock())
            app_server.ahead_ns = msg.data["ahead_ns"].get(self.runner.client_id, 0)
            if msg.data.get("scenario") is not None:
                app_server.spec = app_server.spec.with_scenario(read_scenario(msg.data["scenario"]))
            account = app_server.prepare(CellPlan(**msg.data["order"]))
            app_server.recorder.forget()  # what a cell that was stopped has left behind
        except BadAnswer as bad:
            self.answer({"error": str(bad), "wrong": True})
        except Exception as error:
            log.exception("prepare")
            self.answer({"error": f"{type(error).__name__}: {error}"})
        else:
            self.answer({"account": account})

    def on_begin(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        assert app_server is not None
        if self.for_page and app_server.cell is not None:
            order = app_server.cell.order
            app_server.recorder.most_rows = sys.maxsize  # who follows the rows must find them all
            self.live.follow(f"{order.scenario} {order.contender}", app_server.recorder.rows)
        try:
            app_server.begin(msg.data["begin_ns"])
            if app_server.rests:
                self.answer({"written": app_server.settle()})
            else:
                self.hand_over(app_server)
        except CellBroken as broken:
            self.answer({"error": str(broken), "wrong": isinstance(broken, ContenderWrong)})
        except Exception as error:
            log.exception("cell")
            self.answer({"error": f"{type(error).__name__}: {error}"})

    def on_rest(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        assert app_server is not None
        try:
            app_server.read_at_rest(msg.data["keys"])
            self.hand_over(app_server)
        except ContenderWrong as wrong:
            self.answer({"error": str(wrong), "wrong": True})
        except Exception as error:
            log.exception("rest")
            self.answer({"error": f"{type(error).__name__}: {error}"})

    def hand_over(self, app_server: AppServer) -> None:
        """The cell's samples and counters, once it has ended."""
        samples, account = app_server.finish()
        self.runner._send_stats()  # Locust's own count must have arrived before ours
        pauses = [(at - app_server.ahead_ns, *rest) for at, *rest in app_server.ruler.take_pauses()]
        looks = app_server.take_looks()
        self.answer({"samples": samples, "account": account, "pauses": pauses, "looks": looks})

    def on_abandon(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        if app_server is not None:
            app_server.abandon()
            app_server.begun.clear()  # its threads have nothing to do until the next cell begins

    def answer(self, data: dict[str, Any]) -> None:
        self.runner.send_message("answer", {"process": self.process, **data})

    def on_quitting(self, **_: Any) -> None:
        if app_server is not None:
            app_server.abandon()
            app_server.close()
