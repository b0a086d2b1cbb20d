"""The database as patterns see it: PostgreSQL over a connection pool, with the workload's SQL."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from stampede.core.errors import ConfigError, StackError
from stampede.patterns.caching.cache_pattern import Record, RecordId, Source, Transaction
from stampede.scenarios.workload import OwnSql
from stampede.stack.postgres.pooler import Pooling, pooling_of
from stampede.stack.servers import without_password

DictConnection = psycopg.Connection[DictRow]
Pool = ConnectionPool[DictConnection]

OPEN_WITHIN_S = 30.0

COLUMNS = """id, name, email, body, version,
    to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated_at"""
"""updated_at is ISO 8601 text, so that a record is the same before and after any serializer."""

LOAD = f"""
SELECT {COLUMNS}
FROM stampede.users
WHERE id = %(id)s
  AND coalesce((
    SELECT sum((SELECT sum(o.amount) FROM (
        SELECT amount FROM stampede.orders WHERE amount > -lap LIMIT %(cpu_rows)s
    ) AS o)) FROM generate_series(1, %(cpu_laps)s::int) AS lap
  ), 0) >= 0
  AND (SELECT pg_sleep(%(wait_s)s)) IS NOT NULL
"""

UPDATE = f"""
UPDATE stampede.users
SET name = coalesce(%(name)s::text, name), email = coalesce(%(email)s::text, email),
    body = coalesce(%(body)s::text, body), version = version + 1, updated_at = clock_timestamp()
WHERE id = %(id)s
RETURNING {COLUMNS}
"""

CREATE = f"""
INSERT INTO stampede.users (name, email, body)
VALUES (coalesce(%(name)s::text, ''), coalesce(%(email)s::text, ''), coalesce(%(body)s::text, ''))
RETURNING {COLUMNS}
"""


@dataclass(frozen=True, kw_only=True)
class Statements:
    """The SQL of a workload, with psycopg's named parameters. `asdict` gives JSON; `Statements(**…)` reads it back."""

    load: str
    """Selects one row by %(id)s. Its columns are the record. Empty: the user's own loader runs, and no SQL of ours."""
    update: str | None = None
    """Changes the row %(id)s and returns the same columns. None: the workload cannot write."""
    create: str | None = None
    """Inserts a row and returns the same columns."""
    version_column: str | None = None
    """A column that increases by one with every update. None: freshness cannot be judged."""
    extra_params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of every statement in addition to id and changes."""
    session: Mapping[str, str] = field(default_factory=dict)
    """PostgreSQL settings of the sessions that run the statements."""
    id_columns: list[str] = field(default_factory=lambda: ["id"])
    """The columns of an id, which are parameters under their names. A single one is also %(id)s."""

    def params(self, record_id: Any = None, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The parameters of a statement. `record_id`: None for a new record."""
        columns = self.id_columns
        if len(columns) > 1:
            key = dict(zip(columns, record_id or [None] * len(columns), strict=True))
            return {**self.extra_params, **(changes or {}), **key}
        return {columns[0]: record_id, **self.extra_params, **(changes or {}), "id": record_id}

    def without_cost(self) -> "Statements":
        """The same statements on the article's table, whose loads use no CPU time of their own and do not wait. The
        user's own statements are unchanged."""
        free = {name: 0 for name in ("cpu_rows", "cpu_laps", "wait_s") if name in self.extra_params}
        return replace(self, extra_params={**self.extra_params, **free})


def default_statements(cpu_rows: int, wait_ms: float, cpu_laps: int = 1) -> Statements:
    """The statements on the article's table of users.

    A load reads its row, spends CPU on `cpu_laps` sums over the first `cpu_rows` orders, and waits `wait_ms` inside the
    query. Every session keeps one plan.
    """
    return Statements(
        load=LOAD,
        update=UPDATE,
        create=CREATE,
        version_column="version",
        extra_params={
            "cpu_rows": cpu_rows,
            "cpu_laps": cpu_laps if cpu_rows else 0,
            "wait_s": wait_ms / 1000,
            "name": None,
            "email": None,
            "body": None,
        },
        session={"plan_cache_mode": "force_generic_plan", "jit": "off", "max_parallel_workers_per_gather": "0"},
    )


def user_statements(sql: OwnSql, id_columns: Sequence[str] = ("id",)) -> Statements:
    """The user's statements, unchanged. Their sessions keep the server's settings. `id_columns`: those of `ids`."""
    return Statements(
        load=sql.load,
        update=sql.update,
        create=sql.create,
        version_column=sql.version,
        extra_params={"text": None, "number": None},
        id_columns=list(id_columns),
    )


class UntypedText(Dumper):
    """A value whose type PostgreSQL infers from the statement, so that an index on the compared column is used.

    psycopg names a type for each value, and chooses that of an integer by its size. PostgreSQL would treat each type as
    a separate statement, in its plans and in pg_stat_statements, and would compare a `bigint` column with a `numeric`
    id, or a `real` column with a `double precision` id, without the column's index.
    """

    oid = 0

    def dump(self, obj: Any) -> Buffer | None:
        return parameter_text(obj).encode()


def parameter_text(value: Any) -> str:
    """A value as text that PostgreSQL reads as the type that the statement implies."""
    return UNTYPED.get(type(value), str)(value)


def interval_text(value: timedelta) -> str:
    """A time span as PostgreSQL reads it."""
    return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"


UNTYPED: Mapping[type, Callable[[Any], str]] = {
    int: str,
    Decimal: str,
    float: repr,
    UUID: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
    time: time.isoformat,
    timedelta: interval_text,
    bytes: lambda value: f"\\x{value.hex()}",
}
"""The values that are sent as UntypedText. Text is sent so by psycopg itself."""


def prepare_session(connection: psycopg.Connection[Any], session: Mapping[str, str]) -> Pooling:
    """Configure a connection as a session of the workload: each statement is prepared at its first use.

    Through a pooler only settings that it keeps per client are made: other clients use the same server connections.
    """
    pooling = pooling_of(connection)
    connection.prepare_threshold = 0 if pooling.prepares else None
    for kind in UNTYPED:
        connection.adapters.register_dumper(kind, UntypedText)
    if session and pooling.keeps_session:
        settings = "SELECT " + ", ".join(["set_config(%s, %s, false)"] * len(session))
        connection.execute(settings, [word for item in session.items() for word in item], prepare=False)
    return pooling


def open_pool(url: str, size: int, session: Mapping[str, str] | None = None) -> Pool:
    """Open a pool of `size` autocommit connections. Raises StackError if not all of them are open in time."""
    pool: Pool = ConnectionPool(
        url,
        min_size=size,
        max_size=size,
        open=False,
        connection_class=DictConnection,
        kwargs={"autocommit": True, "row_factory": dict_row},
        configure=lambda connection: void(prepare_session(connection, session or {})),
        max_lifetime=24 * 3600,
        max_idle=24 * 3600,
    )
    try:
        pool.open(wait=True, timeout=OPEN_WITHIN_S)
    except PoolTimeout as late:
        pool.close()
        raise StackError("postgres", without_password(url), f"room for {size} more connections") from late
    return pool


def void(_result: object) -> None:
    """Drop a result."""


class PostgresSource(Source):
    """The records in PostgreSQL. Thread-safe: each call borrows a connection from the pool."""

    def __init__(self, pool: Pool, statements: Statements) -> None:
        self.pool = pool
        self.statements = statements

    def load(self, record_id: RecordId) -> Record | None:
        with self.pool.connection() as connection:
            return run(connection, self.statements.load, self.statements.params(record_id))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.pool.connection() as connection, connection.transaction():
            yield PostgresTransaction(connection, self)

    def flush_statistics(self) -> None:
        """Make every session of the pool report its counts to pg_stat_database, which otherwise lag."""
        connections = [self.pool.getconn() for _ in range(self.pool.max_size)]
        try:
            for connection in connections:
                connection.execute("SELECT pg_stat_force_next_flush()")
        finally:
            for connection in connections:
                self.pool.putconn(connection)


class PostgresTransaction:
    """The writes of one open transaction."""

    def __init__(self, connection: DictConnection, source: PostgresSource) -> None:
        self.connection = connection
        self.source = source

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        sql = self.source.statements.update
        if sql is None:
            raise ConfigError("sql.update", None, "an UPDATE … RETURNING: this workload cannot write")
        return run(self.connection, sql, self.source.statements.params(record_id, changes))

    def create(self, new: Record) -> Record:
        sql = self.source.statements.create
        if sql is None:
            raise ConfigError("sql.create", None, "an INSERT … RETURNING: this workload cannot create")
        created = run(self.connection, sql, self.source.statements.params(None, new))
        if created is None:
            raise ConfigError("sql.create", sql, "an INSERT that returns the new row (RETURNING …)")
        return created


def run(connection: DictConnection, sql: str, params: Mapping[str, Any]) -> Record | None:
    return connection.execute(sql, params).fetchone()


def statement_ids(connection: psycopg.Connection[Any], statements: Statements, table: str = "sql") -> dict[str, int]:
    """The queryid of load, update and create in pg_stat_statements, as far as the server reports them.

    The connection must be configured by `prepare_session`. `table`: of the workload file, for messages. Raises
    ConfigError for SQL that PostgreSQL refuses.
    """
    found = {}
    for name in ("load", "update", "create"):
        sql: str | None = getattr(statements, name)
        if sql:
            queryid = explained_id(connection, f"{table}.{name}", sql, statements.params())
            if queryid is not None:
                found[name] = queryid
    return found


def statement_ids_by_query(connection: psycopg.Connection[Any], queries: Mapping[str, Statements]) -> dict[str, int]:
    """As `statement_ids`, for the statements of several queries by name: `load@product`. A single query has no name."""
    if len(queries) == 1:
        return statement_ids(connection, next(iter(queries.values())))
    return {
        f"{name}@{query}": queryid
        for query, statements in queries.items()
        for name, queryid in statement_ids(connection, statements, f"query {query}").items()
    }


def explained_id(
    connection: psycopg.Connection[Any], field_name: str, sql: str, params: Mapping[str, Any]
) -> int | None:
    """The statement's identifier, from EXPLAIN, which plans the statement without running it."""
    with refused(field_name, sql), connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        row = cursor.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}", params, prepare=False).fetchone()
    identifier: int | None = row[0][0].get("Query Identifier") if row else None
    return identifier


class ReceivedValue(str):
    """A received value as text that error messages show without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


SERVER_ERRORS = ("08", "53", "57P")
"""First characters of the SQLSTATE codes that report a problem of the server, not of the statement."""


@contextmanager
def refused(field_name: str, sql: str) -> Iterator[None]:
    """Turn the refusal of a statement by the driver or server into ConfigError, with a remedy if one is known.

    The error of a lost connection is not changed.
    """
    try:
        yield
    except (psycopg.Error, TypeError) as error:
        code = getattr(error, "sqlstate", None)
        before_sent = code is None and isinstance(error, psycopg.ProgrammingError | TypeError)
        if not before_sent and (code is None or code.startswith(SERVER_ERRORS)):
            raise
        remedy = remedy_for(first_line(error)) if before_sent or code == "42601" else ""
        want = f"SQL that works: {first_line(error)}{remedy}"
        raise ConfigError(field_name, ReceivedValue(" ".join(sql.split())), want) from error


def remedy_for(message: str) -> str:
    """The remedy for a malformed statement. Empty: none is known."""
    if "placeholder" in message:
        return "; write %% for a % that does not begin a parameter"
    if "parameter missing" in message:
        return "; the parameters are %(id)s, %(text)s and %(number)s"
    if "multiple commands" in message:
        return "; only one statement is allowed"
    return ""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0]
