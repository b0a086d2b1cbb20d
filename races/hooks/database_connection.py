"""A PostgreSQL connection whose client can be paused while its statement waits for a row lock."""

import select
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import DictRow

from stampede.stack.postgres.pooler import DIRECT, PID
from stampede.stack.postgres.source import prepare_session

CHECK_EVERY_S = 0.002
"""How long a statement may take, in seconds, before the explorer checks whether it waits for a row lock."""
CHECK_SOON_S = 0.0001
"""The same if another client is known to have locked the row. The wait is still checked."""


class ScheduledDatabaseConnection(psycopg.Connection[DictRow]):
    """A PostgreSQL connection that lets other clients run while its statement waits for a row lock."""

    on_slow: Callable[[], None] | None = None
    """Called each time that a statement has taken another `check_every_s` seconds."""
    check_every_s = CHECK_EVERY_S
    pooling = DIRECT
    backend_pid = 0
    """The process id of the server backend that runs this client's transaction."""

    def prepare(self, session: Mapping[str, str]) -> None:
        """Apply session settings as far as a pooler allows. Skips settings that this role may not change."""
        settings = {name: value for name, value in session.items() if may_set(self, name)}
        self.pooling = prepare_session(self, settings)
        self.backend_pid = int(self.command(PID).get_value(0, 0) or 0)

    def begin(self) -> None:
        """Begin a transaction."""
        if self.pooling.keeps_session:
            self.command(b"BEGIN")
        else:
            self.backend_pid = int(self.command(b"BEGIN; " + PID).get_value(0, 0) or 0)

    def descriptors(self) -> list[int]:
        """The file descriptor of its socket. Empty if the connection is closed."""
        return [] if self.closed else [self.fileno()]

    def command(self, sql: bytes) -> PGresult:
        """Run statements without parameters in one round trip. Returns the last result. Raises psycopg.Error."""
        result = self.pgconn.exec_(sql)
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            if self.pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(result.get_error_message() or "the connection was lost")
            raise error_from_result(result)
        return result

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if self.on_slow is None:
            return super().wait(gen, interval, timeout)
        try:
            wanted = next(gen)
            while True:
                readable, writable, _ = select.select(
                    [self.pgconn.socket] if wanted & waiting.WAIT_R else [],
                    [self.pgconn.socket] if wanted & waiting.WAIT_W else [],
                    [],
                    self.check_every_s,
                )
                if readable or writable:
                    ready = (waiting.READY_R if readable else 0) | (waiting.READY_W if writable else 0)
                    wanted = gen.send(ready)
                else:
                    gen.send(waiting.READY_NONE)
                    self.on_slow()
        except StopIteration as end:
            return end.value


def may_set(connection: psycopg.Connection[Any], name: str) -> bool:
    """Whether this role may change a setting of its session. Some are reserved for superusers."""
    found = connection.execute(
        "SELECT context = 'user' OR current_setting('is_superuser') = 'on' AS may FROM pg_settings WHERE name = %s",
        [name],
        prepare=False,
    ).fetchone()
    return bool(found and found["may"])
