"""One process's application server: its pools, its contender, and one list of due requests that its threads share.

It does not depend on Locust: its threads call `serve_next` again and again. Each thread takes the next due request,
waits for its due time and serves it. No request is dropped: one for which no thread is free begins late.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from stampede.core.errors import BadAnswer, CellBroken, ContenderWrong
from stampede.loadtests.appserver.active_cell import ActiveCell, Unanswered
from stampede.loadtests.appserver.inflight_sampler import InflightSampler, Look
from stampede.loadtests.appserver.redis_clients import RedisClients
from stampede.loadtests.appserver.request_drawing import (
    Operation,
    Populations,
    changes_for,
    draw_flood,
    draw_requests,
)
from stampede.loadtests.appserver.request_sample import NO_CLIENT, RequestSample, sample_row
from stampede.loadtests.appserver.warmup import WarmUp, checked_version
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.instrumentation.clock import Clock, now_ns
from stampede.loadtests.instrumentation.meters import Meter, MeteredSource, current_facts
from stampede.loadtests.instrumentation.recorder import Recorder
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan
from stampede.patterns.answer_checks import check_decision, check_error, check_record
from stampede.patterns.caching.cache_pattern import CachePattern, Context, Record, SupportsWarmUp
from stampede.patterns.rate_limiting.rate_limiter import Decision, RateLimiter
from stampede.patterns.serialization.json import Json
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.stack.postgres.source import PostgresSource, Statements, open_pool

BACKGROUND_WORKERS = 4
"""Size of the pool that runs what a pattern spawns: what one application server refreshes at a time."""
GRACE_S = 30.0
"""How long after its deadline a cell waits for what is still open, so that counts stay whole, before it is void."""
LEAVE_S = 10.0
"""How long the next cell waits for what is still under way in one that broke."""

IN_A_TURN = 16
"""Requests that a thread serves before control returns to Locust, while they are overdue."""

METHODS: Mapping[Operation, str] = {"read": "get", "write": "update", "hit": "hit"}
"""The contender's method of each operation."""
ReportRequest = Callable[[Operation, float, Exception | None], None]
"""(operation, response time in ms, error): reports a request to Locust."""


class AppServer:
    """Prepares a cell, serves it, hands over its samples."""

    def __init__(self, spec: RunConfig, process: int, clock: Clock) -> None:
        self.spec = spec
        self.process = process
        self.clock = clock
        self.ahead_ns = 0
        """How far this machine's clock is ahead of the bench's, where that is another's."""
        self.ruler = Meter(clock)
        self.ruler.watch_gc()
        self.recorder = Recorder()
        self.begun = threading.Event()
        self.cell: ActiveCell | None = None
        self._observer: InflightSampler | None = None
        self._spawned: list[Future[None]] = []
        connections = spec.users_per_process + BACKGROUND_WORKERS
        self._postgres = open_pool(spec.postgres_url, connections, spec.scenarios[0].statements["session"])
        self._redis = RedisClients(spec.redis_url, self.ruler, connections)
        self._populations = Populations(self._postgres, spec.seed)
        self._warm_up = WarmUp(spec, process, self.ruler, self._populations)

    def prepare(self, order: CellPlan) -> dict[str, float]:
        """Build the contender, warm its connections and the cache; the process's counters as they then stand."""
        self._leave_broken()
        scenario = self.spec.scenario(order.scenario)
        contender_spec = self.spec.contender_spec(order.contender)
        rng = np.random.default_rng([order.seed, self.process])
        background = ThreadPoolExecutor(BACKGROUND_WORKERS)
        self._spawned.clear()
        self.ruler.simulated_rtt_ns = 0
        contender: CachePattern | RateLimiter
        warming: dict[str, float] = {}
        thinks_ns: list[int] = []
        if scenario.flood is None:
            pattern = contender = self._pattern(scenario, contender_spec, background, rng)
            self._warm(pattern, contender_spec, scenario, order.seed)
            requests, thinks_ns = draw_requests(self.spec, self.process, scenario, self._populations, rng)
            if scenario.cold and isinstance(pattern, SupportsWarmUp):
                warming = self._warm_up.fill_cold(pattern, scenario)
        else:
            contender = self._limiter(scenario.flood, contender_spec)
            requests = draw_flood(self.spec, self.process, scenario.flood, scenario, order.seed)
        self.ruler.simulated_rtt_ns = scenario.simulated_rtt_ns
        self.begun.clear()
        self.cell = ActiveCell(
            order=order,
            scenario=scenario,
            requests=requests,
            thinks_ns=thinks_ns,
            contender=contender,
            background=background,
            warming=warming,
            label=f"{order.scenario} {order.contender}",
            version_column=scenario.statements["version_column"],
            checked_version=checked_version(contender_spec, scenario),
        )
        return self.ruler.account()

    def _pattern(
        self,
        scenario: ScenarioPlan,
        contender_spec: ContenderSpec,
        background: ThreadPoolExecutor,
        rng: np.random.Generator,
    ) -> CachePattern:
        """A caching contender, its connections open."""
        pattern_type = contender_spec.pattern()
        statements = Statements(**scenario.statements)
        context = Context(
            redis=self._redis.client(pattern_type.client),
            source=MeteredSource(PostgresSource(self._postgres, statements), self.ruler, statements.version_column),
            serializer=Json(),
            now=lambda: (now_ns() - self.ahead_ns) / 1e9,
            sleep=lambda seconds: self.clock.wait_until(now_ns() + round(seconds * 1e9)),
            spawn=lambda work: self._spawn(background, work),
            rng=random.Random(int(rng.integers(2**63))),
        )
        return pattern_type(context, contender_spec.configured(scenario.workload.ttl_s, self.spec.key_prefix))

    def _warm(self, pattern: CachePattern, contender_spec: ContenderSpec, scenario: ScenarioPlan, seed: int) -> None:
        """Fill the cache as the scenario says: nothing where it begins cold."""
        if contender_spec.kind == "baseline":
            self._warm_up.fill_baseline(pattern, scenario)
        elif not scenario.cold:
            self._warm_up.read_residents(pattern, contender_spec, scenario, seed)

    def _limiter(self, flood: Flood, contender_spec: ContenderSpec) -> RateLimiter:
        """A rate limiter, its connections warm and its script known to the server. It uses the wall clock."""
        limiter_type = contender_spec.limiter()
        client = self._redis.client(limiter_type.client)
        limiter = limiter_type(client, contender_spec.limited(flood, self.spec.key_prefix), time.time)
        self._warm_up.hit_once(limiter, contender_spec)
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
        cell.set_begin(begin_ns + self.ahead_ns)
        if not cell.requests.due_ns and not cell.thinks_ns:
            cell.over.set()
        elif not cell.thinks_ns:
            self._observer = InflightSampler(cell, cell.requests.due_ns, cell.order.seed + self.process)
            self._observer.start()
        self.begun.set()

    def serve_next(self, client: int, report: ReportRequest) -> None:
        """Take the next request that will be due, wait for its time, serve it, record its facts.

        Then those that are already due, up to IN_A_TURN: a thread with overdue work need not return to Locust for each.
        """
        cell = self.cell
        if cell is None or not self.begun.is_set():
            self.begun.wait(0.2)
            return
        if cell.thinks_ns:
            self._serve_closed(cell, client, report)
            return
        if cell.next_index >= len(cell.requests.due_ns):
            cell.over.wait(0.02)
            return
        self._serve_one(cell, client, report)
        for _ in range(IN_A_TURN - 1):
            index = cell.next_index
            if index >= len(cell.requests.due_ns) or cell.begin_ns + cell.requests.due_ns[index] > now_ns():
                return
            self._serve_one(cell, client, report)

    def _serve_one(self, cell: ActiveCell, client: int, report: ReportRequest) -> None:
        index = cell.next_index
        cell.next_index = index + 1
        self._serve(cell, index, cell.begin_ns + cell.requests.due_ns[index], client, report)
        if cell.ended == len(cell.requests.due_ns):
            cell.over.set()

    def _serve_closed(self, cell: ActiveCell, client: int, report: ReportRequest) -> None:
        """Think, then ask: the request is due when the client asks. One that would ask after the window retires."""
        if client in cell.retired:
            cell.over.wait(0.02)
            return
        index = cell.next_index % len(cell.thinks_ns)
        due_ns = max(now_ns(), cell.begin_ns) + cell.thinks_ns[index]
        if due_ns >= cell.window_end_ns or cell.abandoned:
            cell.retire(client, self.spec.users_per_process)
            return
        cell.next_index += 1
        self._serve(cell, index, due_ns, client, report)

    def _serve(self, cell: ActiveCell, index: int, due_ns: int, client: int, report: ReportRequest) -> None:
        """Wait until a request is due, serve it, record its facts."""
        cell.under_way += 1
        operation, key = cell.requests.operations[index], cell.requests.keys[index]
        thread_free_ns = now_ns()
        sample = RequestSample(client, operation, key, due_ns, thread_free_ns)
        if due_ns > thread_free_ns:
            self.clock.wait_until(due_ns)
            sample.start_ns = now_ns()
        if thread_free_ns >= cell.deadline_ns or cell.wrong:
            sample.start_ns = None
            sample.error = Unanswered("no thread was free before the deadline")
        else:
            token = current_facts.set(sample.facts)
            try:
                sample.answer = self._perform(cell, operation, key)
            except Exception as raised:  # noqa: BLE001 - a driver's exception inside a request is a fact, and recorded
                sample.error = raised
            finally:
                sample.end_ns = now_ns()
                cell.answered += 1
                current_facts.reset(token)
        sample.answer = self._checked(cell, operation, sample.answer, sample.error)
        self._record(cell, sample)
        report(operation, ((sample.end_ns or now_ns()) - due_ns) / 1e6, sample.error)
        cell.ended += 1
        cell.under_way -= 1

    @property
    def rests(self) -> bool:
        """Whether the cell is checked after the drain as well: it is then settled before it is finished."""
        return self._running().scenario.check_after_drain

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
            sample = RequestSample(NO_CLIENT, "rest", key, now_ns())
            sample.due_ns = sample.thread_free_ns = sample.run(lambda: contender.get(key))
            sample.answer = self._checked(cell, "read", sample.answer, sample.error)
            self._record(cell, sample)

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

    def _await_end(self, cell: ActiveCell) -> None:
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
        if self.cell is not None:
            self.cell.abandon()

    def close(self) -> None:
        """Close the pools: without it a Locust process lingers for a minute."""
        self._postgres.close()
        self._redis.close()

    def _running(self) -> ActiveCell:
        if self.cell is None:
            raise CellBroken("no cell was prepared")
        return self.cell

    def _perform(self, cell: ActiveCell, operation: Operation, key: int) -> Record | Decision | None:
        contender: Any = cell.contender  # a limiter is hit, a pattern is read and written
        if operation == "read":
            return contender.get(key)  # type: ignore[no-any-return]
        if operation == "hit":
            return contender.hit(str(key))  # type: ignore[no-any-return]
        return contender.update(key, changes_for(cell.scenario, key, cell.next_index))  # type: ignore[no-any-return]

    def _checked(
        self, cell: ActiveCell, operation: Operation, answer: Record | Decision | None, error: Exception | None
    ) -> Record | Decision | None:
        """The answer, checked after its end was timed. One that no contender may give ends the cell."""
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

    def _record(self, cell: ActiveCell, sample: RequestSample) -> None:
        """Keep a sample. One of a cell that was given up counts nowhere."""
        if cell is self.cell:
            self.recorder.keep(sample_row(sample, self.process, cell.window_start_ns, cell.version_column))

    def _spawn(self, background: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        """Run work in the process's pool. During a cell it gets a sample row of its own."""
        handed_over_ns = now_ns()

        def run() -> None:
            sample = RequestSample(NO_CLIENT, "background", None, handed_over_ns)
            sample.run(work)
            cell = self.cell
            if cell is not None and self.begun.is_set():
                self._record(cell, sample)

        self._spawned.append(background.submit(run))
