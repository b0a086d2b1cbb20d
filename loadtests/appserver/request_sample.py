"""The sample of one request, and its row in the samples table.

The row is a plain tuple: a record with named fields took 1 to 5 µs more per request to build. `sample_row` is the one
place that orders its columns.
"""

from collections.abc import Callable
from typing import Any

from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.meters import RequestFacts, current_facts
from stampede.loadtests.instrumentation.recorder import Row
from stampede.patterns.caching.cache_pattern import Record
from stampede.patterns.rate_limiting.rate_limiter import Decision

NO_DECISION = (None, None, None, None, None, None)
"""The columns of a rate limiter's decision, in a row without one."""
NO_CLIENT = -1
"""The client number of background work and of reads after the drain, which belong to no client."""


class RequestSample:
    """A request or a piece of background work while it is served. Instants are in ns, by this machine's clock."""

    __slots__ = (
        "answer",
        "client",
        "due_ns",
        "end_ns",
        "error",
        "facts",
        "operation",
        "position",
        "start_ns",
        "thread_free_ns",
    )

    def __init__(
        self, client: int, operation: str, position: int | None, due_ns: int, thread_free_ns: int | None = None
    ) -> None:
        """`operation`: read, write, hit, rest (a read after the drain) or background. `position`: of the record in its
        scenario's population.

        `thread_free_ns`: when a thread became free for it.
        """
        self.client = client
        self.operation = operation
        self.position = position
        self.due_ns = due_ns
        self.thread_free_ns = thread_free_ns
        self.start_ns = thread_free_ns
        """When its service began; None: no thread was free before the deadline."""
        self.end_ns: int | None = None
        self.error: Exception | None = None
        self.answer: Record | Decision | None = None
        self.facts = RequestFacts()
        """What the meters record of it."""
        self.facts.position = position

    def run(self, work: Callable[[], Record | None]) -> int:
        """Run work outside the serving loop and keep its instants, answer and error. Returns the instant it began."""
        token = current_facts.set(self.facts)
        self.start_ns = began_ns = now_ns()
        try:
            self.answer = work()
        except Exception as raised:  # noqa: BLE001 - a driver's exception is recorded
            self.error = raised
        finally:
            self.end_ns = now_ns()
            current_facts.reset(token)
        return began_ns


def sample_row(sample: RequestSample, process: int, window_start_ns: int, version_column: str | None) -> Row:
    """The row of a sample: the columns of `stampede.loadtests.instrumentation.recorder.ROW_COLUMNS`, in that order.

    `version_column`: the record's version column, if freshness is judged.
    """
    facts, answer, error = sample.facts, sample.answer, sample.error
    version_read: int | None = None
    decision: tuple[Any, ...] = NO_DECISION
    if answer is not None:
        if isinstance(answer, Decision):
            decision = decision_columns(answer, facts)
        elif version_column and sample.operation in ("read", "rest"):
            version_read = answer.get(version_column)
    return (
        process,
        sample.client,
        sample.operation,
        sample.due_ns < window_start_ns,  # warm_up
        sample.position,  # key
        sample.due_ns,
        sample.thread_free_ns,
        sample.start_ns,
        sample.end_ns,
        None if error is None else type(error).__name__,  # error
        None if error is not None else answer is not None,  # found
        facts.loads,
        facts.load_start_ns,
        facts.load_end_ns,
        facts.commands,
        facts.round_trips,
        facts.simulated_rtt_ns,
        facts.first_cache_reply,
        version_read,
        facts.version_written,
        facts.commit_start_ns,
        facts.commit_end_ns,
        *decision,  # allowed, remaining, retry_after_ns, reset_after_ns, served_start_ns, served_end_ns
    )


def decision_columns(decision: Decision, facts: RequestFacts) -> tuple[bool, int, int, int, int | None, int | None]:
    """A limiter's decision, and the two instants between which the server made it, as the columns of a sample."""
    retry_after_ns, reset_after_ns = round(decision.retry_after_s * 1e9), round(decision.reset_after_s * 1e9)
    served = facts.served_start_ns, facts.served_end_ns
    return decision.allowed, decision.remaining, retry_after_ns, reset_after_ns, *served
