"""The table and the keys on which schedules run, with a reset to a clean state before each schedule."""

import os
import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import current_thread
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

from stampede.core.errors import ClientKilled, ContenderRefused, ExplorerError, NotJudged, in_one_line
from stampede.patterns.caching.cache_pattern import Context, Record
from stampede.patterns.serialization.json import Json
from stampede.patterns.serialization.serializer import Serializer
from stampede.races.commands.command_table import CommandTable, as_text
from stampede.races.commands.script_effects import KeyContentsCache
from stampede.races.hooks.bypass import CANNOT_SCHEDULE, contender_connections, sockets_of_this_process
from stampede.races.hooks.connection_pool import WarmPool, open_descriptors
from stampede.races.hooks.database_connection import ScheduledDatabaseConnection
from stampede.races.hooks.shown_values import read_value, value_text
from stampede.races.scheduler.client_thread import ClientThread
from stampede.races.scheduler.virtual_time import (
    START_S,
    VirtualClock,
    clock_of_this_thread,
    real_time,
    set_clock_of_this_thread,
)
from stampede.stack.postgres.dataset import claim_schema
from stampede.stack.postgres.source import Statements
from stampede.stack.servers import Stack

RECORD = 1
"""The id of the only record in the table."""
MAX_UNSCHEDULED_TRIPS = 400
"""The limit of round trips before and after a schedule, in case they never end."""
SESSION = {
    "synchronous_commit": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "deadlock_timeout": "10s",
}


class Sandbox:
    """A separate table and key prefix on real servers, with one thread for each client."""

    def __init__(self, stack: Stack, new_thread: Callable[["Sandbox"], ClientThread]) -> None:
        self.foreign_sockets = frozenset(sockets_of_this_process())
        """The inodes of sockets that are neither the explorer's nor the contender's."""
        mark = uuid.uuid4().hex[:8]
        self.owns_servers = stack.managed
        self.redis_url = stack.redis.url
        self.postgres_url = stack.postgres.url
        self.key_prefix = f"{stack.key_prefix}races-{mark}:"
        self.tablename = f"stampede.races_{mark}"
        self.statements = statements(self.tablename)
        self._reverted = f"UPDATE {self.tablename} SET name = 'v1', version = 1 WHERE id = 1".encode()
        self._restored = (
            f"DELETE FROM {self.tablename} WHERE id > 1; SELECT setval('{self.tablename}_id_seq', 1); ".encode()
            + self._reverted
        )
        self.serializer: Serializer[Record] = Json()
        self.sampler = redis.Redis(connection_pool=WarmPool.from_url(self.redis_url))
        self.command_table = CommandTable(self.sampler, self.key_prefix)
        self.key_contents = KeyContentsCache()
        self.trips = self.unscheduled_loads = 0
        self.created = self.updated = True
        """Whether the last schedule may have created or updated a row."""
        self.missed_script = False
        self.failure: ExplorerError | None = None
        """The first failure that the contender did not cause. While it is set, no observation is judged."""
        self.playing = False
        """Whether the clients of a schedule run. Requests of other threads are then the contender's."""
        self.failing_loads = 0
        self._new_thread = new_thread
        self._threads: list[ClientThread] = []
        self.unscheduled_trips = 0
        self.unscheduled_thread = new_thread(self)
        self._watcher, self._plain = self.connect(), self.connect()
        self._plain_redis = redis.Redis.from_url(self.redis_url)
        self._plain_cursor = self._plain.cursor()
        claim_schema(self._watcher)
        self._watcher.execute(
            f"CREATE TABLE {self.tablename} (id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL, "
            "version bigint NOT NULL DEFAULT 1)"
        )
        self._watcher.execute(f"INSERT INTO {self.tablename} (name, email) VALUES ('v1', '')")

    def connect(self) -> ScheduledDatabaseConnection:
        connection = ScheduledDatabaseConnection.connect(self.postgres_url, autocommit=True, row_factory=dict_row)
        connection.prepare(SESSION)
        return connection

    def count_unscheduled_trip(self) -> None:
        """Count a round trip outside a schedule. Raises ClientKilled above MAX_UNSCHEDULED_TRIPS."""
        self.unscheduled_trips += 1
        self.trips += 1
        if self.unscheduled_trips > MAX_UNSCHEDULED_TRIPS:
            raise ClientKilled

    def wait_unscheduled(self, seconds: float) -> None:
        """Advance virtual time by that many seconds. Raises ClientKilled if the wait has no end."""
        clock = clock_of_this_thread()
        if clock is None or seconds == float("inf"):
            raise ClientKilled
        clock.sleep(seconds)

    def record_failure(self, error: BaseException) -> ClientKilled:
        """Record the first failure that the contender did not cause. Returns the error that ends the client."""
        if self.failure is None and not isinstance(error, ClientKilled):
            self.failure = error if isinstance(error, ExplorerError) else NotJudged(in_one_line(error))
        return ClientKilled()

    def close(self) -> None:
        """Drop the table and delete the keys. They stay on a server that no longer replies."""
        for thread in [*self._threads, self.unscheduled_thread]:
            thread.close()
        with suppress(psycopg.Error):
            self._watcher.execute(f"DROP TABLE IF EXISTS {self.tablename}")
        self._watcher.close()
        self._plain.close()
        with suppress(redis.RedisError):
            for key in self.cached_keys():
                self.sampler.delete(key)
        for client in (self.sampler, self._plain_redis):
            client.connection_pool.disconnect()

    def abandon(self) -> None:
        """Give up the client threads, which do not return. New threads replace them."""
        for thread in self._threads:
            thread.database.close()
        self._threads = []

    def client_thread(self, number: int) -> ClientThread:
        """The thread of a client. Raises ClientKilled if one of its connections cannot be opened."""
        try:
            with real_time():
                while len(self._threads) <= number:
                    self._threads.append(self._new_thread(self))
        except Exception as error:
            raise self.record_failure(error) from error
        return self._threads[number]

    def without_prefix(self, key: str) -> str:
        """The key without the prefix, which may follow another one (lock:…)."""
        return key.replace(self.key_prefix, "")

    def refuse_contender_connections(self) -> None:
        """Raise ClientKilled if this process has a connection to one of the servers that the explorer did not open."""
        numbers = [n for thread in [*self._threads, self.unscheduled_thread] for n in thread.descriptors()]
        numbers += [*self._watcher.descriptors(), *self._plain.descriptors()]
        numbers += [
            *open_descriptors(self.sampler.connection_pool),
            *open_descriptors(self._plain_redis.connection_pool),
        ]
        found = contender_connections({n: os.fstat(n).st_ino for n in numbers}, self.foreign_sockets)
        if found:
            raise self.record_failure(ContenderRefused(CANNOT_SCHEDULE.format(what=f"a connection to {found[0]}")))

    def refuse_contender_threads(self) -> None:
        """Record a failure if an unscheduled thread sends a request while a schedule is played."""
        if self.playing and clock_of_this_thread() is None:
            why = f"it sends requests from a thread ({current_thread().name}) that the explorer cannot schedule"
            self.record_failure(ContenderRefused(why))

    # ── clean states ──

    def reset(self, entries: list[tuple[str, int, bytes]], failing_loads: int = 0) -> None:
        """Restore one record of version 1 and only these entries: (key, remaining ms, payload of DUMP)."""
        self.failing_loads = failing_loads
        if self.created or self.updated:
            self._watcher.command(self._restored if self.created else self._reverted)
            self.trips += 1
        self.created = self.updated = False
        emptied = [("FLUSHDB",)] if self.owns_servers else [("DEL", key) for key in self.cached_keys()]
        self._send(*emptied, *(("RESTORE", key, max(0, ttl_ms), value) for key, ttl_ms, value in entries))
        self.key_contents.restart(key for key, _, _ in entries)

    def _send(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Send Redis commands in one round trip. Returns their replies."""
        if not commands:
            return []
        connection: Any = self.sampler.connection_pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [connection.read_response() for _ in commands]
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self.sampler.connection_pool.release(connection)
        self.trips += 1
        return replies

    def next_load_fails(self) -> bool:
        """Whether the situation lets the next load fail. Counts the load."""
        self.failing_loads -= 1
        return self.failing_loads >= 0

    def entries(self) -> list[tuple[str, int, bytes]]:
        """The entries in the cache, for `reset`. A key that expires while it is read is omitted."""
        client: Any = self.sampler
        found = [(key, client.pttl(key), client.dump(key)) for key in self.cached_keys()]
        return [(key, ttl_ms, value) for key, ttl_ms, value in found if value is not None]

    def bare_trips(self) -> int:
        """Send a GET and a load by the unmodified drivers, neither scheduled nor counted. Returns the round trips."""
        self._plain_redis.get(self.key_prefix)
        self._plain_cursor.execute(self.statements.load, {"id": RECORD}).fetchone()
        return 2

    # ── faults and observations ──

    def cached_keys(self) -> list[str]:
        """Every key of this sandbox in the cache, sorted."""
        pattern = "*" + "".join(f"[{c}]" if c in "*?[" else c for c in self.key_prefix) + "*"
        client: Any = self.sampler
        self.trips += 1
        found = client.keys(pattern) if self.owns_servers else client.scan_iter(match=pattern, count=1000)
        return sorted(as_text(key) for key in found)

    def age(self, seconds: float) -> list[str]:
        """Shorten the TTL of every key by that many seconds. Returns the keys that expired."""
        keys = self.cached_keys()
        left_ms = dict(zip(keys, self._send(*(("PTTL", key) for key in keys)), strict=True))
        after_ms = {key: round(left - 1000 * seconds) for key, left in left_ms.items() if left >= 0}
        self._send(*(("PEXPIRE", key, ms) if ms > 0 else ("DEL", key) for key, ms in after_ms.items()))
        ended = [key for key, ms in after_ms.items() if ms <= 0]
        for key in ended:
            self.key_contents.removed(key)
        return ended

    def expire_key(self, key: str) -> None:
        """Delete a key as if it had expired or had been evicted."""
        self._send(("DEL", key))
        self.key_contents.removed(key)

    def locations(self, keys: Iterable[str]) -> list[tuple[str, str]]:
        """The keys, and the fields of those that are hashes: (key, "") and (key, field)."""
        found = []
        for key in keys:
            fields = self.sampler.hkeys(key) if self.sampler.type(key) == b"hash" else []
            found += [(key, ""), *((key, as_text(field)) for field in fields)]
        return found

    def remove(self, location: tuple[str, str]) -> None:
        """Delete a key or a field of a hash."""
        self._send(("HDEL", *location) if location[1] else ("DEL", location[0]))

    def has_key(self, key: str) -> bool:
        """Whether the key exists."""
        self.trips += 1
        return bool(self.sampler.exists(key))

    def unblock(self, connection: Any) -> None:
        """End the blocking read of a connection as if its timeout had passed."""
        self.trips += 1
        self.sampler.client_unblock(connection.server_id, error=False)

    def settle(self) -> None:
        """Wait until the server has sent all replies and messages of earlier commands. Redis replies in order."""
        self.sampler.ping()
        self.trips += 1

    def is_blocked(self, pid: int) -> bool:
        """Whether a PostgreSQL session waits for a lock of another session."""
        self.trips += 1
        row = self._watcher.execute("SELECT cardinality(pg_blocking_pids(%s::int)) AS n", [pid]).fetchone()
        return bool(row and row["n"])

    def longest_ttl_s(self, keys: list[str]) -> float | None:
        """The longest remaining TTL of these keys, in seconds. inf: one has no TTL. None: no key exists."""
        left_ms: list[int] = self._send(*(("PTTL", key) for key in keys))
        return max((float("inf") if ms == -1 else ms / 1000 for ms in left_ms), default=None)

    def versions(self) -> dict[int, int]:
        """The committed versions, by record id."""
        self.trips += 1
        found = self._watcher.command(f"SELECT id, version FROM {self.tablename} ORDER BY id".encode())
        return {int(found.get_value(row, 0) or 0): int(found.get_value(row, 1) or 0) for row in range(found.ntuples)}

    def cache_as_text(self) -> dict[str, str]:
        """Key to contents of the cache as short text, for the diagrams."""
        client: Any = self.sampler
        found = {}
        for key in self.cached_keys():
            kind = client.type(key)
            found[self.without_prefix(key)] = value_text(read_value(client, kind, key))
        return found

    # ── contexts for patterns ──

    def context(
        self, thread: ClientThread, clock: VirtualClock, spawn: Callable[[Callable[[], None]], None], seed: int
    ) -> Context:
        """The context of a scheduled client."""
        return Context(
            redis=thread.redis,
            source=thread.source,
            serializer=self.serializer,
            now=clock.now,
            sleep=clock.sleep,
            spawn=spawn,
            rng=random.Random(seed),
        )

    def _unscheduled_context(self, thread: ClientThread, clock: "UnscheduledClock") -> Context:
        """The context of an unscheduled client, for use before and after a schedule."""
        return Context(
            redis=thread.redis,
            source=thread.source,
            serializer=self.serializer,
            now=clock.now,
            sleep=clock.sleep,
            spawn=lambda _work: None,
            rng=random.Random(0),
        )

    @contextmanager
    def unscheduled(self, now_s: float = START_S) -> Iterator[Context]:
        """The context of an unscheduled client, for a `with` block. Its sleeps shorten the TTL of every key."""
        thread, self.unscheduled_trips = self.unscheduled_thread, 0
        clock = UnscheduledClock(self, now_s)
        set_clock_of_this_thread(clock)
        try:
            yield self._unscheduled_context(thread, clock)
        finally:
            set_clock_of_this_thread(None)


class UnscheduledClock:
    """The clock of an unscheduled client. Its sleeps shorten the TTL of every key."""

    def __init__(self, sandbox: Sandbox, now_s: float) -> None:
        self._sandbox = sandbox
        self._now_s = now_s

    def now(self) -> float:
        return self._now_s

    def record_failure(self, error: BaseException) -> BaseException:
        return self._sandbox.record_failure(error)

    def read_clock(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._sandbox.count_unscheduled_trip()
        self._sandbox.age(seconds)
        self._now_s += seconds


def statements(table: str) -> Statements:
    """The SQL of the article's users table without the filler column."""
    columns = "id, name, email, version"
    return Statements(
        load=f"SELECT {columns} FROM {table} WHERE id = %(id)s",
        update=(
            f"UPDATE {table} SET name = coalesce(%(name)s::text, name), email = coalesce(%(email)s::text, email), "
            f"version = version + 1 WHERE id = %(id)s RETURNING {columns}"
        ),
        create=(
            f"INSERT INTO {table} (name, email) "
            f"VALUES (coalesce(%(name)s::text, ''), coalesce(%(email)s::text, '')) RETURNING {columns}"
        ),
        version_column="version",
    )
