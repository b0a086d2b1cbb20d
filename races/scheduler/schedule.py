"""Plays one schedule of a contender in a situation on the servers, and records the trace."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from stampede.core.errors import BadAnswer, ClientKilled, NotJudged
from stampede.patterns.answer_checks import check_decision, check_error, check_record
from stampede.patterns.caching.cache_pattern import CachePattern, Config, Context
from stampede.races.commands.locks import Location, OperationSpan, UnownedRelease
from stampede.races.hooks.sandbox import RECORD, Sandbox
from stampede.races.scheduler.actions import Action, encode
from stampede.races.scheduler.client import Client, current_client
from stampede.races.scheduler.scheduler import ExecutedAction, Execution, Strategy
from stampede.races.scheduler.virtual_time import START_S
from stampede.races.verdicts.entries import EntryDetector
from stampede.races.verdicts.history import Commit, Crash, FinishedOperation, Load
from stampede.scenarios.interleavings.limiters import LIMIT, WINDOW_S
from stampede.scenarios.interleavings.situation import CacheState, Operation, Situation

SOCKET_CHECKS_AT = frozenset({0, 1, 10, 100, 1_000})
"""The numbers of the schedules in which the sockets of this process are checked."""
LOCKSTEP_PROGRAMS: tuple[tuple[Operation, ...], ...] = (("get",), ("update",))
"""The programs that two clients run in lockstep to find out whether a counter excludes the second one."""
AGED_SHARE = 0.99
"""The share of its TTL that an ageing entry has used up, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class FinalRead:
    """A read after the drain: the version in the database, and the answer that a reader gets."""

    record_id: int
    stored_version: int | None
    """The version in the database. None: the record does not exist."""
    read_version: int | None = None
    """The version that the reader got. None: no record, or an error."""
    found: bool = False
    error: str | None = None
    """The name of the error that the reader got. None: no error."""
    read_one_ttl_later: int | None = None
    """The version that a reader gets one TTL later. None: not read, because the first read was not stale."""


@dataclass(frozen=True, kw_only=True)
class StateSnapshot:
    """The state of the servers between two steps."""

    database: dict[int, int]
    """Record id to committed version."""
    cache: dict[str, str]
    """Key to contents as short text."""


@dataclass(frozen=True, kw_only=True)
class ExecutionTrace:
    """The record of one executed schedule."""

    steps: list[ExecutedAction]
    cut: str | None
    """As Execution.cut."""
    stuck: list[str]
    """The clients that wait without end."""
    loads: list[Load]
    commits: list[Commit]
    crashes: list[Crash]
    unowned_releases: list[UnownedRelease]
    operations: list[FinishedOperation]
    final_reads: list[FinalRead]
    loads_by_miss: list[list[Load]] = field(default_factory=list)
    """The loads, one list for each miss."""
    took_lock: bool = False
    """Whether a client took a lock."""
    shared_locations: frozenset[Location] = frozenset()
    """The locations that an operation found, but that did not delay its load or write."""
    entries_at_start: int = 0
    """The number of keys in the cache at the start."""
    quota: int | None = None
    """The number of calls that a limiter may admit. None: there is no limiter, or no such bound."""
    admits_later: bool | None = None
    """Whether it admits a call once all admitted calls are one window old. None: not tested."""
    snapshots: list[StateSnapshot] = field(default_factory=list)

    @property
    def tokens(self) -> list[str]:
        return [step.action.token for step in self.steps]

    @property
    def text(self) -> str:
        """The schedule as text, as in its id."""
        return encode(self.tokens)

    def end(self) -> tuple[object, ...]:
        """Everything on which verdicts depend. Equal for equal schedules."""
        operations = [(d.client, d.operation, d.begin, d.end, d.found, d.version, d.error) for d in self.operations]
        return (self.tokens, operations, self.loads, self.commits, self.unowned_releases, self.final_reads, self.stuck)


@contextmanager
def raising_failures(sandbox: Sandbox) -> Iterator[None]:
    """Raise a failure of the block that the contender did not cause, even if the contender caught it."""
    sandbox.failure = None
    try:
        yield
    except (Exception, ClientKilled) as error:
        if sandbox.failure is not None:
            raise sandbox.failure from error
        if isinstance(error, ClientKilled):
            raise NotJudged("it waits without end although no other client runs") from error
        raise
    if sandbox.failure is not None:
        raise sandbox.failure


class SchedulePlayer:
    """Plays the schedules of one contender in one situation."""

    def __init__(self, sandbox: Sandbox, pattern: type[CachePattern], situation: Situation, *, name: str = "") -> None:
        self.sandbox = sandbox
        self.name = name
        self.pattern = pattern
        self.situation = situation
        self.config: Config = pattern.config_type(key_prefix=sandbox.key_prefix)
        self.reads_app_clock = False
        """Whether the contender has read the clock of the app server so far."""
        self._played = 0
        with raising_failures(sandbox):
            self._start_entries = self._prepare()
        self._shared_kinds: set[Location] | None = None
        self.entries = EntryDetector(sandbox, lambda context: pattern(context, self.config))
        self._ack_objects = frozenset(
            f"ack:{chr(ord('a') + i)}"
            for i, program in enumerate(situation.clients)
            if set(program) & {"update", "create"}
        )

    def play(self, strategy: Strategy, *, snapshots: bool = False) -> ExecutionTrace:
        """Play one schedule from a clean state. Plays it again if a script had to be loaded first.

        Raises ExplorerError for a failure that the contender did not cause.
        """
        for _ in range(3):
            self.sandbox.missed_script = False
            with raising_failures(self.sandbox):
                trace = self._play(strategy, snapshots)
            if not self.sandbox.missed_script:
                break
        return trace

    def _play(self, strategy: Strategy, snapshots: bool) -> ExecutionTrace:
        sandbox = self.sandbox
        sandbox.reset(self._start_entries, self.situation.failing_loads)
        restart = getattr(strategy, "restart", None)
        if restart is not None:
            restart()
        ticking_clock = self.situation.limiting and not self.situation.one_tick
        execution = Execution(
            sandbox, self.situation.adversary, strategy, ack_objects=self._ack_objects, ticking_clock=ticking_clock
        )
        snapshots_taken: list[StateSnapshot] = []
        if snapshots:
            execution.on_state = lambda: snapshots_taken.append(self._snapshot())
        for number, program in enumerate(self.situation.clients):
            execution.start(self._body(program, number))
        sandbox.playing = True
        try:
            execution.run()
        finally:
            sandbox.playing = False
        self._played += 1
        seen = execution.observations
        if snapshots:
            snapshots_taken.append(self._snapshot())
        limiting = self.situation.limiting
        final_reads = [] if execution.cut or limiting else self._final_reads(execution)
        return ExecutionTrace(
            steps=execution.steps,
            cut=execution.cut,
            stuck=execution.stuck,
            loads=seen.loads,
            commits=seen.commits,
            crashes=seen.crashes,
            unowned_releases=seen.locks.unowned_releases(self.entries.is_entry, self.excludes),
            loads_by_miss=seen.loads_by_miss(self.entries.has_entry),
            took_lock=seen.locks.any_taken(),
            shared_locations=seen.locks.shared_locations(),
            operations=seen.operations,
            final_reads=final_reads,
            entries_at_start=len(self._start_entries),
            quota=self._quota() if limiting else None,
            admits_later=self._probe_after_window(execution) if limiting and not execution.cut else None,
            snapshots=snapshots_taken,
        )

    def _body(self, program: tuple[str, ...], number: int) -> Callable[[Client], None]:
        def body(client: Client) -> None:
            pattern = self.pattern(self._context(client, number), self.config)
            for index, operation in enumerate(program):
                self._operate(client, pattern, operation, f"{client.name}{index}")
            if self._played in SOCKET_CHECKS_AT:
                self.sandbox.refuse_contender_connections()
            pattern.close()

        return body

    def _context(self, client: Client, number: int) -> Context:
        def running() -> Client:
            return current_client() or client

        def spawn(work: Callable[[], None]) -> None:
            def body(_child: Client) -> None:
                with suppress(Exception):  # like a background pool, which drops errors
                    work()

            client.execution.start(body, spawner=running())

        def now() -> float:
            self.reads_app_clock = True
            return running().read_clock() + number * self.situation.skew_s

        def sleep(seconds: float) -> None:
            running().sleep(seconds)

        return replace(self.sandbox.context(client.thread, client, spawn, seed=number), now=now, sleep=sleep)

    def _operate(self, client: Client, pattern: CachePattern, operation: str, value: str) -> None:
        execution, steps_before = client.execution, client.step_count
        client.operation, client.first_step = operation, operation.startswith("get")
        client.span = None if self.situation.limiting else OperationSpan(client.name, int(value[1:]), operation)
        record_id = RECORD + 1 if operation in ("get-new", "create") else RECORD
        finished = FinishedOperation(
            client=client.name,
            operation=operation,
            record_id=record_id,
            begin=len(execution.steps),
            end=-1,
            began_s=client.now(),
            ended_s=client.now(),
        )
        try:
            if operation.startswith("get"):
                record = pattern.get(record_id)
                check_record(self.name, "get", record, "version")
            elif operation == "hit":
                decision = pattern.hit()  # type: ignore[attr-defined]
                check_decision(self.name, decision)
                record = {} if decision.allowed else None
            elif operation == "update":
                record = pattern.update(record_id, {"name": value})
                check_record(self.name, "update", record)
            else:
                record = pattern.create({"name": value, "email": ""})
                check_record(self.name, "create", record)
                finished.record_id = record["id"]
            finished.found = record is not None
            finished.version = record.get("version") if record is not None else None
        except BadAnswer:
            raise
        except Exception as error:  # noqa: BLE001 - any error of a pattern is a result of the operation
            check_error(self.name, operation, error)
            finished.error = type(error).__name__
        tokens = (client.name, f"T{client.name}")
        own = [i for i, step in enumerate(execution.steps) if step.action.token in tokens][steps_before:]
        finished.begin = own[0] if own else len(execution.steps)
        finished.end = own[-1] if own else -1
        finished.ended_s = client.now()
        execution.observations.operations.append(finished)

    def excludes(self, location: Location) -> bool:
        """Whether an operation stops if the counter is above zero. Tested by two clients in lockstep."""
        if self._shared_kinds is None:
            self._shared_kinds = set()
            for program in LOCKSTEP_PROGRAMS:
                pilot = SchedulePlayer(
                    self.sandbox, self.pattern, Situation(name="lockstep", clients=(program, program))
                )
                pilot._shared_kinds = set()
                self._shared_kinds |= {
                    self.entries.kind(shared) for shared in pilot.play(LockstepStrategy()).shared_locations
                }
        return self.entries.kind(location) not in self._shared_kinds

    # ── before and after ──

    def _prepare(self) -> list[tuple[str, int, bytes]]:
        """The entries at the start of the situation, filled by the contender itself."""
        self.sandbox.reset([])
        if self.situation.start is CacheState.COLD:
            return []
        if self.situation.start is CacheState.AT_LIMIT:
            with self.sandbox.unscheduled(START_S - WINDOW_S / 2 - LIMIT) as context:
                for _ in range(LIMIT):
                    self.pattern(context, self.config).hit()  # type: ignore[attr-defined]
                    context.sleep(1)
                context.sleep(WINDOW_S / 2)
            return self.sandbox.entries()
        with self.sandbox.unscheduled() as context:
            check_record(self.name, "get", self.pattern(context, self.config).get(RECORD), "version")
        if self.situation.start is CacheState.AGEING:
            self.sandbox.age(AGED_SHARE * self.config.ttl_s)
        return self.sandbox.entries()

    def _final_reads(self, execution: Execution) -> list[FinalRead]:
        stored = self.sandbox.versions()
        ids = sorted({RECORD, *stored} if "create" in self.situation.operations else {RECORD})
        found = []
        with self.sandbox.unscheduled(execution.now_s) as context:
            for record_id in ids:
                first = self._read(context, record_id, stored.get(record_id))
                if (
                    first.stored_version is not None
                    and first.read_version is not None
                    and first.read_version < first.stored_version
                ):
                    context.sleep(self.config.ttl_s)
                    later = self._read(context, record_id, first.stored_version)
                    first = FinalRead(**{**vars(first), "read_one_ttl_later": later.read_version})
                found.append(first)
        return found

    def _read(self, context: Context, record_id: int, stored: int | None) -> FinalRead:
        try:
            record = self.pattern(context, self.config).get(record_id)
        except ClientKilled:
            return FinalRead(record_id=record_id, stored_version=stored, error="waits without end")
        except Exception as error:  # noqa: BLE001 - any error of a pattern is the answer to the reader
            return FinalRead(record_id=record_id, stored_version=stored, error=type(error).__name__)
        version = record.get("version") if record is not None else None
        return FinalRead(record_id=record_id, stored_version=stored, read_version=version, found=record is not None)

    def _quota(self) -> int | None:
        """The number of calls that the limiter may admit. None at the limit, where only refused calls are tested."""
        if self.situation.start is CacheState.AT_LIMIT:
            return None
        bound: int = self.pattern.calls_at_once()  # type: ignore[attr-defined]
        return bound

    def _probe_after_window(self, execution: Execution) -> bool | None:
        """Whether the limiter admits a call once the used quota is one window old. None: it reads a real clock."""
        if not self.reads_app_clock or self.situation.start is not CacheState.AT_LIMIT:
            return None
        with self.sandbox.unscheduled(execution.now_s) as context:
            context.sleep(WINDOW_S / 2 + LIMIT)
            return bool(self.pattern(context, self.config).hit().allowed)  # type: ignore[attr-defined]

    def _snapshot(self) -> StateSnapshot:
        return StateSnapshot(database=self.sandbox.versions(), cache=self.sandbox.cache_as_text())


class LockstepStrategy:
    """Chooses the client that has taken the fewest steps."""

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()

    def restart(self) -> None:
        self._steps.clear()

    def __call__(self, enabled: Sequence[Action]) -> Action:
        action = min(enabled, key=lambda a: (self._steps[a.client], a.token))
        self._steps[action.client] += 1
        return action
