"""A locustfile with open arrivals: its users make each call when it is due, cell after cell.

Cells arrive through a socket, one JSON object a line: {"url": …, "due_ns": […]}, with instants of the machine's
monotonic clock. The reply to each, when all its calls have ended, is {"start_ns": […], "end_ns": […], "status": […]};
status 0 means no answer. {"ready": true} is sent first, when all users have started.

Arrivals are open: a call does not wait for earlier answers while there are more users than calls in flight.
"""

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gevent
from gevent.event import Event
from gevent.queue import Queue
from locust import FastHttpUser, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from stampede.loadtests.instrumentation.clock import hub_clock, now_ns

ANSWER_WITHIN_S = 20.0


@dataclass(frozen=True, kw_only=True)
class CallResults:
    """The results of the calls of a cell, in the order of their due times."""

    start_ns: list[int]
    end_ns: list[int]
    status: list[int]


class PendingCalls:
    """The calls of a cell, and their results as they end."""

    def __init__(self, url: str, due_ns: Sequence[int]) -> None:
        self.url = url
        self.due_ns = due_ns
        self.results = CallResults(start_ns=[0] * len(due_ns), end_ns=[0] * len(due_ns), status=[0] * len(due_ns))
        self.pending = len(due_ns)
        self.finished = Event()
        if not due_ns:
            self.finished.set()

    def record(self, number: int, start_ns: int, status: int) -> None:
        """Record that the call has ended now."""
        self.results.start_ns[number] = start_ns
        self.results.end_ns[number] = now_ns()
        self.results.status[number] = status
        self.pending -= 1
        if not self.pending:
            self.finished.set()


waiting: Any = Queue()
"""A queue of (cell, number of the call) in the order of due times."""
clock = hub_clock()


class OpenCaller(FastHttpUser):
    """Waits until the next call is due, and makes it."""

    wait_time = constant(0)
    network_timeout = ANSWER_WITHIN_S
    connection_timeout = ANSWER_WITHIN_S

    @task
    def call(self) -> None:
        cell, number = waiting.get()
        clock.wait_until(cell.due_ns[number])
        start_ns, status = now_ns(), 0
        try:
            status = self.client.get(cell.url).status_code
        finally:
            cell.record(number, start_ns, status)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--calls-fd", type=int, include_in_web_ui=False, help="the socket through which calls arrive")


@events.init.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: Any) -> None:
    def on_spawned(**_: Any) -> None:
        gevent.spawn(serve_cells, environment)

    environment.events.spawning_complete.add_listener(on_spawned)  # type: ignore[no-untyped-call]


def serve_cells(environment: Environment) -> None:
    """Make the calls of each cell until the other end closes the socket."""
    assert environment.parsed_options is not None
    assert environment.runner is not None
    with (
        socket.socket(fileno=environment.parsed_options.calls_fd) as connection,
        connection.makefile("r", encoding="utf-8") as requests,
        connection.makefile("w", encoding="utf-8") as replies,
    ):
        send(replies, {"ready": True})
        while request := requests.readline():
            cell = PendingCalls(**json.loads(request))
            for number in range(len(cell.due_ns)):
                waiting.put((cell, number))
            cell.finished.wait()
            send(replies, asdict(cell.results))
    environment.runner.quit()


def send(replies: Any, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()
