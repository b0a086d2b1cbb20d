"""A cooperative scheduler. It runs the clients of one schedule, one at a time; each stops before a round trip.

Clients run in threads. The client that stops chooses the next client and hands over. There is no scheduler thread, so
a client that continues needs no thread switch. The scheduler does not depend on patterns.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stampede.core.errors import ClientKilled, ContenderRefused, ExplorerError
from stampede.patterns.caching.cache_pattern import FaultModel
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.actions import EVERYTHING, Action, Touch, touch
from stampede.races.scheduler.client import Client
from stampede.races.scheduler.virtual_time import START_S
from stampede.races.verdicts.history import Crash, Observations

WATCHDOG_S = 30.0
"""A client that takes no step for this long blocks on something other than Redis and PostgreSQL."""
MAX_STEPS = 100
"""A schedule that reaches this number of steps is cut: a client waits without end."""
FAULT_BUDGET = "budget"
"""The object that every fault writes, since only one fault may happen."""

Strategy = Callable[[Sequence[Action]], Action | None]
"""Chooses the next of the enabled actions. None: the schedule is equivalent to an earlier one."""


def changes_keys(touched: Touch) -> bool:
    """Whether an action may change the set of keys in the cache."""
    return touched.everything or any(name.startswith("key:") for name in touched.writes)


@dataclass(frozen=True, kw_only=True)
class ExecutedAction:
    """An action that was executed, at a virtual time."""

    action: Action
    now_s: float
    blocked: bool = False
    """Whether it waited for a row lock."""


class Execution:
    """The execution of one schedule, from a clean state to its end."""

    def __init__(
        self,
        sandbox: Sandbox,
        fault_model: FaultModel,
        strategy: Strategy,
        *,
        ack_objects: frozenset[str] = frozenset(),
        ticking_clock: bool = False,
    ) -> None:
        self.sandbox = sandbox
        self.fault_model = fault_model
        self.strategy = strategy
        self.ack_objects = ack_objects
        self.ticking_clock = ticking_clock
        """Whether a clock advances by a tick each time that it is read."""
        self.now_s = START_S
        self.clients: list[Client] = []
        self.steps: list[ExecutedAction] = []
        self.observations = Observations()
        self.on_state: Callable[[], None] | None = None
        """Called before every choice, to inspect the servers. None: not called."""
        self.failure: BaseException | None = None
        self.cut: str | None = None
        """Why the schedule ended early: "asleep" (it equals an earlier one) or "failed". None: it did not."""
        self.stuck: list[str] = []
        self._fault_left = fault_model is not FaultModel.NONE
        self._current: Client | None = None
        self._starting: Client | None = None
        self._ended = False
        self._unwinding: list[Client] = []
        self._keys: list[str] | None = None
        self._finished = threading.Lock()
        self._finished.acquire()

    # ── threads ──

    def start(self, body: Callable[[Client], None], spawner: Client | None = None) -> Client:
        """Start a client and run it up to its first round trip. `spawner`: the client whose background work it is."""
        number = len(self.clients)
        client = Client(
            chr(ord("a") + number), self.sandbox.client_thread(number), self, spawner.process_root if spawner else None
        )
        client.wake_s = spawner.now() if spawner else START_S
        client.span = spawner.span if spawner else None
        self.clients.append(client)
        outer, self._starting = self._starting, client
        client.thread.submit(client, lambda: self._run_client(client, body))
        if not client.started.acquire(timeout=WATCHDOG_S):
            self.sandbox.abandon()
            why = f"client {client.name} blocks before its first step (on a lock in the process?)"
            raise self.sandbox.record_failure(ContenderRefused(why))
        self._starting = outer
        return client

    def _run_client(self, client: Client, body: Callable[[Client], None]) -> None:
        try:
            body(client)
        except ClientKilled:
            pass
        except Exception as error:  # noqa: BLE001 - the pattern cannot be built or closed: `run` reports it
            self.failure = self.failure or error
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a contender ends its client, not the explorer
            self.failure = self.failure or ExplorerError(f"client {client.name} ended with {type(error).__name__}")
        client.state = "done"
        if self._starting is client:
            client.started.release()
        else:
            self._dispatch(client)

    def run(self) -> None:
        """Run the started clients to the end, in the order that the strategy chooses."""
        self._dispatch(None)
        if not self._finished.acquire(timeout=WATCHDOG_S):
            name = self._current.name if self._current else "?"
            self.sandbox.abandon()
            raise ContenderRefused(
                f"client {name} blocks on something that is neither Redis nor PostgreSQL (a lock in the process?)"
            )
        if self.failure is not None:
            raise self.failure

    def pause(self, client: Client, *, killable: bool = True) -> None:
        """Hand over to the next client, and return when it is this client's turn. Called in the client's thread."""
        if self._starting is client:
            client.started.release()
            client.go.acquire()
        elif not self._dispatch(client):
            client.go.acquire()
        client.state = "running"
        if client.killed and killable:
            raise ClientKilled

    def _dispatch(self, me: Client | None) -> bool:
        """Hand control to the next client. Returns whether that is `me`."""
        try:
            following = self._next()
        except Exception as error:  # noqa: BLE001 - must not reach the contender: this runs in its thread
            self.sandbox.record_failure(error)
            following = self._next()  # from now on clients are only unwound, without requests to servers
        self._current = following
        if following is None:
            self._finished.release()
            return False
        if following is me:
            return True
        following.go.release()
        return False

    # ── the next action ──

    def _next(self) -> Client | None:
        while True:
            if self.sandbox.failure is not None:
                self._ended, self.cut = True, "failed"
            resumed = self._find_resumed()
            if resumed is not None:
                return resumed
            if self._unwinding:
                return self._unwinding.pop(0)
            action = None if self._ended else self._choose()
            if action is None:
                unfinished = [c for c in self.clients if c.state in ("paused", "waiting")]
                if not self._ended and self.cut is None:
                    self.stuck = [c.name for c in unfinished]
                self._ended = True
                if not unfinished and not any(c.state == "row_lock" for c in self.clients):
                    return None
                self._kill(unfinished)  # a client that waits for a row gets it when the holder is unwound
                continue
            client = self._perform(action)
            if client is not None:
                return client

    def _find_resumed(self) -> Client | None:
        """A client that has received the row lock or the reply for which it waited."""
        waiting = [c for c in self.clients if c.state == "row_lock" or (c.state == "waiting" and not c.killed)]
        if not waiting:
            return None
        if self.sandbox.failure is not None:  # the holder of a row is unwound before the clients that wait for it
            busy = self._unwinding or any(c.state in ("paused", "waiting") for c in self.clients)
            return None if busy else waiting[0]
        if any(c.state == "waiting" for c in waiting):
            self.sandbox.settle()
        return next((c for c in waiting if c.ready()), None)

    def _choose(self) -> Action | None:
        try:
            if self.on_state is not None:
                self.on_state()
            enabled = self.enabled()
            if not enabled:
                return None
            if len(self.steps) >= MAX_STEPS:
                return None
            action = self.strategy(enabled)
            if action is None:
                self.cut = "asleep"
            return action
        except BaseException as error:  # noqa: BLE001 - `run` raises it again in the main thread
            self.failure = error
            self.cut = "failed"
            return None

    def enabled(self) -> list[Action]:
        """The actions that are enabled now. A wait times out only if no client can take a step otherwise."""
        now: list[Client] = []
        later: list[Client] = []
        for client in self.clients:
            if client.state == "paused" and (client.due_s is None or client.due_s <= self.now_s):
                now.append(client)
            elif client.state == "paused" or (client.state == "waiting" and client.due_s is not None):
                later.append(client)
        actions = [self._step(client) for client in now]
        if later and not now:
            first_s = min(c.due_s for c in later if c.due_s is not None)
            actions = [self._timed(c, c.name) for c in later if c.due_s == first_s]
            later = [c for c in later if c.due_s != first_s]
        if actions and self._fault_left:
            actions += self._fault_actions(later)
        return actions

    def _step(self, client: Client) -> Action:
        if client.step is None:
            client.step = Action(client.name, client.name, client.label, client.pending)
        return client.step

    def _timed(self, client: Client, token: str, *, is_fault: bool = False) -> Action:
        after_ms = 1000 * ((client.due_s or self.now_s) - self.now_s)
        what = "wait ends" if client.state == "waiting" else client.label
        return Action(token, client.name, f"after {after_ms:.0f} ms: {what}", EVERYTHING, is_fault)

    def _fault_actions(self, waiting: list[Client]) -> list[Action]:
        if self.fault_model is FaultModel.CRASH:
            return [
                Action(f"D{c.name}", c.name, "crashes", self._process_touch(c), is_fault=True)
                for c in self.clients
                if c.root is None and c.step_count and self._is_running(c)
            ]
        if self._keys is None:
            self._keys = self.sandbox.cached_keys()
        expiries = [
            Action(
                token=f"X{i}",
                client="",
                label=f"{self.sandbox.without_prefix(key)} expires",
                touch=touch(writes=(FAULT_BUDGET, f"key:{key}")),
                is_fault=True,
            )
            for i, key in enumerate(self._keys)
        ]
        return expiries + [self._timed(c, f"T{c.name}", is_fault=True) for c in waiting]

    def _is_running(self, client: Client) -> bool:
        """Whether the client or its background work is still running."""
        return any(c.process_root is client and c.state in ("paused", "waiting") for c in self.clients)

    def _process_touch(self, client: Client) -> Touch:
        reads, writes, everything = set[str](), {FAULT_BUDGET}, False
        for member in self.clients:
            if member.process_root is client:
                writes |= {f"client:{member.name}", *member.open_rows}
                if member.state == "waiting":
                    reads |= member.pending.reads
                    writes |= member.pending.writes
                    everything = everything or member.pending.everything
        return Touch(frozenset(reads), frozenset(writes), everything)

    def _perform(self, action: Action) -> Client | None:
        """Execute an action. Returns the client that it lets continue, or None."""
        self.steps.append(ExecutedAction(action=action, now_s=self.now_s))
        if self._keys is not None and changes_keys(action.touch):
            self._keys = None
        if action.is_fault:
            self._fault_left = False
        if action.token[0] == "X":
            key = next(
                key
                for key in self.sandbox.cached_keys()
                if action.label.startswith(self.sandbox.without_prefix(key) + " ")
            )
            self.sandbox.expire_key(key)
            self.observations.key_removed(key)
            return None
        client = next(c for c in self.clients if c.name == action.client)
        if action.token[0] == "D":
            self.observations.locks.client_crashed(client.name)
            keys = self.observations.locks.held_by(client.name)
            self.observations.crashes.append(Crash(client.name, self.now_s, self.sandbox.longest_ttl_s(keys)))
            process = [c for c in self.clients if c.process_root is client]
            for member in process:
                member.killed = True  # a client that waits for a row is killed when it has the row
            self._kill([c for c in process if c.state in ("paused", "waiting")])
            return None
        if client.due_s is not None and client.due_s > self.now_s:
            self.advance(client.due_s - self.now_s)
        client.timed_out = client.state == "waiting"
        return client

    def _kill(self, clients: list[Client]) -> None:
        for client in clients:
            client.killed = True
        self._unwinding += clients

    def advance(self, seconds: float) -> None:
        """Advance virtual time and shorten the TTL of every key."""
        self.now_s += seconds
        for key in self.sandbox.age(seconds):
            self.observations.key_removed(key)

    def mark_blocked(self, client: Client) -> None:
        """Record that the last step of the client waits for a row lock."""
        for i in reversed(range(len(self.steps))):
            if self.steps[i].action.client == client.name:
                self.steps[i] = ExecutedAction(action=self.steps[i].action, now_s=self.steps[i].now_s, blocked=True)
                return
