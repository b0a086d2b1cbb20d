"""Where a client is held: a redis-py Connection and a Source that wait for leave before every round trip.

A subclass of the client would miss pipelines, scripts and pub/sub; a Connection sees all that leaves.
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import NoScriptError

from patterns.caching.base import Record, Source, Transaction
from races.commands import SCRIPTS, Request
from races.database import LOOK_EVERY_S, LOOK_SOON_S
from races.errors import Died, ExplorerError
from races.observe import Commit, Load
from races.run import Client
from races.slot import Slot
from races.steps import Touch, touch
from races.virtual_time import clock_of_this_thread, hold_this_thread
from races.world import World


def held_client() -> Client | None:
    """The client in whose thread this is called; None: nobody schedules it."""
    clock = clock_of_this_thread()
    return clock if isinstance(clock, Client) else None


class LoadFailed(psycopg.OperationalError):
    """The load that a situation lets fail."""


class Held(AbstractConnection):
    """What holds a redis-py connection."""

    def __init__(self, *, world: World, **settings: Any) -> None:
        self._world = world
        self._awaited: list[tuple[str, list[bytes]]] = []
        self._queued: list[tuple[str, list[bytes]]] = []
        self._listens = False
        super().__init__(**settings)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if self._sock is None:
            self.connect_check_health(check_health=False)
        client = held_client()
        wire = b"".join([command] if isinstance(command, bytes) else command)
        if client is None:
            self._world.spend()
            super().send_packed_command([wire], check_health)  # type: ignore[no-untyped-call]
            if clock_of_this_thread() is not None:
                self._wait_alone(self._world.table.request(wire))
            return
        request = self._world.table.request(wire)
        client.hold(request.touch, request.label)
        self._awaited = list(zip(request.names, request.commands, strict=True))
        self._queued = []
        super().send_packed_command([wire], check_health)  # type: ignore[no-untyped-call]
        self._world.trips += 1
        if request.subscribes:
            self._listens = True
            self._awaited = []
            select.select([self._get_socket()], [], [], 5)  # type: ignore[type-var]  # the server has taken note; its word is read later
        elif request.waits_s is not None:
            self._wait_for_answer(client, request)

    def connect_check_health(self, *args: Any, **settings: Any) -> None:
        """Connecting sends commands of its own; they are no steps: an application's pool is warm."""
        if self._sock is None:
            self._listens, self._awaited = False, []
        clock = clock_of_this_thread()
        hold_this_thread(None)
        try:
            super().connect_check_health(*args, **settings)
        finally:
            hold_this_thread(clock)

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
        client = held_client()
        if self._listens and not self._awaited:
            self._world.settle()
            if client is None and not self._readable():
                self._world.wait_alone(float("inf"))
            elif client is not None and not self._readable():
                try:
                    client.wait(self._world.hears(), "hears", None, self._readable)
                except Died:
                    self.disconnect()  # type: ignore[no-untyped-call]
                    raise
        try:
            reply = super().read_response(*args, **settings)
        except NoScriptError:
            self._world.missed_script = True
            raise
        if client is not None and self._awaited:
            self._observe(client, reply)
        return reply

    def _observe(self, client: Client, reply: Any) -> None:
        name, command = self._awaited.pop(0)
        if reply in (b"QUEUED", "QUEUED"):
            self._queued.append((name, command))
        elif name == "exec" and isinstance(reply, list):
            for (queued, words), answer in zip(self._queued, reply, strict=False):
                self._saw(client, queued, words, answer)
        else:
            self._saw(client, name, command, reply)

    def _saw(self, client: Client, name: str, command: list[bytes], reply: Any) -> None:
        observed, me = client.run.observed, client.family.name
        observed.saw_reply(me, name, command, reply)
        if name in SCRIPTS and observed.owners:
            for key in self._world.table.keys(name, command):
                if key in observed.owners and not self._world.holds(key):
                    observed.released(me, key)

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
        if client is not None:
            client.run.observed.loads.append(Load(client.name, record_id, client.root is not None))
            if self.world.take_failing_load():
                raise LoadFailed("the database says no, as the situation asks")
        return self.slot.cursor.execute(self.statements.load, {"id": record_id}).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.hold(Touch(), "BEGIN")
        database = self.slot.database
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
            database.command(b"ROLLBACK")
            self.ended(tx, committed=False)
            raise
        database.command(b"COMMIT")
        self.ended(tx, committed=True)

    def ended(self, tx: "HeldTransaction", *, committed: bool) -> None:
        client = held_client()
        if client is not None:
            client.open_rows.clear()
            if committed:
                client.run.observed.commits += [Commit(client.name, id, version) for id, version in tx.rows.items()]

    def hold(self, steps_touch: Touch, label: str) -> None:
        client = held_client()
        if client is None:
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
            record: Record | None = slot.cursor.execute(sql or "", values).fetchone()
        finally:
            database.on_slow = None
        if record is not None:
            self.rows[record["id"]] = record["version"]
            if client is not None:
                client.open_rows.add(f"lock:{record['id']}")
        return record

    def _look(self, client: Client, pid: int) -> None:
        world = self.source.world
        if world.is_blocked(pid):
            client.wait_for_rows(lambda: world.is_blocked(pid))
