"""Gauges of the servers: connections, memory, rates, and the sizes of a limiter's keys."""

import itertools
import random
import threading
from contextlib import suppress
from typing import Any

import psycopg
import redis
from redis.exceptions import NoPermissionError

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows
from stampede.loadtests.coordinator.probes.server_events import Changes, clocks, postgres_counters, redis_counters
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.silent_periods import Silences
from stampede.run_folder.write import TimelineRow

GAUGE_EVERY_S = 0.25
"""The average interval between readings. The instants are random, because a regular grid can miss periodic events."""
MEASURED_KEYS = 24
"""The number of a limiter's keys whose size is read at a time."""


class Gauges(Probe):
    """Reads values without a counter (connections, memory) at random instants of a cell, in a separate thread."""

    def __init__(self, client: redis.Redis, postgres_url: str, key_prefix: str) -> None:
        """`client`: one with short timeouts. `key_prefix`: of the rate limiters' keys, whose sizes are read."""
        self._redis = client
        self._postgres_url = postgres_url
        self._key_prefix = key_prefix

    def before(self, cell: ProbedCell) -> None:
        self._rows: list[TimelineRow] = []
        self._cell = cell.plan.id
        self._limited = cell.scenario.flood is not None
        self._rng = random.Random(cell.plan.seed + 1)
        self._changes = Changes(cell.plan.id)
        self._silences = Silences(cell.plan.id)
        self._over = threading.Event()
        self._lost: psycopg.OperationalError | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def sample(self) -> "Gauges":
        return self

    def after(self, cell: ProbedCell) -> ProbeRows:  # noqa: ARG002 - all is read while the cell runs
        return ProbeRows(timeline=self._rows)

    def __enter__(self) -> "Gauges":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._lost is not None and kind is None:
            raise self._lost

    def _watch(self) -> None:
        try:
            self._read_until_over()
        except psycopg.OperationalError as lost:
            self._lost = lost

    def _read_until_over(self) -> None:
        self._silences.expect("postgres", now_ns())
        with psycopg.connect(self._postgres_url, autocommit=True, prepare_threshold=None) as connection:
            self._note_changes(connection)
            self._silences.answered("postgres", now_ns())
            while not self._cell_ended_within(self._rng.expovariate(1 / GAUGE_EVERY_S)):
                self._silences.expect("postgres", now_ns())
                self._note_changes(connection)
                self._silences.answered("postgres", now_ns())
                self._silences.expect("redis", now_ns())
                # an injected fault, a slow server or a missing permission: this reading is skipped
                with suppress(redis.ConnectionError, redis.TimeoutError, NoPermissionError):
                    self._read_redis()
                    self._silences.answered("redis", now_ns())
                row = connection.execute(
                    "SELECT count(*), count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).fetchone()
                if row is not None:
                    self._note("postgres", "connections", float(row[0]))
                    self._note("postgres", "active", float(row[1]))
            self._note_changes(connection)
        self._silences.close(now_ns())
        self._rows += self._silences.rows

    def _cell_ended_within(self, wait_s: float) -> bool:
        """Wait for at most this time; True if the cell ended. A late wake-up counts as a silence of this process."""
        due_ns = now_ns() + round(wait_s * 1e9)
        over = self._over.wait(wait_s)
        woke_ns = now_ns()
        self._silences.expect("coordinator", min(due_ns, woke_ns))
        self._silences.answered("coordinator", woke_ns)
        return over

    def _note_changes(self, connection: psycopg.Connection[Any]) -> None:
        """Record the events since the last reading."""
        self._rows += self._changes.read_clocks(*clocks())
        self._rows += self._changes.read("postgres", postgres_counters(connection), now_ns())

    def _read_redis(self) -> None:
        info: dict[str, Any] = self._redis.info()
        self._rows += self._changes.read("redis", redis_counters(info), now_ns())
        for name in ("connected_clients", "used_memory", "maxmemory", "instantaneous_ops_per_sec"):
            self._note("redis", name, float(info.get(name, 0)))
        if self._limited:
            for size in key_sizes(self._redis, self._key_prefix):
                self._note("redis", "limiter_key_bytes", size)

    def _note(self, source: str, name: str, value: float) -> None:
        self._rows.append((self._cell, now_ns(), source, name, value, None))


def key_sizes(client: redis.Redis, key_prefix: str) -> list[float]:
    """The current size of some of the limiter's keys (MEMORY USAGE), in bytes."""
    keys = itertools.islice(client.scan_iter(match=f"{key_prefix}ratelimit:*", count=1000), MEASURED_KEYS)
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key)
    return [float(size) for size in pipeline.execute() if size is not None]
