"""A connection to PostgreSQL that can be left while the server holds its statement back."""

import select
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import DictRow

LOOK_EVERY_S = 0.002
"""How long a statement may take before we ask whether it waits for a row lock."""
LOOK_SOON_S = 0.0001
"""The same where another client holds that lock: what it waits for is known, and asked all the same."""


class HeldDatabase(psycopg.Connection[DictRow]):
    """A PostgreSQL connection whose statement, where it waits for a row lock, lets the other clients go on."""

    on_slow: Callable[[], None] | None = None
    look_every_s = LOOK_EVERY_S

    def descriptors(self) -> list[int]:
        """Its socket's, while it is open."""
        return [] if self.closed else [self.fileno()]

    def command(self, sql: bytes) -> PGresult:
        """Statements without values, in one round trip: what the last one gave. Raises psycopg.Error."""
        result = self.pgconn.exec_(sql)
        if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            if self.pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(result.get_error_message() or "the connection is lost")
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
                    self.look_every_s,
                )
                if readable or writable:
                    ready = (waiting.READY_R if readable else 0) | (waiting.READY_W if writable else 0)
                    wanted = gen.send(ready)
                else:
                    gen.send(waiting.READY_NONE)
                    self.on_slow()
        except StopIteration as end:
            return end.value
