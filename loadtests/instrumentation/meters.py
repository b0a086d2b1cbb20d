"""The rulers below a pattern: a redis-py Connection and a Source that count, time and add the stated distance.

They count twice: per request, into the `RequestFacts` of the context that made it (greenlets and threads have a context each,
and spawned work starts without one, so that a refresh is never billed to a reader), and per process, so that our totals
can be held against the servers' own. The distance is simulated: half before a round trip leaves, half after its answer
came, once a pipeline; it is a stated factor, not a network.
"""

import contextvars
import gc
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import redis
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from stampede.loadtests.instrumentation.clock import Clock, now_ns
from stampede.patterns.caching.cache_pattern import Record, Source, Transaction
from stampede.stack.redis.resp import command_names


class RequestFacts:
    """What one request did, as the rulers saw it. Defaults stand in the class: one is made for every request."""

    loads = 0
    load_start_ns: int | None = None
    load_end_ns: int | None = None
    commands = 0
    round_trips = 0
    simulated_rtt_ns = 0
    served_start_ns: int | None = None
    """When its first round trip left, half the distance behind it."""
    served_end_ns: int | None = None
    """When the last answer was there, half the distance before it."""
    first_cache_reply: str | None = None
    version_written: int | None = None
    commit_start_ns: int | None = None
    commit_end_ns: int | None = None


PAUSE_KEPT_NS = 200_000
"""Shorter garbage collections are counted and not kept one by one."""

current_facts: contextvars.ContextVar[RequestFacts | None] = contextvars.ContextVar("current_facts", default=None)


class Meter:
    """One process's counters, and the distance that it adds to each round trip."""

    def __init__(self, clock: Clock, simulated_rtt_ns: int = 0) -> None:
        self.clock = clock
        self.simulated_rtt_ns = simulated_rtt_ns
        self.counts: Counter[str] = Counter()
        self._gc_began_ns = 0
        self._gc_ns = 0
        self._pauses: list[tuple[int, int, int]] = []

    def watch_gc(self) -> None:
        """Count this process's own garbage collections: they stop every request that it is working on."""
        gc.callbacks.append(self._on_gc)

    def _on_gc(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._gc_began_ns = now_ns()
        else:
            self.counts[f"gc.generation_{info['generation']}"] += 1
            ended_ns = now_ns()
            took_ns = ended_ns - self._gc_began_ns
            self._gc_ns += took_ns
            if took_ns >= PAUSE_KEPT_NS:
                self._pauses.append((ended_ns, info["generation"], took_ns))

    def take_pauses(self) -> list[tuple[int, int, int]]:
        """The longer garbage collections since the last call: when each ended, its generation, how long it took, ns."""
        pauses, self._pauses = self._pauses, []
        return pauses

    def account(self) -> dict[str, float]:
        """The counters as they stand, by the names of the servers table."""
        return {**self.counts, "cpu_s": time.process_time(), "gc.pause_s": self._gc_ns / 1e9}

    @contextmanager
    def round_trip(self) -> Iterator["RoundTrip"]:
        """A round trip that is made inside the block, between the two halves of the distance."""
        trip = RoundTrip(self)
        try:
            yield trip
        finally:
            trip.arrive()


class RoundTrip:
    """Half the distance before, half after. The second half makes up for a late first, so that the sum is as asked."""

    __slots__ = ("_began_ns", "_ruler", "answered_ns", "sent_ns")

    def __init__(self, ruler: Meter) -> None:
        self._ruler = ruler
        self._began_ns = now_ns()
        if ruler.simulated_rtt_ns:
            ruler.clock.wait_until(self._began_ns + ruler.simulated_rtt_ns // 2)
        self.sent_ns = now_ns()
        self.answered_ns = self.sent_ns

    def arrive(self) -> None:
        """The answer is here, at the server's end of the wire; let it travel, then account for the trip."""
        self.answered_ns = now_ns()
        if self._ruler.simulated_rtt_ns:
            served_ns = self.answered_ns - self.sent_ns
            self._ruler.clock.wait_until(self._began_ns + self._ruler.simulated_rtt_ns + served_ns)
        facts = current_facts.get()
        if facts is not None:
            facts.round_trips += 1
            facts.served_end_ns = self.answered_ns
            if facts.served_start_ns is None:
                facts.served_start_ns = self.sent_ns
            if self._ruler.simulated_rtt_ns:
                facts.simulated_rtt_ns += now_ns() - self._began_ns - (self.answered_ns - self.sent_ns)


class Metered(AbstractConnection):
    """What makes a redis-py connection count what leaves it. A client subclass would miss pipelines and handshakes."""

    def __init__(self, *, ruler: Meter, **settings: Any) -> None:
        self._ruler = ruler
        self._trip: RoundTrip | None = None
        self._sent: list[str] = []
        super().__init__(**settings)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        names = command_names(b"".join([command] if isinstance(command, bytes) else command))
        if self._sock is None:  # connecting sends commands of its own, through this method
            self.connect_check_health(check_health=False)
        facts = current_facts.get()
        if facts is not None:
            facts.commands += len(names)
        for name in names:
            self._ruler.counts[f"command.{name}"] += 1
        self._sent = names
        self._trip = RoundTrip(self._ruler)
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **settings: Any) -> Any:
        try:
            reply = super().read_response(*args, **settings)
        except redis.RedisError as error:
            self._arrive()
            if is_unknown(error) and len(self._sent) == 1:  # the server counts what it knows: neither do we
                self._ruler.counts[f"command.{self._sent[0]}"] -= 1
            raise
        self._arrive()
        facts = current_facts.get()
        if facts is not None and facts.first_cache_reply is None:
            facts.first_cache_reply = cache_answer(reply)
        return reply

    def _arrive(self) -> None:
        trip, self._trip = self._trip, None
        if trip is not None:
            trip.arrive()


class MeteredConnection(Metered, Connection):
    """redis://"""


class MeteredTlsConnection(Metered, SSLConnection):
    """rediss://"""


class MeteredSocketConnection(Metered, UnixDomainSocketConnection):
    """unix://"""


CONNECTIONS: dict[str, type[Any]] = {
    "redis": MeteredConnection,
    "rediss": MeteredTlsConnection,
    "unix": MeteredSocketConnection,
}
"""The ruled connection for each scheme of a Redis URL."""


def is_unknown(error: redis.RedisError) -> bool:
    """Whether the server has no such command or subcommand: CLIENT SETINFO came with Redis 7.2."""
    return str(error).lower().startswith(("unknown command", "unknown subcommand"))


def cache_answer(reply: object) -> str | None:
    """What a reply says about the cache: "value", "none", or nothing yet (MULTI's OK, QUEUED)."""
    if isinstance(reply, list):
        return "value" if reply and reply[0] is not None else "none"
    if reply in (b"OK", "OK", b"QUEUED", "QUEUED", True):
        return None
    return "none" if reply is None else "value"


class MeteredSource(Source):
    """The database gateway: every statement, BEGIN and COMMIT passes here."""

    def __init__(self, source: Source, ruler: Meter, version_column: str | None) -> None:
        self._source = source
        self._ruler = ruler
        self._version_column = version_column

    def load(self, record_id: int) -> Record | None:
        facts = current_facts.get()
        self._ruler.counts["load"] += 1
        began_ns = now_ns()
        if facts is not None:
            facts.loads += 1
        try:
            with self._ruler.round_trip():
                return self._source.load(record_id)
        finally:
            if facts is not None and facts.load_start_ns is None:
                facts.load_start_ns, facts.load_end_ns = began_ns, now_ns()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        inner = self._source.transaction()
        with self._ruler.round_trip():
            tx = inner.__enter__()
        try:
            yield MeteredTransaction(tx, self._ruler, self._version_column)
        except BaseException as error:
            with self._ruler.round_trip():
                swallowed = inner.__exit__(type(error), error, error.__traceback__)
            if not swallowed:
                raise
        else:
            self._commit(inner)

    def _commit(self, inner: AbstractContextManager[Transaction]) -> None:
        """One that raises has begun, and nobody knows whether it was done: it has no end."""
        facts = current_facts.get()
        with self._ruler.round_trip() as trip:
            if facts is not None:
                facts.commit_start_ns = trip.sent_ns
            inner.__exit__(None, None, None)
        if facts is not None:
            facts.commit_end_ns = trip.answered_ns


class MeteredTransaction:
    """A transaction whose statements are counted and carried over the distance."""

    def __init__(self, tx: Transaction, ruler: Meter, version_column: str | None) -> None:
        self._tx = tx
        self._ruler = ruler
        self._version_column = version_column

    def update(self, record_id: int, changes: Record) -> Record | None:
        self._ruler.counts["update"] += 1
        with self._ruler.round_trip():
            record = self._tx.update(record_id, changes)
        self._note_version(record)
        return record

    def create(self, new: Record) -> Record:
        self._ruler.counts["create"] += 1
        with self._ruler.round_trip():
            record = self._tx.create(new)
        self._note_version(record)
        return record

    def _note_version(self, record: Record | None) -> None:
        facts = current_facts.get()
        if facts is not None and record is not None and self._version_column is not None:
            facts.version_written = record.get(self._version_column)
