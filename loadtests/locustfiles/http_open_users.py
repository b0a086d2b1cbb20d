"""Locust users that make every call when it is due, cell after cell, as they are told.

Orders come through a socket, a JSON object a line: {"url": …, "due_ns": […]}, instants of the machine's monotonic
clock. The answer to each, when every call has ended: {"start_ns": […], "end_ns": […], "status": […]}, where status 0
means that nobody answered. Before the first order {"ready": true} is told: all users are there.

They are open: a call does not wait for earlier answers, as long as there are more users than calls under way.
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
    """The results of the calls of a cell, in the order in which the calls were due."""

    start_ns: list[int]
    end_ns: list[int]
    status: list[int]


class PendingCalls:
    """The calls of a cell that are under way."""

    def __init__(self, url: str, due_ns: Sequence[int]) -> None:
        self.url = url
        self.due_ns = due_ns
        self.told = CallResults(start_ns=[0] * len(due_ns), end_ns=[0] * len(due_ns), status=[0] * len(due_ns))
        self.open = len(due_ns)
        self.over = Event()
        if not due_ns:
            self.over.set()

    def note(self, number: int, start_ns: int, status: int) -> None:
        """The call has ended."""
        self.told.start_ns[number] = start_ns
        self.told.end_ns[number] = now_ns()
        self.told.status[number] = status
        self.open -= 1
        if not self.open:
            self.over.set()


waiting: Any = Queue()
"""Of (cell, number of the call), in the order in which they are due."""
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
            cell.note(number, start_ns, status)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--orders-fd", type=int, include_in_web_ui=False, help="the socket that orders come through")


@events.init.add_listener  # type: ignore[untyped-decorator]
def start(environment: Environment, **_: Any) -> None:
    def on_spawned(**_: Any) -> None:
        gevent.spawn(take_orders, environment)

    environment.events.spawning_complete.add_listener(on_spawned)  # type: ignore[no-untyped-call]


def take_orders(environment: Environment) -> None:
    """Until the other end closes the socket."""
    assert environment.parsed_options is not None
    assert environment.runner is not None
    with (
        socket.socket(fileno=environment.parsed_options.orders_fd) as line,
        line.makefile("r", encoding="utf-8") as orders,
        line.makefile("w", encoding="utf-8") as answers,
    ):
        tell(answers, {"ready": True})
        while order := orders.readline():
            cell = PendingCalls(**json.loads(order))
            for number in range(len(cell.due_ns)):
                waiting.put((cell, number))
            cell.over.wait()
            tell(answers, asdict(cell.told))
    environment.runner.quit()


def tell(answers: Any, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()
