"""A client of a schedule: its state, its next action and its clock."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from stampede.core.errors import ClientKilled
from stampede.races.commands.locks import OperationSpan
from stampede.races.scheduler.actions import Action, Touch
from stampede.races.scheduler.client_thread import ClientThread
from stampede.races.scheduler.virtual_time import START_S, clock_of_this_thread
from stampede.races.verdicts.history import Observations

MAX_SLEEPS = 10_000
"""A client that sleeps more often is killed."""
TICK_S = 1e-6
"""The seconds by which a ticking clock advances at each reading."""
MAX_CLIENTS = 26
"""The most clients of a schedule. Each is named by one letter."""


class ClientScheduler(Protocol):
    """The execution that schedules a client, as the client uses it."""

    sandbox: Any
    now_s: float
    ticking_clock: bool
    ack_objects: frozenset[str]
    observations: Observations
    clients: list[Any]
    steps: list[Any]

    def start(self, body: Callable[[Any], None], spawner: Any = None) -> Any: ...

    def pause(self, client: Any, *, killable: bool = True) -> None: ...

    def mark_blocked(self, client: Any) -> None: ...


State = Literal["running", "paused", "waiting", "row_lock", "done"]
"""paused: before a round trip. waiting: in a blocking read. row_lock: its statement waits for a row lock."""


@dataclass(eq=False)
class Client:
    """A client, the state of its thread, and its next action."""

    name: str
    thread: ClientThread
    execution: ClientScheduler
    root: "Client | None" = None
    """The client whose background work it is. Both belong to one process and crash together."""
    state: State = "running"
    pending: Touch = field(default_factory=Touch)
    label: str = ""
    step: Action | None = None
    """Its next step as an action. Created on first use."""
    due_s: float | None = None
    """The virtual time at which its sleep or its wait ends. None: it does not wait for a time."""
    ready: Callable[[], bool] = lambda: True
    """Whether the reply, the message or the row lock for which it waits is available."""
    timed_out: bool = False
    killed: bool = False
    """Whether ClientKilled ends it at its next step, after a crash or at the end of the schedule."""
    step_count: int = 0
    wake_s: float = START_S
    """The virtual time at which its last sleep ends."""
    sleeps: int = 0
    clock_readings: int = 0
    """The number of times that it read a ticking clock."""
    open_rows: set[str] = field(default_factory=set)
    """The locks of the rows that its open transaction has written."""
    operation: str = ""
    span: OperationSpan | None = None
    """Its current operation, or the one whose background work it is. None: locks are not tracked."""
    first_step: bool = False
    """Whether its next step is the first one of a read."""
    go: threading.Lock = field(default_factory=threading.Lock)
    """Released when it is its turn."""
    started: threading.Lock = field(default_factory=threading.Lock)
    """Released when it first waits for its turn, or when it ends."""

    def __post_init__(self) -> None:
        self.go.acquire()
        self.started.acquire()

    @property
    def process_root(self) -> "Client":
        return self.root or self

    def now(self) -> float:
        return max(self.execution.now_s, self.wake_s)

    def read_clock(self) -> float:
        """The time that the pattern reads. If clocks tick, each reading in a schedule differs from all others."""
        if not self.execution.ticking_clock:
            return self.now()
        self.clock_readings += 1
        return self.now() + TICK_S * (self.clock_readings * MAX_CLIENTS + self.execution.clients.index(self))

    def record_failure(self, error: BaseException) -> BaseException:
        """Record a failure that the contender did not cause. Returns the error that ends this client."""
        failure: BaseException = self.execution.sandbox.record_failure(error)
        return failure

    def sleep(self, seconds: float) -> None:
        """Delay the next step of this client by that many seconds of virtual time."""
        self.sleeps += 1
        if self.killed or self.sleeps > MAX_SLEEPS:
            raise ClientKilled
        self.wake_s = self.now() + max(0.0, seconds)
        self._note_wait()

    def await_turn(self, step_touch: Touch, label: str) -> None:
        """Wait until the scheduler allows the next round trip. Raises ClientKilled."""
        if self.killed:
            raise ClientKilled
        self.pending, self.label, self.step = self.full_touch(step_touch), label, None
        self.due_s = self.wake_s if self.wake_s > self.execution.now_s else None
        self.state = "paused"
        self.execution.pause(self)
        self.step_count += 1
        self.first_step = False

    def full_touch(self, step_touch: Touch) -> Touch:
        """The touch with two more objects: the client itself, and the acknowledgements.

        A write changes its acknowledgement, and the first step of a read reads those of all writers: a verdict depends
        on which writes had returned when the read began.
        """
        reads, writes = step_touch.reads, step_touch.writes | {f"client:{self.name}"}
        if self.root is None and self.operation in ("update", "create"):
            writes |= {f"ack:{self.name}"}
        elif self.root is None and self.first_step:
            reads |= self.execution.ack_objects
        return Touch(reads, writes, step_touch.everything)

    def wait(self, waits_for: Touch, label: str, seconds: float | None, ready: Callable[[], bool]) -> bool:
        """Wait until `ready` returns True. Returns False after `seconds` (None: no limit). Raises ClientKilled."""
        if self.killed:
            raise ClientKilled
        self.pending, self.label, self.step, self.ready = self.full_touch(waits_for), label, None, ready
        self.due_s = None if seconds is None or seconds == float("inf") else self.now() + seconds
        self.state, self.timed_out = "waiting", False
        self._note_wait()
        self.execution.pause(self)
        return not self.timed_out

    def _note_wait(self) -> None:
        if self.span is not None:
            self.execution.observations.locks.waited(self.span)

    def wait_for_row_lock(self, blocked: Callable[[], bool]) -> None:
        """Let other clients run while this client's statement waits for a row lock."""
        self.ready = lambda: not blocked()
        self.state = "row_lock"
        self.execution.mark_blocked(self)
        self.execution.pause(self, killable=False)


def current_client() -> Client | None:
    """The client that runs in the current thread. None: the thread is not scheduled."""
    clock = clock_of_this_thread()
    return clock if isinstance(clock, Client) else None
