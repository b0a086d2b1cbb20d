"""The state of a cell while it runs in one process."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from stampede.loadtests.appserver.request_drawing import Operation, Requests, changes_for
from stampede.loadtests.locustfiles.run_config import CellPlan, ScenarioPlan
from stampede.patterns.caching.cache_pattern import CachePattern, Record
from stampede.patterns.rate_limiting.rate_limiter import Decision, RateLimiter
from stampede.scenarios.traffic.population import Population


class Unanswered(Exception):
    """The deadline passed before a thread was free for the request."""


@dataclass(kw_only=True)
class ActiveCell:
    """A cell that is prepared or running."""

    plan: CellPlan
    scenario: ScenarioPlan
    requests: Requests
    patterns: Sequence[CachePattern] = ()
    """The caching contender, once for each query. Empty: the cell is a limiter's."""
    limiter: RateLimiter | None = None
    population: Population | None = None
    """The records that the queries request. None: the cell is a limiter's."""
    background: ThreadPoolExecutor
    warming: dict[str, float] = field(default_factory=dict)
    """The cost of warming a cold cache before the first request, as counters of this process."""
    think_times_ns: list[int] = field(default_factory=list)
    """Think times of closed clients, in the order of their requests; empty for open arrivals."""
    retired: set[int] = field(default_factory=set)
    """Closed clients that send no more requests in this cell."""
    label: str = ""
    """The name of its requests in Locust."""
    version_columns: Sequence[str | None] = (None,)
    """The column of each query that holds its records' version. None: freshness is not judged."""
    begin_ns: int = 0
    window_start_ns: int = 0
    window_end_ns: int = 0
    deadline_ns: int = 0
    next_index: int = 0
    answered: int = 0
    ended: int = 0
    """Requests that were answered or given up, and recorded."""
    abandoned: bool = False
    in_progress: int = 0
    """Requests that a thread has started and not finished."""
    checked_versions: Sequence[str | None] = (None,)
    """The column of each query in which each record read must hold a version; None: versions are not checked."""
    wrong: str = ""
    """The first invalid answer of the contender, in one line; empty: there was none."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set once all due requests have ended."""

    def query_at(self, position: int) -> int:
        """The number of the query that requests a position. 0 for a limiter's subject."""
        return 0 if self.population is None else self.population.query_at(position)

    def perform(self, operation: Operation, position: int, query: int) -> Record | Decision | None:
        """Make one request of the contender. `query`: the number of the query that requests the position."""
        if self.limiter is not None:
            return self.limiter.hit(str(position))
        if operation == "read":
            return self.read(position, query)
        assert self.population is not None
        changes = changes_for(self.scenario, position, self.next_index)
        return self.patterns[query].update(self.population.record_id(position), changes)

    def read(self, position: int, query: int) -> Record | None:
        """Read a record through the contender of its query."""
        assert self.population is not None
        return self.patterns[query].get(self.population.record_id(position))

    def set_begin(self, begin_ns: int) -> None:
        """Set the instant from which due times count, by this machine's clock, and the instants derived from it."""
        self.begin_ns = begin_ns
        self.window_start_ns = begin_ns + round(self.scenario.warm_up_s * 1e9)
        self.window_end_ns = self.window_start_ns + round(self.scenario.window_s * 1e9)
        self.deadline_ns = self.window_end_ns + round(self.scenario.drain_s * 1e9)

    def retire(self, client: int, clients: int) -> None:
        """Note that this closed client sends no more requests. The cell is over once all `clients` have retired."""
        self.retired.add(client)
        if len(self.retired) == clients:
            self.over.set()

    def abandon(self) -> None:
        """Hand out no more requests."""
        self.next_index = len(self.requests.due_ns)
        self.abandoned = True
        self.over.set()
