"""One process's application server: its pools, its pattern, its threads' common list of requests that are due.

It knows nothing of Locust: whoever runs the threads calls `serve_next` again and again. The threads take the next due
request each, wait for its due time and serve it; nothing is shed, so a request for which no thread is free begins late.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from core.closed_forms import zipf_shares
from core.errors import BadAnswer, CellBroken, ContenderWrong
from loadtests.clock import Clock, now_ns
from loadtests.instruments import CONNECTIONS, Facts, Ruler, RulerSource, current_facts
from loadtests.lineup import Entrant
from loadtests.observer import Look, Observer
from loadtests.recorder import Recorder
from loadtests.spec import CellOrder, ScenarioOrder, Spec
from patterns.answers import check_decision, check_error, check_record
from patterns.caching.base import CachePattern, ClientSettings, Kit, Record, Warms
from patterns.limiting.base import Decision, RateLimiter
from patterns.serializing.json import Json
from scenarios.arrivals import due_times_ns
from scenarios.flood import Flood
from scenarios.keys import Ids, Shares, by_popularity, draw_keys, steady_state_keys
from stack.population import record_ids
from stack.source import PostgresSource, Statements, open_pool

BACKGROUND_WORKERS = 4
"""Size of the pool behind `Kit.spawn`: what one application server refreshes at a time."""
GRACE_S = 30.0
"""How long after its deadline a cell waits for what is still open, so that counts stay whole, before it is void."""
LEAVE_S = 10.0
"""How long the next cell waits for what is still under way in one that broke."""

IN_A_TURN = 16
"""Requests that a thread serves before Locust hears of it again, while they are overdue."""

NO_DECISION = (None, None, None, None, None, None)
"""The columns of a rate limiter's decision, in a row that is none."""

Operation = Literal["read", "write", "hit"]
METHODS: Mapping[Operation, str] = {"read": "get", "write": "update", "hit": "hit"}
"""The contender's method behind each operation."""
Tell = Callable[[Operation, float, Exception | None], None]
"""(operation, response time in ms, error): how Locust hears of a request."""


class Unanswered(Exception):
    """The deadline passed before a thread was free for the request."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What one process is asked in a cell, drawn in advance."""

    due_ns: list[int]
    """From the beginning of the warm-up, ascending."""
    keys: list[int]
    operations: list[Operation]


@dataclass(kw_only=True)
class CellInHand:
    """A cell while it runs."""

    order: CellOrder
    scenario: ScenarioOrder
    requests: Requests
    contender: CachePattern | RateLimiter
    background: ThreadPoolExecutor
    warming: dict[str, float] = field(default_factory=dict)
    """What it cost the contender to warm a cold cache before the first request, in counters of this process."""
    thinks_ns: list[int] = field(default_factory=list)
    """Closed clients: how long they think, in the order in which they ask; empty where arrivals are open."""
    retired: set[int] = field(default_factory=set)
    """Closed clients that ask no more in this cell."""
    label: str = ""
    """How Locust names its requests."""
    version_column: str | None = None
    begin_ns: int = 0
    window_start_ns: int = 0
    window_end_ns: int = 0
    deadline_ns: int = 0
    next_index: int = 0
    answered: int = 0
    ended: int = 0
    """Answered or given up, and recorded."""
    abandoned: bool = False
    under_way: int = 0
    """Requests that a thread has taken and not ended."""
    checked_version: str | None = None
    """The column that each record read must hold a version in; None: versions are not judged."""
    wrong: str = ""
    """The first answer that no contender may give, in one line; empty: there was none."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set once all that was due has ended."""


class AppServer:
    """Prepares a cell, serves it, hands over its samples."""

    def __init__(self, spec: Spec, process: int, clock: Clock) -> None:
        self.spec = spec
        self.process = process
        self.clock = clock
        self.ahead_ns = 0
        """How far this machine's clock is ahead of the bench's, where that is another's."""
        self.ruler = Ruler(clock)
        self.ruler.watch_gc()
        self.recorder = Recorder()
        self.begun = threading.Event()
        self.cell: CellInHand | None = None
        self._observer: Observer | None = None
        self._spawned: list[Future[None]] = []
        self._postgres = open_pool(spec.postgres_url, self._connections, spec.scenarios[0].statements["session"])
        self._redis: dict[ClientSettings, redis.Redis] = {}
        self._populations: dict[str, tuple[Ids, Shares]] = {}

    @property
    def _connections(self) -> int:
        return self.spec.users_per_process + BACKGROUND_WORKERS

    def prepare(self, order: CellOrder) -> dict[str, float]:
        """Build the contender, warm its connections and the cache; the process's counters as they then stand."""
        self._leave_broken()
        scenario = self.spec.scenario(order.scenario)
        entrant = self.spec.entrant(order.contender)
        rng = np.random.default_rng([order.seed, self.process])
        background = ThreadPoolExecutor(BACKGROUND_WORKERS)
        self._spawned.clear()
        self.ruler.distance_ns = 0
        contender: CachePattern | RateLimiter
        warming: dict[str, float] = {}
        thinks_ns: list[int] = []
        if scenario.flood is None:
            pattern = contender = self._pattern(order, scenario, entrant, background, rng)
            if scenario.workload.arrivals == "closed" and self.process < self._serving(scenario):
                requests, thinks_ns = self._draw_closed(scenario, rng)
            else:
                requests = self._draw(scenario, rng)
            if scenario.cold and isinstance(pattern, Warms):
                warming = self._warm_as_it_does(pattern, scenario)
        else:
            contender = self._limiter(scenario.flood, entrant)
            requests = self._draw_flood(scenario.flood, scenario, order.seed)
        self.ruler.distance_ns = scenario.distance_ns
        self.begun.clear()
        self.cell = CellInHand(
            order=order,
            scenario=scenario,
            requests=requests,
            thinks_ns=thinks_ns,
            contender=contender,
            background=background,
            warming=warming,
            label=f"{order.scenario} {order.contender}",
            version_column=scenario.statements["version_column"],
            checked_version=checked_version(entrant, scenario),
        )
        return self.ruler.account()

    def _pattern(
        self,
        order: CellOrder,
        scenario: ScenarioOrder,
        entrant: Entrant,
        background: ThreadPoolExecutor,
        rng: np.random.Generator,
    ) -> CachePattern:
        """A caching contender, its connections and the cache warm."""
        pattern_type = entrant.pattern()
        client = self._client(pattern_type.client)
        statements = Statements(**scenario.statements)
        kit = Kit(
            redis=client,
            source=RulerSource(PostgresSource(self._postgres, statements), self.ruler, statements.version_column),
            codec=Json(),
            now=lambda: (now_ns() - self.ahead_ns) / 1e9,
            sleep=lambda seconds: self.clock.wait_until(now_ns() + round(seconds * 1e9)),
            spawn=lambda work: self._spawn(background, work),
            rng=random.Random(int(rng.integers(2**63))),
        )
        pattern = pattern_type(kit, entrant.configured(scenario.workload.ttl_s, self.spec.key_prefix))
        if entrant.kind == "ruler":
            self._warm_ruler(pattern, scenario)
        elif not scenario.cold:
            self._warm(pattern, entrant, scenario, order.seed)
        return pattern

    def _limiter(self, flood: Flood, entrant: Entrant) -> RateLimiter:
        """A rate limiter, its connections warm and its script known to the server; by the wall clock, as in life."""
        limiter_type = entrant.limiter()
        limiter = limiter_type(
            self._client(limiter_type.client), entrant.limited(flood, self.spec.key_prefix), time.time
        )
        check_decision(entrant.name, limiter.hit(f"warm-up-{self.process}"))
        return limiter

    def _leave_broken(self) -> None:
        """Let what is under way in a cell that broke end first: it holds connections that the next one needs."""
        cell = self.cell
        if cell is None:
            return
        self.abandon()
        cell.background.shutdown(wait=False, cancel_futures=True)
        wait(self._spawned, timeout=LEAVE_S)
        until_ns = now_ns() + round(LEAVE_S * 1e9)
        while cell.under_way and now_ns() < until_ns:
            self.clock.wait_until(now_ns() + 1_000_000)

    def begin(self, begin_ns: int) -> None:
        """Set the instant, by the bench's clock, from which due times count."""
        cell = self._running()
        scenario = cell.scenario
        cell.begin_ns = begin_ns + self.ahead_ns
        cell.window_start_ns = cell.begin_ns + round(scenario.warm_up_s * 1e9)
        cell.window_end_ns = cell.window_start_ns + round(scenario.window_s * 1e9)
        cell.deadline_ns = cell.window_end_ns + round(scenario.drain_s * 1e9)
        if not cell.requests.due_ns and not cell.thinks_ns:
            cell.over.set()
        elif not cell.thinks_ns:
            self._observer = Observer(cell, cell.requests.due_ns, cell.order.seed + self.process)
            self._observer.start()
        self.begun.set()

    def serve_next(self, client: int, tell: Tell) -> None:
        """Take the next request that will be due, wait for its time, serve it, record its facts.

        Then those that are already due, up to IN_A_TURN: with work at hand, a thread need not ask Locust for each.
        """
        cell = self.cell
        if cell is None or not self.begun.is_set():
            self.begun.wait(0.2)
            return
        if cell.thinks_ns:
            self._serve_closed(cell, client, tell)
            return
        if cell.next_index >= len(cell.requests.due_ns):
            cell.over.wait(0.02)
            return
        self._serve_one(cell, client, tell)
        for _ in range(IN_A_TURN - 1):
            index = cell.next_index
            if index >= len(cell.requests.due_ns) or cell.begin_ns + cell.requests.due_ns[index] > now_ns():
                return
            self._serve_one(cell, client, tell)

    def _serve_one(self, cell: CellInHand, client: int, tell: Tell) -> None:
        index = cell.next_index
        cell.next_index = index + 1
        self._serve(cell, index, cell.begin_ns + cell.requests.due_ns[index], client, tell)
        if cell.ended == len(cell.requests.due_ns):
            cell.over.set()

    def _serve_closed(self, cell: CellInHand, client: int, tell: Tell) -> None:
        """Think, then ask: the request is due when the client asks. One that would ask behind the window retires."""
        if client in cell.retired:
            cell.over.wait(0.02)
            return
        index = cell.next_index % len(cell.thinks_ns)
        due_ns = max(now_ns(), cell.begin_ns) + cell.thinks_ns[index]
        if due_ns >= cell.window_end_ns or cell.abandoned:
            cell.retired.add(client)
            if len(cell.retired) == self.spec.users_per_process:
                cell.over.set()
            return
        cell.next_index += 1
        self._serve(cell, index, due_ns, client, tell)

    def _serve(self, cell: CellInHand, index: int, due_ns: int, client: int, tell: Tell) -> None:
        """Wait until a request is due, serve it, record its facts."""
        cell.under_way += 1
        key = cell.requests.keys[index]
        operation = cell.requests.operations[index]
        free_ns = now_ns()
        start_ns: int | None = free_ns
        if due_ns > free_ns:
            self.clock.wait_until(due_ns)
            start_ns = now_ns()
        end_ns = start_ns
        error: Exception | None = None
        answer: Record | Decision | None = None
        facts = Facts()
        if free_ns >= cell.deadline_ns or cell.wrong:
            start_ns = end_ns = None
            error = Unanswered("no thread was free before the deadline")
        else:
            token = current_facts.set(facts)
            try:
                answer = self._perform(cell, operation, key)
            except Exception as raised:  # noqa: BLE001 - a driver's exception inside a request is a fact, and recorded
                error = raised
            finally:
                end_ns = now_ns()
                cell.answered += 1
                current_facts.reset(token)
        answer = self._checked(cell, operation, answer, error)
        self._record(cell, client, operation, key, due_ns, free_ns, start_ns, end_ns, error, answer, facts)
        tell(operation, ((end_ns or now_ns()) - due_ns) / 1e6, error)
        cell.ended += 1
        cell.under_way -= 1

    @property
    def rests(self) -> bool:
        """Whether the cell in hand is judged at rest as well: it is then settled before it is finished."""
        return self._running().scenario.judge_at_rest

    def settle(self) -> list[int]:
        """Wait until all that was due has ended and nothing is under way; the keys to be written. Raises CellBroken."""
        cell = self._running()
        self._await_end(cell)
        wait(self._spawned)
        return sorted({k for k, o in zip(cell.requests.keys, cell.requests.operations, strict=True) if o == "write"})

    def read_at_rest(self, keys: list[int]) -> None:
        """Read each of the keys once more, when no process has anything under way: what is old now stays old."""
        cell = self._running()
        contender = cell.contender
        assert isinstance(contender, CachePattern)

        def read(key: int) -> None:
            facts = Facts()
            token = current_facts.set(facts)
            error: Exception | None = None
            answer: Record | None = None
            start_ns = now_ns()
            try:
                answer = contender.get(key)
            except Exception as raised:  # noqa: BLE001 - as in a request: a fact
                error = raised
            finally:
                end_ns = now_ns()
                current_facts.reset(token)
            checked = self._checked(cell, "read", answer, error)
            self._record(cell, -1, "rest", key, start_ns, start_ns, start_ns, end_ns, error, checked, facts)

        if keys:
            with ThreadPoolExecutor(min(self.spec.users_per_process, len(keys))) as threads:
                list(threads.map(read, keys))

    def finish(self) -> tuple[bytes, dict[str, float]]:
        """Wait until all that was due has ended; the samples and the process's counters. Raises CellBroken."""
        cell = self._running()
        self._await_end(cell)
        if isinstance(cell.contender, CachePattern):
            cell.contender.close()
        cell.background.shutdown(wait=True)
        self.cell = None
        self.begun.clear()
        order = cell.order
        samples = self.recorder.take_batch(order.id, order.scenario, order.contender, order.round, self.ahead_ns)
        return samples, self.ruler.account() | cell.warming

    def take_looks(self) -> list[Look]:
        """What the last cell's observer counted: requests in this process at random instants of the window."""
        looks, self._observer = [] if self._observer is None else self._observer.looks, None
        return [(at_ns - self.ahead_ns, count) for at_ns, count in looks]

    def _await_end(self, cell: CellInHand) -> None:
        left_s = (cell.deadline_ns - now_ns()) / 1e9 + GRACE_S
        if not cell.over.wait(left_s):
            open_requests = max(len(cell.requests.due_ns), cell.next_index) - cell.ended
            raise CellBroken(f"{open_requests} requests were still open {GRACE_S:.0f} s after the deadline")
        if cell.wrong:
            raise ContenderWrong(cell.wrong)
        if cell.abandoned:
            raise CellBroken("stopped before its end")

    def abandon(self) -> None:
        """Stop handing out requests; what is being served ends by itself and counts nowhere."""
        cell = self.cell
        if cell is not None:
            cell.next_index = len(cell.requests.due_ns)
            cell.abandoned = True
            cell.over.set()

    def close(self) -> None:
        """Close the pools: without it a Locust process lingers for a minute."""
        self._postgres.close()
        for client in self._redis.values():
            client.close()

    def _running(self) -> CellInHand:
        if self.cell is None:
            raise CellBroken("no cell was prepared")
        return self.cell

    def _perform(self, cell: CellInHand, operation: Operation, key: int) -> Record | Decision | None:
        contender: Any = cell.contender  # a limiter is hit, a pattern is read and written
        if operation == "read":
            return contender.get(key)  # type: ignore[no-any-return]
        if operation == "hit":
            return contender.hit(str(key))  # type: ignore[no-any-return]
        return contender.update(key, changes_for(cell.scenario, key, cell.next_index))  # type: ignore[no-any-return]

    def _checked(
        self, cell: CellInHand, operation: Operation, answer: Record | Decision | None, error: Exception | None
    ) -> Record | Decision | None:
        """The answer, behind the instant at which it was timed. One that no contender may give ends the cell."""
        name = cell.order.contender
        try:
            if error is not None:
                check_error(name, METHODS[operation], error)
            elif operation == "hit":
                check_decision(name, answer)
            else:
                version = cell.checked_version if operation == "read" else None
                check_record(name, METHODS[operation], answer, version)
        except BadAnswer as bad:
            cell.wrong = cell.wrong or str(bad)
            if cell is self.cell:
                self.abandon()
                self.begun.clear()  # its threads have nothing to do until the next cell begins
            return None
        return answer

    def _record(
        self,
        cell: CellInHand,
        client: int,
        operation: str,
        key: int | None,
        due_ns: int,
        free_ns: int | None,
        start_ns: int | None,
        end_ns: int | None,
        error: BaseException | None,
        answer: Record | Decision | None,
        facts: Facts,
    ) -> None:
        if cell is not self.cell:  # left over from a cell that was given up: counted nowhere
            return
        version_read: int | None = None
        decision: tuple[Any, ...] = NO_DECISION
        if answer is not None:
            if isinstance(answer, Decision):
                decision = decided(answer, facts)
            elif cell.version_column and operation in ("read", "rest"):
                version_read = answer.get(cell.version_column)
        self.recorder.keep(
            (
                self.process,
                client,
                operation,
                due_ns < cell.window_start_ns,
                key,
                due_ns,
                free_ns,
                start_ns,
                end_ns,
                None if error is None else type(error).__name__,
                None if error is not None else answer is not None,
                facts.loads,
                facts.load_start_ns,
                facts.load_end_ns,
                facts.commands,
                facts.round_trips,
                facts.distance_ns,
                facts.first_cache_answer,
                version_read,
                facts.version_written,
                facts.commit_start_ns,
                facts.commit_end_ns,
                *decision,
            )
        )

    def _spawn(self, background: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        """Run work in the process's pool. During a cell it gets a sample row of its own."""
        handed_over_ns = now_ns()

        def run() -> None:
            start_ns = now_ns()
            facts = Facts()
            token = current_facts.set(facts)
            error: Exception | None = None
            try:
                work()
            except Exception as raised:  # noqa: BLE001 - as in a request: a fact
                error = raised
            finally:
                current_facts.reset(token)
            cell = self.cell
            if cell is not None and self.begun.is_set():
                self._record(
                    cell, -1, "background", None, handed_over_ns, None, start_ns, now_ns(), error, None, facts
                )  # fmt: skip

        self._spawned.append(background.submit(run))

    def _client(self, settings: ClientSettings) -> redis.Redis:
        """The contender's Redis client, its pool full: a connection made inside a cell would cost it a handshake."""
        if settings not in self._redis:
            self._redis[settings] = ruled_client(self.spec.redis_url, settings, self.ruler, self._connections)
        pool = self._redis[settings].connection_pool
        held = [pool.get_connection() for _ in range(self._connections)]
        for connection in held:
            pool.release(connection)
        return self._redis[settings]

    def _population(self, scenario: ScenarioOrder) -> tuple[Ids, Shares]:
        """The ids that are asked for, most popular first, and their shares of the requests."""
        if scenario.name not in self._populations:
            workload = scenario.workload
            with self._postgres.connection() as connection:
                ids = np.asarray(record_ids(connection, workload), dtype=np.int64)
            if workload.sql is None:
                ids = by_popularity(ids, self.spec.seed)
            ids = ids[: workload.active_records]
            self._populations[scenario.name] = ids, zipf_shares(len(ids), workload.key_skew)
        return self._populations[scenario.name]

    def _serving(self, scenario: ScenarioOrder) -> int:
        """How many processes serve it, this one or others."""
        return min(self.spec.processes, scenario.processes or self.spec.processes)

    def _draw(self, scenario: ScenarioOrder, rng: np.random.Generator) -> Requests:
        workload = scenario.workload
        ids, shares = self._population(scenario)
        serving = self._serving(scenario)
        if self.process >= serving:
            return Requests(due_ns=[], keys=[], operations=[])
        due_ns = due_times_ns(
            workload.arrivals,
            workload.rate_per_s,
            scenario.warm_up_s + scenario.window_s,
            share=self.process,
            shares=serving,
            rng=rng,
        )
        return Requests(
            due_ns=due_ns.tolist(),
            keys=draw_keys(ids, shares, len(due_ns), rng).tolist(),
            operations=["write" if w else "read" for w in rng.random(len(due_ns)) >= workload.read_share],
        )

    def _draw_closed(self, scenario: ScenarioOrder, rng: np.random.Generator) -> tuple[Requests, list[int]]:
        """What closed clients ask, in the order in which they come to it, and how long they think before each."""
        workload = scenario.workload
        ids, shares = self._population(scenario)
        span_s = scenario.warm_up_s + scenario.window_s
        count = 1000 + round(2 * span_s * self.spec.users_per_process / workload.think_s)
        requests = Requests(
            due_ns=[],
            keys=draw_keys(ids, shares, count, rng).tolist(),
            operations=["write" if w else "read" for w in rng.random(count) >= workload.read_share],
        )
        return requests, (rng.exponential(workload.think_s, count) * 1e9).astype(np.int64).tolist()

    def _draw_flood(self, flood: Flood, scenario: ScenarioOrder, seed: int) -> Requests:
        """This process's calls: all are dealt out in turn, so that calls on one tick meet in different processes."""
        due_ns, subjects = flood.calls(scenario.warm_up_s + scenario.window_s, seed)
        mine = slice(self.process, None, self.spec.processes)
        due = due_ns[mine].tolist()
        return Requests(due_ns=due, keys=subjects[mine].tolist(), operations=["hit"] * len(due))

    def _warm(self, pattern: CachePattern, entrant: Entrant, scenario: ScenarioOrder, seed: int) -> None:
        """Read what a cache holds on an ordinary day, each process its share, so that a cell begins in steady state."""
        workload = scenario.workload
        ids, shares = self._population(scenario)
        rng = np.random.default_rng(seed)  # the same in every process: they share one resident set out
        resident = steady_state_keys(ids, shares, workload.rate_per_s * workload.read_share, workload.ttl_s, rng)
        serving = self._serving(scenario)
        mine = resident[self.process :: serving].tolist() if self.process < serving else []

        version = checked_version(entrant, scenario)

        def read(record_id: int) -> None:
            try:
                answer = pattern.get(record_id)
            except Exception as error:  # noqa: BLE001 - what cannot be read now fails in the cell too: recorded there
                check_error(entrant.name, "get", error)
                self.ruler.counts["warm_up_failed"] += 1
            else:
                check_record(entrant.name, "get", answer, version)

        if mine:
            with ThreadPoolExecutor(min(self.spec.users_per_process, len(mine))) as threads:
                list(threads.map(read, mine))

    def _warm_as_it_does(self, pattern: Warms, scenario: ScenarioOrder) -> dict[str, float]:
        """Have the contender warm what is read at least once a TTL, each process its share; what that cost."""
        workload = scenario.workload
        ids, shares = self._population(scenario)
        popular = ids[shares * workload.rate_per_s * workload.read_share * workload.ttl_s >= 1]
        mine = popular[self.process :: self.spec.processes].tolist()
        before, began_ns = self.ruler.counts.copy(), now_ns()
        self.ruler.distance_ns = scenario.distance_ns
        pattern.warm(mine)
        spent = self.ruler.counts - before
        commands = sum(count for name, count in spent.items() if name.startswith("command."))
        return {
            "warming_s": (now_ns() - began_ns) / 1e9,
            "warming.records": float(len(mine)),
            "warming.loads": float(spent["load"]),
            "warming.commands": float(commands),
        }

    def _warm_ruler(self, pattern: CachePattern, scenario: ScenarioOrder) -> None:
        ids, _ = self._population(scenario)
        if isinstance(pattern, Warms):
            pattern.warm(ids[:1].tolist())


DEFAULT_BACKOFF_S = {"base": 0.01, "cap": 1}
"""Between a redis-py 8 client's retries where nobody says otherwise: ten of them last some 4 s on a dead server."""


def ruled_client(url: str, settings: ClientSettings, ruler: Ruler, connections: int) -> redis.Redis:
    """A redis-py client, set as the contender declares, whose connections count."""
    backoff = NoBackoff() if settings.retries == 0 else ExponentialWithJitterBackoff(**DEFAULT_BACKOFF_S)
    pool = redis.ConnectionPool.from_url(
        url,
        connection_class=CONNECTIONS[url.split(":", 1)[0]],
        ruler=ruler,
        max_connections=connections,
        socket_timeout=settings.socket_timeout_s,
        socket_connect_timeout=settings.socket_timeout_s,
        retry=Retry(backoff, settings.retries),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),  # a hosted service's; others refuse it
    )
    return redis.Redis(connection_pool=pool)


def checked_version(entrant: Entrant, scenario: ScenarioOrder) -> str | None:
    """The column that holds the version of each record that is read; None: nothing is versioned, or it is a bound."""
    return None if entrant.kind == "ruler" else scenario.statements["version_column"]


def decided(decision: Decision, facts: Facts) -> tuple[bool, int, int, int, int | None, int | None]:
    """A limiter's decision, and between which instants the server took it, as the columns of a sample."""
    retry_after_ns, reset_after_ns = round(decision.retry_after_s * 1e9), round(decision.reset_after_s * 1e9)
    served = facts.served_start_ns, facts.served_end_ns
    return decision.allowed, decision.remaining, retry_after_ns, reset_after_ns, *served


def changes_for(scenario: ScenarioOrder, key: int, count: int) -> dict[str, Any]:
    """What a write changes: the article's name and email, or the parameters that the user's own SQL may take."""
    if scenario.workload.sql is None:
        return {"name": f"User {key} {count}", "email": f"user{key}.{count}@example.org"}
    return {"text": f"text-{count}", "number": count}
