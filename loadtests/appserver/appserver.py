"""The application server of one process: its pools, its contender, and one list of due requests for all its threads.

It does not depend on Locust: its threads call `serve_next` in a loop. Each thread takes the next due request, waits for
its due time and serves it. No request is dropped: if no thread is free for it, it starts late.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np

from stampede.core.errors import BadAnswer, CellBroken, ContenderWrong
from stampede.loadtests.appserver.active_cell import ActiveCell, Unanswered
from stampede.loadtests.appserver.inflight_sampler import InflightSample, InflightSampler
from stampede.loadtests.appserver.redis_clients import RedisClients
from stampede.loadtests.appserver.request_drawing import (
    Operation,
    Populations,
    draw_flood,
    draw_requests,
    ids_account,
)
from stampede.loadtests.appserver.request_sample import NO_CLIENT, RequestSample, sample_row
from stampede.loadtests.appserver.warmup import Fill, WarmUp, checked_versions
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.instrumentation.clock import Clock, now_ns
from stampede.loadtests.instrumentation.meters import Meter, current_facts
from stampede.loadtests.instrumentation.record_access import RecordAccess
from stampede.loadtests.instrumentation.recorder import Recorder
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan
from stampede.patterns.answer_checks import check_decision, check_error, check_record
from stampede.patterns.caching.cache_pattern import CachePattern, Context, Record, SupportsWarmUp
from stampede.patterns.rate_limiting.rate_limiter import Decision, RateLimiter
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.scenarios.traffic.population import Population
from stampede.stack.postgres.source import open_pool

BACKGROUND_WORKERS = 4
"""The size of the pool for a pattern's background work: one application server runs this many refreshes at a time."""
GRACE_S = 30.0
"""How long a cell waits for open requests after its deadline, so that counts stay complete, before it fails."""
BROKEN_CELL_WAIT_S = 10.0
"""How long the next cell waits for requests that are still running in a broken cell."""

FILLED_FOR_S = 3600.0
"""The least TTL of entries while they are made for all cells of a run."""

MAX_OVERDUE = 16
"""A thread serves up to this many overdue requests before it returns control to Locust."""

METHODS: Mapping[Operation, str] = {"read": "get", "write": "update", "hit": "hit"}  # the contender's
ReportRequest = Callable[[Operation, float, Exception | None], None]
"""(operation, response time in ms, error): reports a request to Locust."""


class AppServer:
    """Prepares a cell, serves its requests and returns its samples."""

    def __init__(self, config: RunConfig, process: int, clock: Clock) -> None:
        self.config = config
        self.process = process
        self.clock = clock
        self.ahead_ns = 0
        """How far this machine's clock is ahead of the bench's machine's; 0 if they are the same machine."""
        self.meter = Meter(clock)
        self.meter.watch_gc()
        self.recorder = Recorder()
        self.begun = threading.Event()
        self.cell: ActiveCell | None = None
        self._inflight_sampler: InflightSampler | None = None
        self._spawned: list[Future[None]] = []
        connections = config.users_per_process + BACKGROUND_WORKERS
        self._postgres = open_pool(config.postgres_url, connections, config.scenarios[0].session)
        self._redis = RedisClients(config.redis_url, self.meter, connections)
        self._populations = Populations(self._postgres.connection, config.seed, config.postgres_url)
        self._records = RecordAccess(config, self._postgres, self.meter, connections, self._stop_serving)
        self._warm_up = WarmUp(config, process, self.meter, self._populations)

    def prepare(self, plan: CellPlan, fill: Fill = "residents") -> dict[str, float]:
        """Make the contender, open its connections and warm the cache. Returns the process's counters after that."""
        self._await_broken_cell()
        scenario = self.config.scenario(plan.scenario)
        contender_spec = self.config.contender_spec(plan.contender)
        rng = np.random.default_rng([plan.seed, self.process])
        background = ThreadPoolExecutor(BACKGROUND_WORKERS)
        self._spawned.clear()
        self.meter.simulated_rtt_ns = 0
        limiter: RateLimiter | None = None
        population: Population | None = None
        patterns: list[CachePattern] = []
        warming: dict[str, float] = {}
        think_times_ns: list[int] = []
        if scenario.flood is None:
            if fill == "candidates":
                self._fill_candidates(scenario, contender_spec, background, plan.seed)
            patterns = self._patterns(scenario, contender_spec, background, rng)
            self._warm(patterns, contender_spec, scenario, fill, plan.seed)
            requests, think_times_ns = draw_requests(self.config, self.process, scenario, self._populations, rng)
            population = self._populations.population(scenario)
            if scenario.cold and all(isinstance(pattern, SupportsWarmUp) for pattern in patterns):
                warming = self._warm_up.fill_cold(patterns, scenario)
        else:
            limiter = self._limiter(scenario.flood, contender_spec)
            requests = draw_flood(self.config, self.process, scenario.flood, scenario, plan.seed)
        self._records.require_cacheable()
        self.meter.simulated_rtt_ns = scenario.simulated_rtt_ns
        self.begun.clear()
        self.cell = ActiveCell(
            plan=plan,
            scenario=scenario,
            requests=requests,
            think_times_ns=think_times_ns,
            patterns=patterns,
            limiter=limiter,
            population=population,
            background=background,
            warming=warming,
            label=f"{plan.scenario} {plan.contender}",
            version_columns=[query.version_column for query in scenario.queries],
            checked_versions=checked_versions(contender_spec, scenario),
        )
        return self.meter.account() | ids_account(scenario, population)

    def _patterns(
        self,
        scenario: ScenarioPlan,
        contender_spec: ContenderSpec,
        background: ThreadPoolExecutor,
        rng: np.random.Generator,
        least_ttl_s: float = 0.0,
    ) -> list[CachePattern]:
        """Make a caching contender with open connections for each query, whose entries live at least `least_ttl_s`.

        Its loads cost nothing until `_warm` has filled the cache.
        """
        pattern_type = contender_spec.pattern()
        patterns = []
        for query in scenario.queries:
            context = Context(
                redis=self._redis.client(pattern_type.client),
                source=self._records.database(scenario, query),
                serializer=self._records.serializer(scenario, query, baseline=contender_spec.kind == "baseline"),
                now=lambda: (now_ns() - self.ahead_ns) / 1e9,
                sleep=lambda seconds: self.clock.wait_until(now_ns() + round(seconds * 1e9)),
                spawn=lambda work: self._spawn(background, work),
                rng=random.Random(int(rng.integers(2**63))),
            )
            settings = contender_spec.configured(max(query.ttl_s, least_ttl_s), self.config.key_prefix, query.entity)
            patterns.append(pattern_type(context, settings))
        return patterns

    def _fill_candidates(
        self, scenario: ScenarioPlan, contender_spec: ContenderSpec, background: ThreadPoolExecutor, seed: int
    ) -> None:
        """Make the entries of all cells of the run through a pattern of their own."""
        rng = np.random.default_rng([seed, self.process])
        patterns = self._patterns(scenario, contender_spec, background, rng, FILLED_FOR_S)
        self._warm_up.read_entries(patterns, contender_spec, scenario, "candidates", seed)
        for pattern in patterns:
            pattern.close()

    def _warm(
        self,
        patterns: Sequence[CachePattern],
        contender_spec: ContenderSpec,
        scenario: ScenarioPlan,
        fill: Fill,
        seed: int,
    ) -> None:
        """Fill the cache as the scenario says, then give loads their cost. A cold scenario begins with no entry."""
        if contender_spec.kind == "baseline":
            self._warm_up.fill_baseline(patterns, scenario)
        elif fill == "residents" and not scenario.cold:
            self._warm_up.read_entries(patterns, contender_spec, scenario, fill, seed)
        self._records.charge()

    def _limiter(self, flood: Flood, contender_spec: ContenderSpec) -> RateLimiter:
        """Make a rate limiter with open connections and its script loaded into the server. It uses the wall clock."""
        limiter_type = contender_spec.limiter()
        client = self._redis.client(limiter_type.client)
        limiter = limiter_type(client, contender_spec.limited(flood, self.config.key_prefix), time.time)
        self._warm_up.hit_once(limiter, contender_spec)
        return limiter

    def _await_broken_cell(self) -> None:
        """Wait for the requests of a broken cell to end: they hold connections that the next cell needs."""
        cell = self.cell
        if cell is None:
            return
        self.abandon()
        cell.background.shutdown(wait=False, cancel_futures=True)
        wait(self._spawned, timeout=BROKEN_CELL_WAIT_S)
        until_ns = now_ns() + round(BROKEN_CELL_WAIT_S * 1e9)
        while cell.in_progress and now_ns() < until_ns:
            self.clock.wait_until(now_ns() + 1_000_000)

    def begin(self, begin_ns: int) -> None:
        """Set the instant, by the bench's clock, from which due times count."""
        cell = self._running()
        cell.set_begin(begin_ns + self.ahead_ns)
        if not cell.requests.due_ns and not cell.think_times_ns:
            cell.over.set()
        elif not cell.think_times_ns:
            self._inflight_sampler = InflightSampler(cell, cell.requests.due_ns, cell.plan.seed + self.process)
            self._inflight_sampler.start()
        self.begun.set()

    def serve_next(self, client: int, report: ReportRequest) -> None:
        """Take the next due request, wait for its due time, serve it and record its sample.

        If further requests are overdue then, serve up to MAX_OVERDUE of them without returning to Locust in between.
        """
        cell = self.cell
        if cell is None or not self.begun.is_set():
            self.begun.wait(0.2)
            return
        if cell.think_times_ns:
            self._serve_closed(cell, client, report)
            return
        if cell.next_index >= len(cell.requests.due_ns):
            cell.over.wait(0.02)
            return
        self._serve_one(cell, client, report)
        for _ in range(MAX_OVERDUE - 1):
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
        """Think, then send a request, which is due at once. A client whose next request would fall after the window
        stops."""
        if client in cell.retired:
            cell.over.wait(0.02)
            return
        index = cell.next_index % len(cell.think_times_ns)
        due_ns = max(now_ns(), cell.begin_ns) + cell.think_times_ns[index]
        if due_ns >= cell.window_end_ns or cell.abandoned:
            cell.retire(client, self.config.users_per_process)
            return
        cell.next_index += 1
        self._serve(cell, index, due_ns, client, report)

    def _serve(self, cell: ActiveCell, index: int, due_ns: int, client: int, report: ReportRequest) -> None:
        """Wait until a request is due, serve it and record its sample."""
        cell.in_progress += 1
        operation, position = cell.requests.operations[index], cell.requests.positions[index]
        query = cell.query_at(position)
        thread_free_ns = now_ns()
        sample = RequestSample(client, operation, position, due_ns, thread_free_ns)
        if due_ns > thread_free_ns:
            self.clock.wait_until(due_ns)
            sample.start_ns = now_ns()
        if thread_free_ns >= cell.deadline_ns or cell.wrong:
            sample.start_ns = None
            sample.error = Unanswered("no thread was free before the deadline")
        else:
            token = current_facts.set(sample.facts)
            try:
                sample.answer = cell.perform(operation, position, query)
            except Exception as raised:  # noqa: BLE001 - a driver's exception is recorded with the request
                sample.error = raised
            finally:
                sample.end_ns = now_ns()
                cell.answered += 1
                current_facts.reset(token)
        sample.answer = self._check_answer(cell, operation, sample, query)
        self._record(cell, sample, query)
        report(operation, ((sample.end_ns or now_ns()) - due_ns) / 1e6, sample.error)
        cell.ended += 1
        cell.in_progress -= 1

    @property
    def checks_after_drain(self) -> bool:
        """Whether the cell is also checked after the drain: then `settle` is called before `finish`."""
        return self._running().scenario.check_after_drain

    def settle(self) -> list[int]:
        """Wait until all due requests and all background work have ended. Returns the positions that were written.
        Raises CellBroken."""
        cell = self._running()
        self._await_end(cell)
        wait(self._spawned)
        requests = cell.requests
        return sorted({p for p, o in zip(requests.positions, requests.operations, strict=True) if o == "write"})

    def read_after_drain(self, positions: list[int]) -> None:
        """Read each of the records once more after the drain: an old value that is read now would stay in the cache."""
        cell = self._running()
        assert cell.population is not None

        def read(position: int) -> None:
            query = cell.query_at(position)
            sample = RequestSample(NO_CLIENT, "rest", position, now_ns())
            sample.due_ns = sample.thread_free_ns = sample.run(lambda: cell.read(position, query))
            sample.answer = self._check_answer(cell, "read", sample, query)
            self._record(cell, sample, query)

        if positions:
            with ThreadPoolExecutor(min(self.config.users_per_process, len(positions))) as threads:
                list(threads.map(read, positions))

    def finish(self) -> tuple[bytes, dict[str, float]]:
        """Wait until all due requests have ended. Returns the samples and the process's counters. Raises CellBroken."""
        cell = self._running()
        self._await_end(cell)
        for pattern in cell.patterns:
            pattern.close()
        cell.background.shutdown(wait=True)
        self.cell = None
        self.begun.clear()
        plan = cell.plan
        samples = self.recorder.take_batch(plan.id, plan.scenario, plan.contender, plan.round, self.ahead_ns)
        return samples, self.meter.account() | cell.warming

    def take_inflight_samples(self) -> list[InflightSample]:
        """The in-flight samples of the last cell: requests in this process at random instants of the window."""
        samples, self._inflight_sampler = [] if self._inflight_sampler is None else self._inflight_sampler.samples, None
        return [(at_ns - self.ahead_ns, count) for at_ns, count in samples]

    def _await_end(self, cell: ActiveCell) -> None:
        left_s = (cell.deadline_ns - now_ns()) / 1e9 + GRACE_S
        if not cell.over.wait(left_s):
            open_requests = max(len(cell.requests.due_ns), cell.next_index) - cell.ended
            raise CellBroken(f"{open_requests} requests were still open {GRACE_S:.0f} s after the deadline")
        self._records.require_cacheable()
        if cell.wrong:
            raise ContenderWrong(cell.wrong)
        if cell.abandoned:
            raise CellBroken("stopped before its end")

    def abandon(self) -> None:
        """Serve no more requests. Requests that are running end by themselves and are not recorded."""
        if self.cell is not None:
            self.cell.abandon()

    def _stop_serving(self) -> None:
        """End the cell at once. The threads wait until the next cell begins."""
        self.abandon()
        self.begun.clear()

    def close(self) -> None:
        """Close the pools: otherwise a Locust process takes a minute to exit."""
        self._records.close()
        self._postgres.close()
        self._redis.close()

    def _running(self) -> ActiveCell:
        if self.cell is None:
            raise CellBroken("no cell was prepared")
        return self.cell

    def _check_answer(
        self, cell: ActiveCell, operation: Operation, sample: RequestSample, query: int
    ) -> Record | Decision | None:
        """Check an answer after its end was timed. An invalid answer ends the cell."""
        name, answer, error = cell.plan.contender, sample.answer, sample.error
        try:
            if error is not None:
                check_error(name, METHODS[operation], error)
            elif operation == "hit":
                check_decision(name, answer)
            else:
                version = cell.checked_versions[query] if operation == "read" else None
                check_record(name, METHODS[operation], answer, version)
        except BadAnswer as bad:
            cell.wrong = cell.wrong or str(bad)
            if cell is self.cell:
                self._stop_serving()
            return None
        return answer

    def _record(self, cell: ActiveCell, sample: RequestSample, query: int = 0) -> None:
        """Keep a sample. Samples of an abandoned cell are dropped."""
        if cell is self.cell:
            self.recorder.keep(sample_row(sample, self.process, cell.window_start_ns, cell.version_columns[query]))

    def _spawn(self, background: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        """Run background work in the process's pool. During a cell it has its own row in the samples."""
        handed_over_ns, facts = now_ns(), current_facts.get()
        position = None if facts is None else facts.position

        def run() -> None:
            sample = RequestSample(NO_CLIENT, "background", position, handed_over_ns)
            sample.run(work)
            cell = self.cell
            if cell is not None and self.begun.is_set():
                self._record(cell, sample)

        self._spawned.append(background.submit(run))
