"""The locustfile of a bench: each Locust worker is one application server, and its users are the server's threads.

Every request is executed by a task of such a user, so Locust's count of requests equals the number of samples. The
master's side is in stampede.loadtests.locustfiles.master. Importing locust monkey-patches the process; only this file
and modules that only this file imports do so, and only Locust's processes import it.
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

from stampede.core.errors import BadAnswer, CellBroken, ContenderWrong, RecordNotCacheable
from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.instrumentation.clock import hub_clock
from stampede.loadtests.locustfiles.live.form import RATES, UNCHANGED, WEIGHTS
from stampede.loadtests.locustfiles.live.live_counts import LiveCounts
from stampede.loadtests.locustfiles.master import Master
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, read_run_config, read_scenario
from stampede.loadtests.processes.remote_worker import RemoteWorker

log = logging.getLogger(__name__)

locust.runners.WORKER_REPORT_INTERVAL = 1.0  # the live page's charts have a point a second
if "--run-config" not in sys.argv:
    locust.runners.CONNECT_RETRY_COUNT = 3  # tries of five seconds: the port may belong to another program
locust.runners.HEARTBEAT_LIVENESS = 60  # a worker may be busy for seconds; the exit of one is seen otherwise

app_server: AppServer | None = None
clients = itertools.count()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_arguments(parser: LocustArgumentParser) -> None:
    """The run's configuration; for the page also the scenarios and contenders to choose from."""
    parser.add_argument("--run-config", include_in_web_ui=False, help="the run's configuration, a JSON file")
    parser.add_argument("--report-fd", include_in_web_ui=False, type=int, help="where a remote worker reports events")
    if "--run-config" in sys.argv:
        config = read_run_config(Path(sys.argv[sys.argv.index("--run-config") + 1]))
        scenarios = [s.name for s in config.scenarios]
        contenders = [spec.name for spec in config.contender_specs]
        first = "read-mostly" if "read-mostly" in scenarios else scenarios[0]
        parser.add_argument("--scenario", choices=scenarios, default=first, help="the scenario to run")
        parser.add_argument("--contender", choices=contenders, default=contenders[0], help="the pattern or limiter")
        parser.add_argument(
            "--rate", choices=list(RATES), default=UNCHANGED, help="requests due per second, in caching scenarios"
        )
        parser.add_argument(
            "--query-weight", choices=list(WEIGHTS), default=UNCHANGED, help="what a load costs the database"
        )


class AppServerThread(User):
    """One thread of this process's application server."""

    wait_time = constant(0)
    host = "application servers in Locust's workers"  # without a host, the page requires one

    def on_start(self) -> None:
        self.client_index = next(clients)

    @task
    def serve_next(self) -> None:
        if app_server is None:  # before the first cell
            gevent.sleep(0.05)
        else:
            app_server.serve_next(self.client_index, self.report)

    def report(self, operation: str, response_ms: float, error: Exception | None) -> None:
        """Report the request to Locust, which counts it for its page. Samples are recorded separately."""
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
    path = environment.parsed_options.run_config
    config = None if path is None else read_run_config(Path(path))
    if isinstance(environment.runner, WorkerRunner):
        WorkerAdapter(environment.runner, config)
    elif isinstance(environment.runner, MasterRunner) and config is not None:
        Master(environment, environment.runner, config)
    else:
        raise SystemExit("the locustfile runs with a master and workers: use the stampede command")


class WorkerAdapter:
    """Handles the master's messages in one worker."""

    def __init__(self, runner: WorkerRunner, config: RunConfig | None) -> None:
        """`config` None: a remote worker, which receives its configuration from a bench on another machine."""
        self.runner = runner
        self.remote_worker: RemoteWorker | None = None
        if config is None:
            urls = os.environ.get("STAMPEDE_POSTGRES_URL"), os.environ.get("STAMPEDE_REDIS_URL")
            report_fd = runner.environment.parsed_options.report_fd  # type: ignore[union-attr]
            self.remote_worker = RemoteWorker(runner, urls, report_fd)
        self.for_page = config is not None and not config.cells
        self.local_config = config
        runner.register_message("prepare", self.on_prepare, concurrent=True)
        runner.register_message("begin", self.on_begin, concurrent=True)
        runner.register_message("check", self.on_check, concurrent=True)
        runner.register_message("abandon", self.on_abandon)
        runner.environment.events.quitting.add_listener(self.on_quitting)  # type: ignore[no-untyped-call]
        # after a stop, Locust's worker ignores messages for its stop timeout plus this many seconds
        wait_s = 1 - math.ceil(runner.environment.stop_timeout or 0)
        os.environ["LOCUST_WORKER_ADDITIONAL_WAIT_BEFORE_READY_AFTER_STOP"] = str(wait_s)
        self.live = LiveCounts()
        if self.for_page:  # live counts appear only on the page
            runner.environment.events.report_to_master.add_listener(self.on_report)  # type: ignore[no-untyped-call]
            runner.register_message("forget", self.on_forget)

    @property
    def config(self) -> RunConfig:
        config = self.local_config if self.remote_worker is None else self.remote_worker.config
        assert config is not None
        return config

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
                app_server = AppServer(self.config, self.process, hub_clock())
            app_server.ahead_ns = msg.data["ahead_ns"].get(self.runner.client_id, 0)
            if msg.data.get("scenario") is not None:
                app_server.config = app_server.config.with_scenario(read_scenario(msg.data["scenario"]))
            account = app_server.prepare(CellPlan(**msg.data["plan"]), msg.data["fill"])
            app_server.recorder.forget()  # rows of a cell that was stopped
        except BadAnswer as bad:
            self.answer({"error": str(bad), "wrong": True})
        except RecordNotCacheable as record:
            self.answer({"error": str(record), "ends_run": True})
        except Exception as error:
            log.exception("prepare")
            self.answer({"error": f"{type(error).__name__}: {error}"})
        else:
            self.answer({"account": account})

    def on_begin(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        assert app_server is not None
        if self.for_page and app_server.cell is not None:
            plan = app_server.cell.plan
            app_server.recorder.max_rows = sys.maxsize  # the live counts need every row
            self.live.follow(f"{plan.scenario} {plan.contender}", app_server.recorder.rows)
        try:
            app_server.begin(msg.data["begin_ns"])
            if app_server.checks_after_drain:
                self.answer({"written": app_server.settle()})
            else:
                self.send_result(app_server)
        except CellBroken as broken:
            self.answer({"error": str(broken), "wrong": isinstance(broken, ContenderWrong)})
        except RecordNotCacheable as record:
            self.answer({"error": str(record), "ends_run": True})
        except Exception as error:
            log.exception("cell")
            self.answer({"error": f"{type(error).__name__}: {error}"})

    def on_check(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        assert app_server is not None
        try:
            app_server.read_after_drain(msg.data["keys"])
            self.send_result(app_server)
        except ContenderWrong as wrong:
            self.answer({"error": str(wrong), "wrong": True})
        except Exception as error:
            log.exception("check")
            self.answer({"error": f"{type(error).__name__}: {error}"})

    def send_result(self, app_server: AppServer) -> None:
        """Send the samples and counters of the cell that has ended."""
        samples, account = app_server.finish()
        self.runner._send_stats()  # Locust's count must arrive before the samples
        pauses = [(at - app_server.ahead_ns, *rest) for at, *rest in app_server.meter.take_pauses()]
        looks = app_server.take_inflight_samples()
        self.answer({"samples": samples, "account": account, "pauses": pauses, "looks": looks})

    def on_abandon(self, environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG002
        if app_server is not None:
            app_server.abandon()
            app_server.begun.clear()  # its threads wait until the next cell begins

    def answer(self, data: dict[str, Any]) -> None:
        self.runner.send_message("answer", {"process": self.process, **data})

    def on_quitting(self, **_: Any) -> None:
        if app_server is not None:
            app_server.abandon()
            app_server.close()
