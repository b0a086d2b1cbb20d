"""Highest request rate of one Locust process: a no-op user of plain Locust, or the harness's recorded path.

    python -m stampede.loadtests.selftests.overhead_users plain|ours SECONDS CONFIG

Prints one JSON object: requests, per_s, per_cpu_s. The last is the rate per second of the process's CPU time, which is
its rate on an idle core. `ours` serves a prepared cell of the no-op contender, with all requests due at once, through
the same user, application server and recorder as a bench; `plain` only fires Locust's own event.
"""

import json
import sys
import time
from pathlib import Path

import gevent
from locust import User, constant, task
from locust.env import Environment

from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.appserver.request_drawing import Requests
from stampede.loadtests.instrumentation.clock import hub_clock, now_ns
from stampede.loadtests.locustfiles import locustfile
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, read_run_config

USERS = 32
MAX_PER_S = 150_000
"""Requests that are prepared for each second: more than any process can make."""


class NoOpUser(User):
    """The cheapest request of plain Locust: it fires one event."""

    wait_time = constant(0)

    @task
    def nothing(self) -> None:
        began = time.perf_counter()
        self.environment.events.request.fire(
            request_type="read",
            name="no-op",
            response_time=(time.perf_counter() - began) * 1e3,
            response_length=0,
            exception=None,
            context={},
        )


def measure(user: type[User], seconds: float) -> dict[str, float]:
    """Run that user's threads in this process for some seconds. Returns Locust's counts."""
    environment = Environment(user_classes=[user], catch_exceptions=False)
    runner = environment.create_local_runner()
    runner.start(USERS, spawn_rate=USERS)
    while runner.user_count < USERS:
        gevent.sleep(0.05)
    counted, began_s, began_cpu_s = environment.stats.total.num_requests, time.perf_counter(), time.process_time()
    gevent.sleep(seconds)
    spent_s, spent_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    counted = environment.stats.total.num_requests - counted
    runner.quit()
    return {"requests": float(counted), "per_s": counted / spent_s, "per_cpu_s": counted / spent_cpu_s}


def prepare(config: RunConfig, seconds: float) -> AppServer:
    """An application server with a prepared cell of the no-op contender, whose requests are all due now."""
    scenario = config.scenarios[0]
    server = AppServer(config, 0, hub_clock())
    server.prepare(
        CellPlan(id=1, scenario=scenario.name, contender="no-op", round=1, seed=config.seed, predecessor=None)
    )
    assert server.cell is not None
    count = round(seconds * MAX_PER_S)
    server.cell.requests = Requests(due_ns=[0] * count, positions=[0] * count, operations=["read"] * count)
    server.begin(now_ns())
    server.cell.deadline_ns = now_ns() + 3_600_000_000_000
    return server


def main(kind: str, seconds: float, config: RunConfig) -> None:
    if kind == "plain":
        print(json.dumps(measure(NoOpUser, seconds)))
        return
    locustfile.app_server = prepare(config, seconds + 1)
    print(json.dumps(measure(locustfile.AppServerThread, seconds)))
    locustfile.app_server.abandon()
    locustfile.app_server.close()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), read_run_config(Path(sys.argv[3])))
