"""A Source whose statements are scheduled: BEGIN, each statement and COMMIT wait for the client's turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from stampede.core.errors import ClientKilled, ExplorerError, NotJudged, in_one_line
from stampede.patterns.caching.cache_pattern import Record, Source, Transaction
from stampede.races.hooks.database_connection import CHECK_EVERY_S, CHECK_SOON_S
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.actions import Touch, touch
from stampede.races.scheduler.client import Client, current_client
from stampede.races.scheduler.client_thread import ClientThread
from stampede.races.verdicts.history import Commit, Load
from stampede.races.verdicts.refusals import is_environment_error


class LoadFailed(psycopg.OperationalError):
    """The load that a situation lets fail."""


class ScheduledSource(Source):
    """The database of one client. BEGIN, each statement and COMMIT are steps of the schedule."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.statements = sandbox.statements

    @property
    def thread(self) -> ClientThread:
        """The thread whose connection the current caller uses."""
        client = current_client()
        return client.thread if client else self.sandbox.unscheduled_thread

    def load(self, record_id: int) -> Record | None:
        client = current_client()
        self.await_turn(touch(reads=(f"row:{record_id}",)), f"SELECT {record_id}")
        if client is None:
            self.sandbox.unscheduled_loads += 1
        else:
            client.execution.observations.loads.append(Load(client.name, record_id, client.root is not None))
            self._record_work(client)
            if self.sandbox.next_load_fails():
                raise LoadFailed("the situation lets this load fail")
        with self.recording_errors():
            return self.thread.cursor.execute(self.statements.load, {"id": record_id}).fetchone()

    @contextmanager
    def recording_errors(self) -> Iterator[None]:
        """Record an error of the environment and raise it again, so that the contender sees it too."""
        try:
            yield
        except psycopg.Error as error:
            if is_environment_error(error):
                self.sandbox.record_failure(NotJudged(f"PostgreSQL answered with {in_one_line(error)}"))
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.await_turn(Touch(), "BEGIN")
        database = self.thread.database
        with self.recording_errors():
            database.begin()
        tx = ScheduledTransaction(self)
        try:
            yield tx
            self.await_turn(touch(writes=tuple(f"{kind}:{id}" for id in tx.rows for kind in ("row", "lock"))), "COMMIT")
        except BaseException as error:
            if not isinstance(error, ClientKilled):
                self.await_turn(touch(writes=tuple(f"lock:{id}" for id in tx.rows)), "ROLLBACK")
            else:
                self.sandbox.trips += 1  # the server rolls back for a crashed client
            with self.recording_errors():
                database.command(b"ROLLBACK")
            self._record_end(tx, committed=False)
            raise
        with self.recording_errors():
            database.command(b"COMMIT")
        self._record_end(tx, committed=True)

    def _record_work(self, client: Client) -> None:
        if client.span is not None:
            client.execution.observations.locks.worked(client.span)

    def _record_end(self, tx: "ScheduledTransaction", *, committed: bool) -> None:
        client = current_client()
        if client is not None:
            client.open_rows.clear()
            if committed:
                client.execution.observations.commits += [
                    Commit(client.name, id, version) for id, version in tx.rows.items()
                ]
                self._record_work(client)

    def await_turn(self, step_touch: Touch, label: str) -> None:
        """Wait for the client's turn before a round trip. Outside a schedule only count the round trip."""
        client = current_client()
        if client is None:
            self.sandbox.refuse_contender_threads()
            self.sandbox.count_unscheduled_trip()
            return
        client.await_turn(step_touch, label)
        self.sandbox.trips += 1


class ScheduledTransaction:
    """Writes inside one open transaction."""

    def __init__(self, source: ScheduledSource) -> None:
        self.source = source
        self.rows: dict[int, int] = {}
        """Record id to the version that the update or insert returned."""

    def update(self, record_id: int, changes: Record) -> Record | None:
        self.source.sandbox.updated = True
        lock = f"lock:{record_id}"
        self.source.await_turn(touch(reads=(f"row:{record_id}",), writes=(lock,)), f"UPDATE {record_id}")
        values = {"name": None, "email": None, **changes, "id": record_id}
        return self._run(self.source.statements.update, values)

    def create(self, new: Record) -> Record:
        self.source.sandbox.created = True
        self.source.await_turn(touch(writes=("sequence",)), "INSERT")
        record = self._run(self.source.statements.create, {"name": None, "email": None, **new, "id": None})
        if record is None:
            raise ExplorerError("INSERT returned no row")
        return record

    def _run(self, sql: str | None, values: dict[str, Any]) -> Record | None:
        client, thread = current_client(), self.source.thread
        database = thread.database
        if client is not None:
            database.on_slow = lambda: self._handle_slow_statement(client, database.backend_pid)
            expected = any(f"lock:{values['id']}" in other.open_rows for other in client.execution.clients)
            database.check_every_s = CHECK_SOON_S if expected else CHECK_EVERY_S
        try:
            with self.source.recording_errors():
                record: Record | None = thread.cursor.execute(sql or "", values).fetchone()
        finally:
            database.on_slow = None
        if record is not None:
            self.rows[record["id"]] = record["version"]
            if client is not None:
                client.open_rows.add(f"lock:{record['id']}")
        return record

    def _handle_slow_statement(self, client: Client, pid: int) -> None:
        """Let other clients run if the statement waits for a row lock.

        Also after a failure, so that the client that locked the row can roll back.
        """
        sandbox = self.source.sandbox
        try:
            blocked = sandbox.failure is None and sandbox.is_blocked(pid)
        except Exception as error:  # noqa: BLE001 - must not reach the contender
            sandbox.record_failure(error)
            blocked = True
        if blocked:
            client.wait_for_row_lock(lambda: sandbox.is_blocked(pid))
