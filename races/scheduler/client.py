"""A client of a schedule: what it waits for, and its own clock."""

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
TICK_S = 1e-6
"""How far a ticking clock moves on from one reading to the next."""
MAX_CLIENTS = 26
"""Clients have one letter each."""


class ClientScheduler(Protocol):
    """The schedule that a client is part of, as the client needs it."""

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


@dataclass(eq=False)
class Client:
    """A client, its thread's state, and what it would do next."""

    name: str
    thread: ClientThread
    execution: ClientScheduler
    root: "Client | None" = None
    """Who spawned it; they live and die as one process."""
    state: State = "running"
    pending: Touch = field(default_factory=Touch)
    label: str = ""
    step: Action | None = None
    """What it would do next, as an action; made when it is first asked for."""
    due_s: float | None = None
    """When its sleep or its wait is over, in virtual time; None: it does not wait for time."""
    ready: Callable[[], bool] = lambda: True
    timed_out: bool = False
    killed: bool = False
    step_count: int = 0
    wake_s: float = START_S
    sleeps: int = 0
    clock_readings: int = 0
    """How often it read the clock, where clocks tick."""
    open_rows: set[str] = field(default_factory=set)
    operation: str = ""
    span: OperationSpan | None = None
    """The operation that it is about, or whose background work it is; None: locks are of no interest."""
    first_step: bool = False
    go: threading.Lock = field(default_factory=threading.Lock)
    started: threading.Lock = field(default_factory=threading.Lock)
    """Released at its first hold, or at its end."""

    def __post_init__(self) -> None:
        self.go.acquire()
        self.started.acquire()

    @property
    def process_root(self) -> "Client":
        return self.root or self

    def now(self) -> float:
        return max(self.execution.now_s, self.wake_s)

    def read_clock(self) -> float:
        """The time as the pattern reads it. Where clocks tick, each reading in a schedule differs from all others."""
        if not self.execution.ticking_clock:
            return self.now()
        self.clock_readings += 1
        return self.now() + TICK_S * (self.clock_readings * MAX_CLIENTS + self.execution.clients.index(self))

    def record_failure(self, error: BaseException) -> BaseException:
        """What to raise to end this client, for a failure that is no answer of the contender's."""
        failure: BaseException = self.execution.sandbox.record_failure(error)
        return failure

    def sleep(self, seconds: float) -> None:
        """Time passes for this client: its next step is due that much later."""
        self.sleeps += 1
        if self.killed or self.sleeps > MAX_SLEEPS:
            raise ClientKilled
        self.wake_s = self.now() + max(0.0, seconds)
        self._note_wait()

    def await_turn(self, step_touch: Touch, label: str) -> None:
        """Wait until the next round trip is granted. Raises ClientKilled."""
        if self.killed:
            raise ClientKilled
        self.pending, self.label, self.step = self.full_touch(step_touch), label, None
        self.due_s = self.wake_s if self.wake_s > self.execution.now_s else None
        self.state = "paused"
        self.execution.pause(self)
        self.step_count += 1
        self.first_step = False

    def full_touch(self, step_touch: Touch) -> Touch:
        """With the client itself, and with what lets a read that begins see which writes had returned."""
        reads, writes = step_touch.reads, step_touch.writes | {f"client:{self.name}"}
        if self.root is None and self.operation in ("update", "create"):
            writes |= {f"ack:{self.name}"}
        elif self.root is None and self.first_step:
            reads |= self.execution.ack_objects
        return Touch(reads, writes, step_touch.everything)

    def wait(self, waits_for: Touch, label: str, seconds: float | None, ready: Callable[[], bool]) -> bool:
        """Wait until `ready`: True. False if the time ran out first; None means no limit. Raises ClientKilled."""
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
        """Let the others go on while the database holds this client's statement back."""
        self.ready = lambda: not blocked()
        self.state = "row_lock"
        self.execution.mark_blocked(self)
        self.execution.pause(self, killable=False)


def current_client() -> Client | None:
    """The client in whose thread this is called; None: it is not scheduled."""
    clock = clock_of_this_thread()
    return clock if isinstance(clock, Client) else None
