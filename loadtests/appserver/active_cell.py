"""A cell while it runs in one process, and how it can fail."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from stampede.loadtests.appserver.request_drawing import Requests
from stampede.loadtests.locustfiles.run_config import CellPlan, ScenarioPlan
from stampede.patterns.caching.cache_pattern import CachePattern
from stampede.patterns.rate_limiting.rate_limiter import RateLimiter


class Unanswered(Exception):
    """The deadline passed before a thread was free for the request."""


@dataclass(kw_only=True)
class ActiveCell:
    """A cell while it runs."""

    order: CellPlan
    scenario: ScenarioPlan
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

    def set_begin(self, begin_ns: int) -> None:
        """Set the instant from which due times count, by this machine's clock, and those that follow from it."""
        self.begin_ns = begin_ns
        self.window_start_ns = begin_ns + round(self.scenario.warm_up_s * 1e9)
        self.window_end_ns = self.window_start_ns + round(self.scenario.window_s * 1e9)
        self.deadline_ns = self.window_end_ns + round(self.scenario.drain_s * 1e9)

    def retire(self, client: int, clients: int) -> None:
        """This closed client asks no more. The cell is over once all `clients` of the process have retired."""
        self.retired.add(client)
        if len(self.retired) == clients:
            self.over.set()

    def abandon(self) -> None:
        """Hand out no more requests."""
        self.next_index = len(self.requests.due_ns)
        self.abandoned = True
        self.over.set()
