"""Open arrivals at a web service: each request is sent when it is due, whatever earlier answers take."""

import itertools
import threading
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from stampede.core.models.closed_forms import zipf_shares
from stampede.loadtests.appserver.request_sample import RequestSample, sample_row
from stampede.loadtests.bench.service.calls.http_caller import HttpAnswer, HttpCaller, checked_answer
from stampede.loadtests.bench.service.calls.service_target import ServiceTarget
from stampede.loadtests.instrumentation.clock import Clock, ThreadClock, now_ns
from stampede.loadtests.instrumentation.recorder import Recorder
from stampede.scenarios.traffic.arrivals import due_times_ns
from stampede.scenarios.traffic.key_distributions import draw_keys
from stampede.scenarios.workload import Workload

CLIENTS = 64
"""The most requests in flight at a time. A request that finds no free client is sent late, and its response time counts
from when it was due."""
VERSION = "version"
"""The column under which a sample's record holds the version of an answer."""
FIRST_NUMBER = 1_000


@dataclass(frozen=True, kw_only=True)
class DrawnCalls:
    """The requests of one cell, in the order in which they are due."""

    due_ns: list[int]
    """From the beginning of the warm-up."""
    positions: list[int]
    operations: list[Literal["read", "write"]]


def draw_calls(workload: Workload, ids: int, span_s: float, seed: int) -> DrawnCalls:
    """Draw the requests of a cell: the same ones for the same seed, whatever service gets them."""
    rng = np.random.default_rng([seed, 0])
    due_ns = due_times_ns(workload.arrivals, workload.rate_per_s, span_s, share=0, shares=1, rng=rng)
    count = min(ids, workload.active_records or ids)
    positions = draw_keys(np.arange(count), zipf_shares(count, workload.key_skew), len(due_ns), rng)
    writes = rng.random(len(due_ns)) >= workload.read_share
    return DrawnCalls(
        due_ns=due_ns.tolist(),
        positions=positions.tolist(),
        operations=["write" if write else "read" for write in writes],
    )


class ServiceLoad:
    """The clients of one cell. Each takes the next due request, waits for its due time and sends it."""

    def __init__(self, target: ServiceTarget, calls: DrawnCalls, first_number: int, clients: int = CLIENTS) -> None:
        """`first_number`: writes use this number and the following ones."""
        self.target = target
        self.calls = calls
        self.recorder = Recorder()
        self._clients = min(clients, max(1, len(calls.due_ns)))
        self._next = itertools.count()
        self._numbers = itertools.count(first_number)
        self._clock: Clock = ThreadClock()
        self._stopped = threading.Event()

    def run(self, begin_ns: int, window_start_ns: int, deadline_ns: int) -> None:
        """Send every request and keep its sample. Returns when all have ended, or the deadline has passed."""
        self.begin_ns, self.window_start_ns, self.deadline_ns = begin_ns, window_start_ns, deadline_ns
        threads = [threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(self._clients)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            self._stopped.set()
            raise

    def _client(self, number: int) -> None:
        caller = HttpCaller(self.target)
        try:
            while not self._stopped.is_set():
                index = next(self._next)
                if index >= len(self.calls.due_ns):
                    return
                self._serve(caller, index, number)
        finally:
            caller.close()

    def _serve(self, caller: HttpCaller, index: int, client: int) -> None:
        due_ns = self.begin_ns + self.calls.due_ns[index]
        operation, position = self.calls.operations[index], self.calls.positions[index]
        sample = RequestSample(client, operation, position, due_ns, now_ns())
        self._clock.wait_until(due_ns)
        answer: HttpAnswer | None = None
        began_ns = sample.start_ns = now_ns()
        if began_ns >= self.deadline_ns:
            sample.start_ns, sample.error = None, TimeoutError("no client was free before the deadline")
        else:
            try:
                number = next(self._numbers) if operation == "write" else 0
                answer = caller.write(position, number) if operation == "write" else caller.read(position)
            except Exception as raised:  # noqa: BLE001 - it is recorded with the request
                sample.error = raised
            sample.end_ns = now_ns()
        self._classify(sample, answer)
        self.recorder.keep(sample_row(sample, 0, self.window_start_ns, VERSION if self.target.version_path else None))

    def _classify(self, sample: RequestSample, answer: HttpAnswer | None) -> None:
        """Note what an answer says, after its end was timed."""
        if answer is None:
            return
        try:
            checked = checked_answer(answer)
            if checked is None:
                return
            record: dict[str, Any] = {}
            if self.target.version_path:
                record[VERSION] = self.target.version_of(checked.decoded())
            sample.answer = record
        except Exception as raised:  # noqa: BLE001 - an answer that is no success, or not JSON
            sample.error = raised
            return
        if sample.operation == "write":
            facts = sample.facts
            facts.version_written = record.get(VERSION)
            facts.commit_start_ns, facts.commit_end_ns = sample.start_ns, sample.end_ns
