"""Meters below a pattern: a redis-py Connection and a Source that count, time and add the simulated RTT.

They count per request, in the `RequestFacts` of the context that made it, and per process, so that the totals can be
compared with the servers' own counters. Each greenlet and thread has its own context. Spawned work starts without one,
so a background refresh is never counted for a reader. The simulated RTT is a delay, not a network: half of it passes
before a round trip is sent and half after its reply arrived, once per pipeline.
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
from stampede.patterns.caching.cache_pattern import Record, RecordId, Source, Transaction
from stampede.stack.redis.resp import command_names


class RequestFacts:
    """What the meters recorded of one request. Defaults are class attributes, because every request makes an object."""

    loads = 0
    load_start_ns: int | None = None
    load_end_ns: int | None = None
    commands = 0
    round_trips = 0
    simulated_rtt_ns = 0
    served_start_ns: int | None = None
    """When its first round trip was sent, after half of the simulated RTT."""
    served_end_ns: int | None = None
    """When its last reply arrived, before the other half of the simulated RTT."""
    first_cache_reply: str | None = None
    version_written: int | None = None
    commit_start_ns: int | None = None
    commit_end_ns: int | None = None
    position: int | None = None
    """The record that the request concerns, so that work that it spawns is attributed to this record."""


PAUSE_KEPT_NS = 200_000
"""Garbage collections shorter than this are only counted."""

current_facts: contextvars.ContextVar[RequestFacts | None] = contextvars.ContextVar("current_facts", default=None)


class Meter:
    """The counters of one process, and the simulated RTT that it adds to each round trip."""

    def __init__(self, clock: Clock, simulated_rtt_ns: int = 0) -> None:
        self.clock = clock
        self.simulated_rtt_ns = simulated_rtt_ns
        self.counts: Counter[str] = Counter()
        self._gc_began_ns = 0
        self._gc_ns = 0
        self._pauses: list[tuple[int, int, int]] = []

    def watch_gc(self) -> None:
        """Count the garbage collections of this process: each stops all requests that the process is serving."""
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
        """The longer garbage collections since the last call: the end of each, its generation, its duration; in ns."""
        pauses, self._pauses = self._pauses, []
        return pauses

    def account(self) -> dict[str, float]:
        """The current counters, by the names of the servers table."""
        return {**self.counts, "cpu_s": time.process_time(), "gc.pause_s": self._gc_ns / 1e9}

    @contextmanager
    def round_trip(self) -> Iterator["RoundTrip"]:
        """The block makes one round trip, between the two halves of the simulated RTT."""
        trip = RoundTrip(self)
        try:
            yield trip
        finally:
            trip.arrive()


class RoundTrip:
    """One round trip, with half of the simulated RTT before it and half after it. A late wake-up in the first half
    shortens the second, so that the sum is exact."""

    __slots__ = ("_began_ns", "_meter", "answered_ns", "sent_ns")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._began_ns = now_ns()
        if meter.simulated_rtt_ns:
            meter.clock.wait_until(self._began_ns + meter.simulated_rtt_ns // 2)
        self.sent_ns = now_ns()
        self.answered_ns = self.sent_ns

    def arrive(self) -> None:
        """Note that the server's reply arrived, wait for the second half of the simulated RTT, count the round trip."""
        self.answered_ns = now_ns()
        if self._meter.simulated_rtt_ns:
            served_ns = self.answered_ns - self.sent_ns
            self._meter.clock.wait_until(self._began_ns + self._meter.simulated_rtt_ns + served_ns)
        facts = current_facts.get()
        if facts is not None:
            facts.round_trips += 1
            facts.served_end_ns = self.answered_ns
            if facts.served_start_ns is None:
                facts.served_start_ns = self.sent_ns
            if self._meter.simulated_rtt_ns:
                facts.simulated_rtt_ns += now_ns() - self._began_ns - (self.answered_ns - self.sent_ns)


class Metered(AbstractConnection):
    """Makes a redis-py connection count the commands that it sends. A subclass of the client would miss pipelines and
    handshakes."""

    def __init__(self, *, meter: Meter, **settings: Any) -> None:
        self._meter = meter
        self._trip: RoundTrip | None = None
        self._sent: list[str] = []
        super().__init__(**settings)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        names = command_names(b"".join([command] if isinstance(command, bytes) else command))
        if self._sock is None:  # connecting sends commands too, through this method
            self.connect_check_health(check_health=False)
        facts = current_facts.get()
        if facts is not None:
            facts.commands += len(names)
        for name in names:
            self._meter.counts[f"command.{name}"] += 1
        self._sent = names
        self._trip = RoundTrip(self._meter)
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **settings: Any) -> Any:
        try:
            reply = super().read_response(*args, **settings)
        except redis.RedisError as error:
            self._arrive()
            if is_unknown(error) and len(self._sent) == 1:  # the server does not count an unknown command either
                self._meter.counts[f"command.{self._sent[0]}"] -= 1
            raise
        self._arrive()
        facts = current_facts.get()
        if facts is not None and facts.first_cache_reply is None:
            facts.first_cache_reply = classify_reply(reply)
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
"""The metered connection for each scheme of a Redis URL."""


def is_unknown(error: redis.RedisError) -> bool:
    """Whether the server has no such command or subcommand, for example CLIENT SETINFO before Redis 7.2."""
    return str(error).lower().startswith(("unknown command", "unknown subcommand"))


def classify_reply(reply: object) -> str | None:
    """Whether a reply holds a "value" or "none"; None for an acknowledgement (the OK of MULTI, QUEUED)."""
    if isinstance(reply, list):
        return "value" if reply and reply[0] is not None else "none"
    if reply in (b"OK", "OK", b"QUEUED", "QUEUED", True):
        return None
    return "none" if reply is None else "value"


class MeteredSource(Source):
    """The database gateway: every statement, BEGIN and COMMIT passes through it."""

    def __init__(
        self, source: Source, meter: Meter, version_column: str | None, *, commits_itself: bool = False
    ) -> None:
        """`commits_itself`: whether each write of the source commits, so that there is no BEGIN and COMMIT to meter."""
        self._source = source
        self._meter = meter
        self._version_column = version_column
        self._commits_itself = commits_itself

    def load(self, record_id: RecordId) -> Record | None:
        facts = current_facts.get()
        self._meter.counts["load"] += 1
        began_ns = now_ns()
        if facts is not None:
            facts.loads += 1
        try:
            with self._meter.round_trip():
                return self._source.load(record_id)
        finally:
            if facts is not None and facts.load_start_ns is None:
                facts.load_start_ns, facts.load_end_ns = began_ns, now_ns()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        inner = self._source.transaction()
        if self._commits_itself:
            with inner as tx:
                yield MeteredTransaction(tx, self._meter, self._version_column, commits_itself=True)
            return
        with self._meter.round_trip():
            tx = inner.__enter__()
        try:
            yield MeteredTransaction(tx, self._meter, self._version_column)
        except BaseException as error:
            with self._meter.round_trip():
                swallowed = inner.__exit__(type(error), error, error.__traceback__)
            if not swallowed:
                raise
        else:
            self._commit(inner)

    def _commit(self, inner: AbstractContextManager[Transaction]) -> None:
        """Time the commit. If it raises, its result is unknown, so only its start is recorded."""
        facts = current_facts.get()
        with self._meter.round_trip() as trip:
            if facts is not None:
                facts.commit_start_ns = trip.sent_ns
            inner.__exit__(None, None, None)
        if facts is not None:
            facts.commit_end_ns = trip.answered_ns


class MeteredTransaction:
    """A transaction whose statements are counted and take the simulated RTT."""

    def __init__(
        self, tx: Transaction, meter: Meter, version_column: str | None, *, commits_itself: bool = False
    ) -> None:
        self._tx = tx
        self._meter = meter
        self._version_column = version_column
        self._commits_itself = commits_itself

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        self._meter.counts["update"] += 1
        with self._write():
            record = self._tx.update(record_id, changes)
        self._note_version(record)
        return record

    def create(self, new: Record) -> Record:
        self._meter.counts["create"] += 1
        with self._write():
            record = self._tx.create(new)
        self._note_version(record)
        return record

    @contextmanager
    def _write(self) -> Iterator[None]:
        """The round trip of a write. One that commits by itself is visible to others from some instant in it."""
        facts = current_facts.get() if self._commits_itself else None
        with self._meter.round_trip() as trip:
            if facts is not None:
                facts.commit_start_ns = trip.sent_ns
            yield
        if facts is not None:
            facts.commit_end_ns = trip.answered_ns

    def _note_version(self, record: Record | None) -> None:
        facts = current_facts.get()
        if facts is not None and record is not None and self._version_column is not None:
            facts.version_written = record.get(self._version_column)
