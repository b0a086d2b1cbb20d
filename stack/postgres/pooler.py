"""Detects a connection pooler such as PgBouncer in front of PostgreSQL, and what it keeps of a session."""

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

OTHERS = 3
"""How many more connections are opened to see whether they share a server process."""
ASKED = 4
"""How often each connection is asked for its server process, for each connection that is opened."""
TRIES = 5
"""How often a statement is prepared until it is executed on another server connection."""
PID = b"SELECT pg_backend_pid()"


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """How a pooler gives a client its server connection."""

    mode: str
    """none: no pooler; session: a client keeps one server connection; transaction: it has one for a transaction."""
    prepares: bool = True
    """Whether a prepared statement works on every server connection that the client gets."""

    @property
    def keeps_session(self) -> bool:
        """Whether a setting of a session stays with the client that made it."""
        return self.mode != "transaction"

    def remarks(self) -> list[Remark]:
        """The remarks for the report."""
        if self.mode == "none":
            return []
        what = f"a pooler in {self.mode} mode stands before PostgreSQL"
        cost = "its own work and its queue are part of every statement's time"
        if not self.keeps_session:
            what += "; no setting of a session is made (jit, plan_cache_mode, max_parallel_workers_per_gather)"
        if not self.prepares:
            what += "; statements are not prepared, as it does not know prepared statements"
            cost += ", and each statement is planned again for each call"
        return [Remark(name="pooler", what=what, cost=cost)]


DIRECT = Pooling(mode="none")
_known: dict[str, Pooling] = {}


def pooling_of(connection: psycopg.Connection[Any]) -> Pooling:
    """How the server at the other end of an idle autocommit connection is pooled; asked once a process and address.

    A pooler makes up the process id that it gives a client. Raises StackError for statement mode, which has no
    transactions.
    """
    if ask(connection, PID) == str(connection.info.backend_pid):
        return DIRECT
    address = connection.info.dsn
    if address not in _known:
        _known[address] = find_pooling(connection)
    return _known[address]


def find_pooling(connection: psycopg.Connection[Any]) -> Pooling:
    others: list[psycopg.Connection[Any]] = []
    try:
        pids: dict[psycopg.Connection[Any], set[str | None]] = {connection: set()}
        for _ in range(OTHERS):
            others.append(like(connection))
            pids[others[-1]] = set()
            for _ in range(ASKED):  # in turn: other clients of the pool may hold a server connection for a while
                for client, seen in pids.items():
                    seen.add(ask(client, PID))
                if None in pids[others[-1]]:  # no server connection is left for it
                    return Pooling(mode="session")
            if shares(pids):
                return Pooling(mode="transaction", prepares=supports_prepared(connection, others[0]))
        return Pooling(mode="session")
    finally:
        for other in others:
            other.close()


def shares(pids: dict[psycopg.Connection[Any], set[str | None]]) -> bool:
    """Whether a client got two server processes, or two clients got the same one."""
    return any(len(seen) > 1 for seen in pids.values()) or len(set().union(*pids.values())) < len(pids)


def supports_prepared(connection: psycopg.Connection[Any], blocker: psycopg.Connection[Any]) -> bool:
    """Whether a statement that was prepared on one server connection can be executed on another.

    It is prepared inside a transaction, so that the server process is known; `blocker` then takes that one, if it can.
    """
    if ask(blocker, b"BEGIN") is None:
        want = "a pooler that knows transactions (pool_mode = transaction or session)"
        raise StackError("postgres", f"{connection.info.host}:{connection.info.port}", want)
    ask(blocker, b"ROLLBACK")
    for _ in range(TRIES):
        with closing(like(connection)) as client:
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


def like(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Another connection to the same address, by the same user."""
    info = connection.info
    return psycopg.connect(
        info.dsn, password=info.password or None, autocommit=True, connect_timeout=round(ANSWER_WITHIN_S)
    )


def ask(connection: psycopg.Connection[Any], sql: bytes) -> str | None:
    """The first value that a statement gives, "" where it gives none. None: it failed, or did not answer in time."""
    try:
        connection.pgconn.send_query(sql)
    except psycopg.OperationalError:
        return None
    return answer(connection)


def answer(connection: psycopg.Connection[Any]) -> str | None:
    """The value that `ask` returns, for a statement that was already sent."""
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
    """The next result of what was sent; None after the last. Raises TimeoutError at an instant of the clock."""
    pgconn.flush()
    while pgconn.is_busy():
        if not select.select([pgconn.socket], [], [], max(0.0, give_up - time.monotonic()))[0]:
            raise TimeoutError
        pgconn.consume_input()
    return pgconn.get_result()
