"""Detects a connection pooler such as PgBouncer in front of PostgreSQL, and which session state it keeps."""

import select
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from stampede.core.errors import StackError
from stampede.stack.servers import ANSWER_WITHIN_S, Remark

EXTRA_CONNECTIONS = 3
"""How many more connections are opened to see whether they share a server process."""
QUERIES_EACH = 4
"""How often each connection queries its server process after each newly opened connection."""
TRIES = 5
"""How often a statement is prepared, at most, until it is executed on another server connection."""
PID = b"SELECT pg_backend_pid()"


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """How a pooler assigns server connections to clients."""

    mode: str
    """none: no pooler; session: a client keeps one server connection; transaction: it gets one per transaction."""
    prepares: bool = True
    """Whether a prepared statement works on every server connection that the client gets."""

    @property
    def keeps_session(self) -> bool:
        """Whether a session setting stays with the client that made it."""
        return self.mode != "transaction"

    def remarks(self) -> list[Remark]:
        """The remarks for the report."""
        if self.mode == "none":
            return []
        what = f"a pooler in {self.mode} mode is in front of PostgreSQL"
        cost = "its work and its queue are part of every statement's time"
        if not self.keeps_session:
            what += "; no session setting is made (jit, plan_cache_mode, max_parallel_workers_per_gather)"
        if not self.prepares:
            what += "; statements are not prepared, since it does not support prepared statements"
            cost += ", and each statement is planned again at each call"
        return [Remark(name="pooler", what=what, cost=cost)]


DIRECT = Pooling(mode="none")
_known: dict[str, Pooling] = {}


def pooling_of(connection: psycopg.Connection[Any]) -> Pooling:
    """The pooling on an idle autocommit connection. It is detected once for each process and address.

    A pooler gives its clients an invented process id, by which it is recognised. Raises StackError for statement mode,
    which has no transactions.
    """
    if ask(connection, PID) == str(connection.info.backend_pid):
        return DIRECT
    address = connection.info.dsn
    if address not in _known:
        _known[address] = find_pooling(connection)
    return _known[address]


def find_pooling(connection: psycopg.Connection[Any]) -> Pooling:
    """Detect the pooler's mode by the server processes that several connections use."""
    others: list[psycopg.Connection[Any]] = []
    try:
        pids: dict[psycopg.Connection[Any], set[str | None]] = {connection: set()}
        for _ in range(EXTRA_CONNECTIONS):
            others.append(connect_like(connection))
            pids[others[-1]] = set()
            for _ in range(
                QUERIES_EACH
            ):  # in turn, since other clients of the pool may hold a server connection for a while
                for client, seen in pids.items():
                    seen.add(ask(client, PID))
                if None in pids[others[-1]]:  # no server connection was left
                    return Pooling(mode="session")
            if shares(pids):
                return Pooling(mode="transaction", prepares=supports_prepared(connection, others[0]))
        return Pooling(mode="session")
    finally:
        for other in others:
            other.close()


def shares(pids: dict[psycopg.Connection[Any], set[str | None]]) -> bool:
    """Whether a client used two server processes, or two clients used the same one."""
    return any(len(seen) > 1 for seen in pids.values()) or len(set().union(*pids.values())) < len(pids)


def supports_prepared(connection: psycopg.Connection[Any], blocker: psycopg.Connection[Any]) -> bool:
    """Whether a statement that was prepared on one server connection can be executed on another.

    It is prepared inside a transaction, so that the server process is known. Then `blocker` occupies that process, if
    the pooler assigns it.
    """
    if ask(blocker, b"BEGIN") is None:
        want = "a pooler that supports transactions (pool_mode = transaction or session)"
        raise StackError("postgres", f"{connection.info.host}:{connection.info.port}", want)
    ask(blocker, b"ROLLBACK")
    for _ in range(TRIES):
        with closing(connect_like(connection)) as client:
            name = f"stampede_{uuid.uuid4().hex[:8]}".encode()
            ask(client, b"BEGIN")
            client.pgconn.send_prepare(name, PID)
            if answer(client) is None:
                return False
            prepared_on = ask(client, PID)
            ask(client, b"COMMIT")
            ask(blocker, b"BEGIN")
            ask(blocker, PID)
            client.pgconn.send_query_prepared(name, [])
            executed_on = answer(client)
            ask(blocker, b"DEALLOCATE " + name)
            ask(blocker, b"ROLLBACK")
            if executed_on != prepared_on:
                return executed_on is not None
    return False


def connect_like(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Open another connection to the same address as the same user."""
    info = connection.info
    return psycopg.connect(
        info.dsn, password=info.password or None, autocommit=True, connect_timeout=round(ANSWER_WITHIN_S)
    )


def ask(connection: psycopg.Connection[Any], sql: bytes) -> str | None:
    """The first value of a statement's result, or "" if it has none. None: it failed, or the answer was too late."""
    try:
        connection.pgconn.send_query(sql)
    except psycopg.OperationalError:
        return None
    return answer(connection)


def answer(connection: psycopg.Connection[Any]) -> str | None:
    """As `ask`, for a statement that was already sent."""
    value: str | None = ""
    give_up = time.monotonic() + ANSWER_WITHIN_S
    try:
        while (result := next_result(connection.pgconn, give_up)) is not None:
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                value = None
            elif value is not None and result.ntuples:
                value = (result.get_value(0, 0) or b"").decode()
    except (TimeoutError, psycopg.OperationalError):
        return None
    return value


def next_result(pgconn: PGconn, give_up: float) -> PGresult | None:
    """The next result; None after the last. Raises TimeoutError at the instant `give_up` of the monotonic clock."""
    pgconn.flush()
    while pgconn.is_busy():
        if not select.select([pgconn.socket], [], [], max(0.0, give_up - time.monotonic()))[0]:
            raise TimeoutError
        pgconn.consume_input()
    return pgconn.get_result()
