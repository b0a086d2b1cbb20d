"""redis-py connections that wait for the client's turn before every round trip.

A subclass of the client would miss pipelines, scripts and pub/sub, whereas every command passes through a connection.
"""

import select
from typing import Any

from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from stampede.core.errors import ClientKilled, NotJudged, in_one_line
from stampede.races.commands.command_table import SCRIPTS, RedisRequest
from stampede.races.commands.lock_commands import Contents, keys_expiring_at_once, record_command, record_script
from stampede.races.commands.script_effects import expiring_keys, parse_contents, read_contents_command
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.actions import EVERYTHING
from stampede.races.scheduler.client import Client, current_client
from stampede.races.scheduler.virtual_time import clock_of_this_thread, real_time
from stampede.races.verdicts.refusals import environment_error_in, is_environment_error


class ScheduledAbstractConnection(AbstractConnection):
    """Adds scheduling to a redis-py connection. To be combined with one of redis-py's connection classes."""

    def __init__(self, *, sandbox: Sandbox, **settings: Any) -> None:
        self._sandbox = sandbox
        self._awaited: list[tuple[str, list[bytes]]] = []
        """(name, command) of each command whose reply has not been read."""
        self._queued: list[tuple[str, list[bytes]]] = []
        """(name, command) of each command that is queued in a MULTI."""
        self._listens = False
        """Whether it has subscribed to a channel."""
        self._connecting = False
        self.server_id: int | None = None
        """The server's id of this connection (CLIENT ID). None: the server refused the command."""
        self._scripted: list[str] = []
        """The keys of the scripts in the last round trip."""
        self._requested: list[str] = []
        """The keys among them whose contents the same round trip requests before the scripts."""
        self._before: dict[str, Contents] = {}
        """The contents of the keys before the scripts."""
        self._in_transaction = False
        """Whether a MULTI was sent without its EXEC."""
        self._client: Client | None = None
        """The client that sent the last command."""
        super().__init__(**settings)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send when it is this client's turn. Raises ClientKilled if the client, the server or the explorer fails."""
        wire = b"".join([command] if isinstance(command, bytes) else command)
        if self._connecting:
            self._sandbox.trips += 1
            super().send_packed_command([wire], check_health)  # type: ignore[no-untyped-call]
            return
        client = current_client()
        try:
            if self._sock is None:
                self.connect_check_health(check_health=False)
            cleans_up = client is not None and self._cleans_up(client, self._sandbox.command_table.request(wire))
            if not cleans_up:
                self._await_turn_and_send(client, wire, check_health)
        except Exception as error:
            raise self._sandbox.record_failure(error) from error
        if cleans_up:
            raise RedisConnectionError("the client that watched keys on this connection has crashed")

    def _await_turn_and_send(self, client: Client | None, wire: bytes, check_health: bool) -> None:
        if client is None:
            self._sandbox.refuse_contender_threads()
            self._sandbox.count_unscheduled_trip()
            super().send_packed_command([wire], check_health)  # type: ignore[no-untyped-call]
            if clock_of_this_thread() is not None:
                self._wait_unscheduled(self._sandbox.command_table.request(wire))
            return
        request = self._sandbox.command_table.request(wire)
        self._client = client
        client.await_turn(request.touch, request.label)
        before, after = self._contents_requests(client, request)
        self._awaited = list(zip(request.names, request.commands, strict=True))
        super().send_packed_command([*before, wire, *after], check_health)  # type: ignore[no-untyped-call]
        self._sandbox.trips += 1
        if request.subscribes:
            self._listens = True
            self._awaited = []
            select.select([self._get_socket()], [], [], 5)  # type: ignore[type-var]  # the server has subscribed it; the reply is read later
        elif request.waits_s is not None:
            self._wait_for_reply(client, request)

    def _cleans_up(self, client: Client, request: RedisRequest) -> bool:
        """Whether this is the UNWATCH that redis-py's pipeline sends when it is garbage-collected after a crash.

        A crashed client takes no step, and its pipeline may be collected in the thread of another client. redis-py
        handles a lost connection there: it closes the connection and raises nothing.
        """
        return request.names == ("unwatch",) and (client.killed or self._client is not client)

    def connect_check_health(self, *args: Any, **settings: Any) -> None:
        """Connect. The handshake is not a step, because the pool of an application is warm."""
        if self._sock is not None:
            return
        self._listens, self._awaited, self._connecting = False, [], True
        try:
            with real_time():
                super().connect_check_health(*args, **settings)
                self.server_id = self._read_server_id()
        except RedisError as error:
            raise self._sandbox.record_failure(error) from error
        finally:
            self._connecting = False

    def _read_server_id(self) -> int | None:
        """The id with which CLIENT UNBLOCK can end a blocking read of this connection. None: not available."""
        try:
            self.send_command("CLIENT", "ID", check_health=False)  # type: ignore[no-untyped-call]
            return int(super().read_response())
        except ResponseError:
            return None

    def _wait_for_reply(self, client: Client, request: RedisRequest) -> None:
        """Wait until a blocking read has a reply or its timeout has passed."""
        self._sandbox.settle()
        if self._readable():
            return
        try:
            served = client.wait(request.touch, "is served", request.waits_s, self._readable)
        except ClientKilled:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise
        if not served:
            self._sandbox.unblock(self)

    def _wait_unscheduled(self, request: RedisRequest) -> None:
        """Perform a blocking read outside a schedule: its reply comes at once, or after its timeout."""
        if request.subscribes:
            self._listens, self._awaited = True, []
            select.select([self._get_socket()], [], [], 5)  # type: ignore[type-var]
        elif request.waits_s is not None:
            self._sandbox.settle()
            if not self._readable():
                self._sandbox.wait_unscheduled(request.waits_s)
                self._sandbox.unblock(self)

    def can_read(self, timeout: float = 0) -> bool:
        """Whether there is something to read. A subscriber waits for `timeout` seconds of virtual time."""
        if not self._listens:
            return bool(super().can_read(timeout))
        try:
            return self._message_arrives(timeout)
        except Exception as error:
            raise self._sandbox.record_failure(error) from error

    def _message_arrives(self, timeout: float) -> bool:
        client = current_client()
        self._sandbox.settle()
        if self._readable() or not timeout:
            return self._readable()
        if client is None:
            self._sandbox.wait_unscheduled(timeout)
            return self._readable()
        try:
            return client.wait(EVERYTHING, "gets a message", timeout, self._readable)
        except ClientKilled:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise

    def read_response(self, *args: Any, **settings: Any) -> Any:
        """The next reply. Records errors of the environment, which the contender sees too. Raises ClientKilled."""
        if self._connecting:
            return super().read_response(*args, **settings)
        client = current_client()
        try:
            self._wait_for_message(client)
            self._read_contents_before()
        except Exception as error:
            raise self._sandbox.record_failure(error) from error
        try:
            reply = super().read_response(*args, **settings)
        except RedisError as error:
            self._sandbox.missed_script |= isinstance(error, NoScriptError)
            if is_environment_error(error):
                sent = f" to {self._awaited[0][0].upper()}" if self._awaited else ""
                self._sandbox.record_failure(NotJudged(f"Redis answered{sent} with {in_one_line(error)}"))
            del self._awaited[:1]
            if isinstance(error, ResponseError):
                self._read_contents_after(client)
            raise
        if client is not None and self._awaited:
            try:
                self._observe(client, reply)
                self._read_contents_after(client)
            except Exception as error:
                raise self._sandbox.record_failure(error) from error
        return reply

    def _wait_for_message(self, client: Client | None) -> None:
        """Wait until a subscriber has something to read."""
        if not self._listens or self._awaited:
            return
        self._sandbox.settle()
        if client is None and not self._readable():
            self._sandbox.wait_unscheduled(float("inf"))
        elif client is not None and not self._readable():
            try:
                client.wait(EVERYTHING, "gets a message", None, self._readable)
            except ClientKilled:
                self.disconnect()  # type: ignore[no-untyped-call]
                raise

    def _observe(self, client: Client, reply: Any) -> None:
        """Record the effect of the command to which the reply belongs, or of all commands of an EXEC."""
        name, command = self._awaited.pop(0)
        if name == "multi":
            self._queued = []
        if reply in (b"QUEUED", "QUEUED"):
            self._queued.append((name, command))
        elif name == "exec" and isinstance(reply, list):
            refused = environment_error_in(reply)
            if refused is not None:
                self._sandbox.record_failure(
                    NotJudged(f"Redis answered a command in MULTI with {in_one_line(refused)}")
                )
            for (queued, arguments), answer in zip(self._queued, reply, strict=False):
                self._record_effect(client, queued, arguments, answer)
        else:
            self._record_effect(client, name, command, reply)

    def _contents_requests(self, client: Client, request: RedisRequest) -> tuple[list[bytes], list[bytes]]:
        """The commands to send before and after a round trip with scripts, to read the contents of their keys."""
        self._scripted, self._requested = [], []
        if client.span is None:
            return [], []
        key_contents, table = self._sandbox.key_contents, self._sandbox.command_table
        if not {"exec", "discard"}.isdisjoint(request.names):
            self._in_transaction = False
        elif "multi" in request.names:
            self._in_transaction = True
        if self._in_transaction or SCRIPTS.isdisjoint(request.names):
            key_contents.invalidate(request.touch)
            return [], []
        for name, arguments in zip(request.names, request.commands, strict=True):
            if name in SCRIPTS:
                self._scripted += [key for key in table.keys(name, arguments) if key not in self._scripted]
        self._requested = key_contents.unknown(self._scripted)
        self._before = key_contents.known(self._scripted)
        key_contents.invalidate(request.touch)
        return self._packed_request(self._requested), self._packed_request(self._scripted)

    def _packed_request(self, keys: list[str]) -> list[bytes]:
        return self.pack_command(*read_contents_command(keys)) if keys else []  # type: ignore[no-untyped-call]

    def _read_contents_before(self) -> None:
        """Read the reply with the contents before the scripts, if it was requested."""
        if self._requested:
            reply = self._contents_reply()
            self._before |= {key: parse_contents(row) for key, row in zip(self._requested, reply, strict=False)}
            self._requested = []

    def _contents_reply(self) -> list[list[Any]]:
        """The contents of keys. Empty without the right to read them: then no lock of a script is found."""
        try:
            contents: list[list[Any]] = super().read_response(disable_decoding=True)
        except ResponseError:
            return []
        return contents

    def _read_contents_after(self, client: Client | None) -> None:
        """Read the contents of the scripts' keys after the scripts, once every other reply has been read."""
        if not self._scripted or self._awaited or client is None or client.span is None:
            return
        keys, self._scripted = self._scripted, []
        reply = self._contents_reply()
        after = self._sandbox.key_contents.update(keys, reply)
        record_script(client.execution.observations.locks, client.span, self._before, after)
        self._expire_keys(client, expiring_keys(keys, reply))

    def _record_effect(self, client: Client, name: str, command: list[bytes], reply: Any) -> None:
        """Record the effect of a command on locks. Effects of scripts follow from the contents of their keys."""
        locks, span, sandbox = client.execution.observations.locks, client.span, self._sandbox
        if span is None or name in SCRIPTS:
            return
        if not record_command(locks, span, name, command, reply):
            if locks.holds and sandbox.command_table.writes(name):
                held_keys = {key for key, _ in locks.holds}.intersection(sandbox.command_table.keys(name, command))
                for key in held_keys:
                    if not sandbox.has_key(key):
                        locks.freed(span, (key, ""), name.upper())
        elif reply:
            self._expire_keys(client, keys_expiring_at_once(name, command))

    def _expire_keys(self, client: Client, keys: list[str]) -> None:
        """Delete the keys that expire before the next step."""
        for key in keys:
            self._sandbox.expire_key(key)
            client.execution.observations.locks.key_removed(key)

    def _readable(self) -> bool:
        return self._sock is not None and bool(super().can_read(0))


class ScheduledConnection(ScheduledAbstractConnection, Connection):
    """A scheduled connection for redis:// URLs."""


class ScheduledTlsConnection(ScheduledAbstractConnection, SSLConnection):
    """A scheduled connection for rediss:// URLs."""


class ScheduledSocketConnection(ScheduledAbstractConnection, UnixDomainSocketConnection):
    """A scheduled connection for unix:// URLs."""


CONNECTIONS: dict[str, type[Any]] = {
    "redis": ScheduledConnection,
    "rediss": ScheduledTlsConnection,
    "unix": ScheduledSocketConnection,
}
