"""Where a client is held: a redis-py Connection and a Source that wait for leave before every round trip.

A subclass of the client would miss pipelines, scripts and pub/sub; a Connection sees all that leaves.
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from patterns.caching.base import Record, Source, Transaction
from races.client import Client, held_client
from races.commands import SCRIPTS, Request
from races.database import LOOK_EVERY_S, LOOK_SOON_S
from races.errors import Died, ExplorerError, NotJudged, in_one_line
from races.glance import look_at, read, soon_over_of
from races.lock_commands import Contents, note, note_script, soon_over
from races.observe import Commit, Load
from races.refusals import is_environments, of_reply
from races.slot import Slot
from races.steps import Touch, touch
from races.virtual_time import clock_of_this_thread, unheld
from races.world import World


class LoadFailed(psycopg.OperationalError):
    """The load that a situation lets fail."""


class Held(AbstractConnection):
    """What holds a redis-py connection."""

    def __init__(self, *, world: World, **settings: Any) -> None:
        self._world = world
        self._awaited: list[tuple[str, list[bytes]]] = []
        self._queued: list[tuple[str, list[bytes]]] = []
        self._listens = False
        self._connecting = False
        self.server_id: int | None = None
        """The server's number for this connection; None where it does not tell."""
        self._scripted: list[str] = []
        """The keys of the scripts that were sent; those whose contents before were asked with them; their contents."""
        self._asked: list[str] = []
        self._before: dict[str, Contents] = {}
        self._in_transaction = False
        """Whether a MULTI was sent whose EXEC is still to come."""
        self._client: Client | None = None
        """Whose command was sent last."""
        super().__init__(**settings)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send when it is this client's turn. Raises Died; also where the server or the explorer fails."""
        wire = b"".join([command] if isinstance(command, bytes) else command)
        if self._connecting:
            self._world.trips += 1
            super().send_packed_command([wire], check_health)  # type: ignore[no-untyped-call]
            return
        client = held_client()
        try:
            if self._sock is None:
                self.connect_check_health(check_health=False)
            cleans_up = client is not None and self._cleans_up(client, self._world.table.request(wire))
            if not cleans_up:
                self._hold_and_send(client, wire, check_health)
        except Exception as error:
            raise self._world.failed(error) from error
        if cleans_up:
            raise RedisConnectionError("the client that watched keys here has died")

    def _hold_and_send(self, client: Client | None, wire: bytes, check_health: bool) -> None:
        if client is None:
            self._world.refuse_own_threads()
            self._world.spend()
            super().send_packed_command([wire], check_health)  # type: ignore[no-untyped-call]
            if clock_of_this_thread() is not None:
                self._wait_alone(self._world.table.request(wire))
            return
        request = self._world.table.request(wire)
        self._client = client
        client.hold(request.touch, request.label)
        before, after = self._looks(client, request)
        self._awaited = list(zip(request.names, request.commands, strict=True))
        super().send_packed_command([*before, wire, *after], check_health)  # type: ignore[no-untyped-call]
        self._world.trips += 1
        if request.subscribes:
            self._listens = True
            self._awaited = []
            select.select([self._get_socket()], [], [], 5)  # type: ignore[type-var]  # the server has taken note; its word is read later
        elif request.waits_s is not None:
            self._wait_for_answer(client, request)

    def _cleans_up(self, client: Client, request: Request) -> bool:
        """Whether this is the UNWATCH that redis-py's pipeline sends when it is collected after its client's death.

        A dead client takes no step, and its pipeline may be collected in another client's thread: redis-py expects
        that the connection is lost, and closes it without a word.
        """
        return request.names == ("unwatch",) and (client.dying or self._client is not client)

    def connect_check_health(self, *args: Any, **settings: Any) -> None:
        """Connecting sends commands of its own; they are no steps: an application's pool is warm."""
        if self._sock is not None:
            return
        self._listens, self._awaited, self._connecting = False, [], True
        try:
            with unheld():
                super().connect_check_health(*args, **settings)
                self.server_id = self._ask_id()
        except RedisError as error:
            raise self._world.failed(error) from error
        finally:
            self._connecting = False

    def _ask_id(self) -> int | None:
        """The number by which a blocking read on this connection can be ended."""
        try:
            self.send_command("CLIENT", "ID", check_health=False)  # type: ignore[no-untyped-call]
            return int(super().read_response())
        except ResponseError:
            return None

    def _wait_for_answer(self, client: Client, request: Request) -> None:
        """A blocking read: held until it is served, or until its time is over."""
        self._world.settle()
        if self._readable():
            return
        try:
            served = client.wait(request.touch, "is served", request.waits_s, self._readable)
        except Died:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise
        if not served:
            self._world.unblock(self)

    def _wait_alone(self, request: Request) -> None:
        """A blocking read when nobody else does anything: it is served at once or not before its time is over."""
        if request.subscribes:
            self._listens, self._awaited = True, []
            select.select([self._get_socket()], [], [], 5)  # type: ignore[type-var]
        elif request.waits_s is not None:
            self._world.settle()
            if not self._readable():
                self._world.wait_alone(request.waits_s)
                self._world.unblock(self)

    def can_read(self, timeout: float = 0) -> bool:
        if not self._listens:
            return bool(super().can_read(timeout))
        try:
            return self._can_hear(timeout)
        except Exception as error:
            raise self._world.failed(error) from error

    def _can_hear(self, timeout: float) -> bool:
        client = held_client()
        self._world.settle()
        if self._readable() or not timeout:
            return self._readable()
        if client is None:
            self._world.wait_alone(timeout)
            return self._readable()
        try:
            return client.wait(self._world.hears(), "hears", timeout, self._readable)
        except Died:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise

    def read_response(self, *args: Any, **settings: Any) -> Any:
        """The next answer. An error of the environment passes on to the contender, and is noted. Raises Died."""
        if self._connecting:
            return super().read_response(*args, **settings)
        client = held_client()
        try:
            self._wait_for_message(client)
            self._look_before()
        except Exception as error:
            raise self._world.failed(error) from error
        try:
            reply = super().read_response(*args, **settings)
        except RedisError as error:
            self._world.missed_script |= isinstance(error, NoScriptError)
            if is_environments(error):
                asked = f" to {self._awaited[0][0].upper()}" if self._awaited else ""
                self._world.failed(NotJudged(f"Redis answered{asked} with {in_one_line(error)}"))
            del self._awaited[:1]
            if isinstance(error, ResponseError):
                self._look_after(client)
            raise
        if client is not None and self._awaited:
            try:
                self._observe(client, reply)
                self._look_after(client)
            except Exception as error:
                raise self._world.failed(error) from error
        return reply

    def _wait_for_message(self, client: Client | None) -> None:
        """A subscriber's read: held until there is something to read."""
        if not self._listens or self._awaited:
            return
        self._world.settle()
        if client is None and not self._readable():
            self._world.wait_alone(float("inf"))
        elif client is not None and not self._readable():
            try:
                client.wait(self._world.hears(), "hears", None, self._readable)
            except Died:
                self.disconnect()  # type: ignore[no-untyped-call]
                raise

    def _observe(self, client: Client, reply: Any) -> None:
        name, command = self._awaited.pop(0)
        if name == "multi":
            self._queued = []
        if reply in (b"QUEUED", "QUEUED"):
            self._queued.append((name, command))
        elif name == "exec" and isinstance(reply, list):
            refused = of_reply(reply)
            if refused is not None:
                self._world.failed(NotJudged(f"Redis answered a command in MULTI with {in_one_line(refused)}"))
            for (queued, words), answer in zip(self._queued, reply, strict=False):
                self._saw(client, queued, words, answer)
        else:
            self._saw(client, name, command, reply)

    def _looks(self, client: Client, request: Request) -> tuple[list[bytes], list[bytes]]:
        """What is sent before and after a round trip with scripts, to see what they found and what they left."""
        self._scripted, self._asked = [], []
        if client.span is None:
            return [], []
        glance, table = self._world.glance, self._world.table
        if not {"exec", "discard"}.isdisjoint(request.names):
            self._in_transaction = False
        elif "multi" in request.names:
            self._in_transaction = True
        if self._in_transaction or SCRIPTS.isdisjoint(request.names):
            glance.wrote(request.touch)
            return [], []
        for name, words in zip(request.names, request.commands, strict=True):
            if name in SCRIPTS:
                self._scripted += [key for key in table.keys(name, words) if key not in self._scripted]
        self._asked = glance.unknown(self._scripted)
        self._before = glance.known(self._scripted)
        glance.wrote(request.touch)
        return self._packed_look(self._asked), self._packed_look(self._scripted)

    def _packed_look(self, keys: list[str]) -> list[bytes]:
        return self.pack_command(*look_at(keys)) if keys else []  # type: ignore[no-untyped-call]

    def _look_before(self) -> None:
        """Read what the keys of the scripts held before them, where that was asked."""
        if self._asked:
            answer = self._look_answer()
            self._before |= {key: read(row) for key, row in zip(self._asked, answer, strict=False)}
            self._asked = []

    def _look_answer(self) -> list[list[Any]]:
        """What the server says that keys hold; nothing where the user may not ask: then scripts take no locks."""
        try:
            answer: list[list[Any]] = super().read_response(disable_decoding=True)
        except ResponseError:
            return []
        return answer

    def _look_after(self, client: Client | None) -> None:
        """Read what they hold after them, once every other answer was read."""
        if not self._scripted or self._awaited or client is None or client.span is None:
            return
        keys, self._scripted = self._scripted, []
        answer = self._look_answer()
        after = self._world.glance.learn(keys, answer)
        note_script(client.run.observed.locks, client.span, self._before, after)
        self._end(client, soon_over_of(keys, answer))

    def _saw(self, client: Client, name: str, command: list[bytes], reply: Any) -> None:
        locks, span, world = client.run.observed.locks, client.span, self._world
        if span is None or name in SCRIPTS:
            return
        if not note(locks, span, name, command, reply):
            if locks.standing and world.table.writes(name):
                held = {key for key, _ in locks.standing}.intersection(world.table.keys(name, command))
                for key in held:
                    if not world.holds(key):
                        locks.freed(span, (key, ""), name.upper())
        elif reply:
            self._end(client, soon_over(name, command))

    def _end(self, client: Client, keys: list[str]) -> None:
        """End keys whose TTL is over before any other step."""
        for key in keys:
            self._world.end(key)
            client.run.observed.locks.gone(key)

    def _readable(self) -> bool:
        return self._sock is not None and bool(super().can_read(0))


class HeldConnection(Held, Connection):
    """redis://"""


class HeldTlsConnection(Held, SSLConnection):
    """rediss://"""


class HeldSocketConnection(Held, UnixDomainSocketConnection):
    """unix://"""


CONNECTIONS: dict[str, type[Any]] = {
    "redis": HeldConnection,
    "rediss": HeldTlsConnection,
    "unix": HeldSocketConnection,
}


class HeldSource(Source):
    """The database of one client. BEGIN, each statement and COMMIT are steps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.statements = world.statements

    @property
    def slot(self) -> Slot:
        client = held_client()
        return client.slot if client else self.world.free_slot

    def load(self, record_id: int) -> Record | None:
        client = held_client()
        self.hold(touch(reads=(f"row:{record_id}",)), f"SELECT {record_id}")
        if client is None:
            self.world.free_loads += 1
        else:
            client.run.observed.loads.append(Load(client.name, record_id, client.root is not None))
            self._worked(client)
            if self.world.take_failing_load():
                raise LoadFailed("the database says no, as the situation asks")
        with self.noted():
            return self.slot.cursor.execute(self.statements.load, {"id": record_id}).fetchone()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """An error of the environment passes on to the contender, and is noted."""
        try:
            yield
        except psycopg.Error as error:
            if is_environments(error):
                self.world.failed(NotJudged(f"PostgreSQL answered with {in_one_line(error)}"))
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.hold(Touch(), "BEGIN")
        database = self.slot.database
        with self.noted():
            database.begin()
        tx = HeldTransaction(self)
        try:
            yield tx
            self.hold(touch(writes=tuple(f"{kind}:{id}" for id in tx.rows for kind in ("row", "lock"))), "COMMIT")
        except BaseException as error:
            if not isinstance(error, Died):
                self.hold(touch(writes=tuple(f"lock:{id}" for id in tx.rows)), "ROLLBACK")
            else:
                self.world.trips += 1  # the server rolls back for the dead
            with self.noted():
                database.command(b"ROLLBACK")
            self.ended(tx, committed=False)
            raise
        with self.noted():
            database.command(b"COMMIT")
        self.ended(tx, committed=True)

    def _worked(self, client: Client) -> None:
        if client.span is not None:
            client.run.observed.locks.worked(client.span)

    def ended(self, tx: "HeldTransaction", *, committed: bool) -> None:
        client = held_client()
        if client is not None:
            client.open_rows.clear()
            if committed:
                client.run.observed.commits += [Commit(client.name, id, version) for id, version in tx.rows.items()]
                self._worked(client)

    def hold(self, steps_touch: Touch, label: str) -> None:
        client = held_client()
        if client is None:
            self.world.refuse_own_threads()
            self.world.spend()
            return
        client.hold(steps_touch, label)
        self.world.trips += 1


class HeldTransaction:
    """Writes inside one open transaction."""

    def __init__(self, source: HeldSource) -> None:
        self.source = source
        self.rows: dict[int, int] = {}
        """Record id to the version that it was given."""

    def update(self, record_id: int, changes: Record) -> Record | None:
        self.source.world.updated = True
        lock = f"lock:{record_id}"
        self.source.hold(touch(reads=(f"row:{record_id}",), writes=(lock,)), f"UPDATE {record_id}")
        values = {"name": None, "email": None, **changes, "id": record_id}
        return self._run(self.source.statements.update, values)

    def create(self, new: Record) -> Record:
        self.source.world.created = True
        self.source.hold(touch(writes=("sequence",)), "INSERT")
        record = self._run(self.source.statements.create, {"name": None, "email": None, **new, "id": None})
        if record is None:
            raise ExplorerError("INSERT returned no row")
        return record

    def _run(self, sql: str | None, values: dict[str, Any]) -> Record | None:
        client, slot = held_client(), self.source.slot
        database = slot.database
        if client is not None:
            database.on_slow = lambda: self._look(client, database.backend_pid)
            expected = any(f"lock:{values['id']}" in other.open_rows for other in client.run.clients)
            database.look_every_s = LOOK_SOON_S if expected else LOOK_EVERY_S
        try:
            with self.source.noted():
                record: Record | None = slot.cursor.execute(sql or "", values).fetchone()
        finally:
            database.on_slow = None
        if record is not None:
            self.rows[record["id"]] = record["version"]
            if client is not None:
                client.open_rows.add(f"lock:{record['id']}")
        return record

    def _look(self, client: Client, pid: int) -> None:
        """Hand over while the statement waits for a row. After a failure too, so that the row's holder is unwound."""
        world = self.source.world
        try:
            blocked = world.fault is None and world.is_blocked(pid)
        except Exception as error:  # noqa: BLE001 - must not reach the contender
            world.failed(error)
            blocked = True
        if blocked:
            client.wait_for_rows(lambda: world.is_blocked(pid))
