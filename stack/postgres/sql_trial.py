"""Tries the user's own SQL before a run: loads several rows and refuses values that cannot be cached."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format
from psycopg.rows import tuple_row

from stampede.core.errors import ConfigError
from stampede.patterns.caching.cache_pattern import RecordId
from stampede.patterns.serialization.serializer import Serializer
from stampede.scenarios.workload import OwnSql, Workload
from stampede.stack.postgres.record_ids import RecordIds, read_ids
from stampede.stack.postgres.source import (
    ReceivedValue,
    Statements,
    first_line,
    prepare_session,
    refused,
    statement_ids,
    user_statements,
)

ROWS = 200
"""How many records are loaded at most: half of them the most popular, the others spread over the rest."""
MIN_ROWS = 10
TRIAL_S = 3.0
"""The trial ends after this time, if at least MIN_ROWS records were tried."""
LOCK_WAIT = "5s"
WORD = re.compile(r"[a-z_][a-z0-9_]*")
Parameters = Mapping[str, Any]


def try_own_sql(
    connection: psycopg.Connection[Any], workload: Workload, serializer: Serializer[Any], file: str = ""
) -> list[RecordIds]:
    """Try the user's statements as a run would use them. Returns the ids of each query, the most popular first.

    `serializer`: the serializer of the contenders. `file`: the workload file, for messages. Raises ConfigError.
    """
    prepare_session(connection, {})
    found = []
    try:
        for sql in workload.queries:
            known = read_ids(connection, sql)
            trial = OwnSqlTrial(connection, sql, serializer, known.columns)
            trial.run(known.ids)
            statement_ids(connection, trial.statements, sql.table)
            found.append(known)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error.field}" if file else error.field, error.value, error.want) from error
    return found


class OwnSqlTrial:
    """Tries the user's statements on their database. It changes nothing: an update is rolled back."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        sql: OwnSql,
        serializer: Serializer[Any],
        id_columns: Sequence[str] = ("id",),
    ) -> None:
        """`id_columns`: the columns of `ids`."""
        self.connection = connection
        self.sql = sql
        self.serializer = serializer
        self.statements: Statements = user_statements(sql, id_columns)

    def run(self, ids: Sequence[RecordId]) -> None:
        """Load several of the ids, and update the first. Raises ConfigError with key, column, value and remedy."""
        existing: RecordId | None = None
        begin_s = time.monotonic()
        for number, record_id in enumerate(ids_to_try(ids)):
            if number >= MIN_ROWS and time.monotonic() - begin_s > TRIAL_S:
                break
            if self.load(record_id) is not None and existing is None:
                existing = record_id
        if existing is None:
            raise self.wrong(
                "load", "", "no row for any id that was tried", f"one row for an id that {self.sql.table}.ids returns"
            )
        if self.sql.update is not None:
            self.update(existing)

    def load(self, record_id: RecordId) -> dict[str, Any] | None:
        """Load one record and check it."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return self.row("load", cursor, record_id)

    def update(self, record_id: RecordId) -> None:
        """Update one record in a transaction that is rolled back, and compare what it returns with a load."""
        with self.connection.transaction() as transaction:
            self.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            before = self.load(record_id)
            with self.connection.cursor(row_factory=tuple_row) as cursor:
                after = self.row("update", cursor, record_id)
            if before is not None:
                self.compare(record_id, before, after)
            raise psycopg.Rollback(transaction)

    def compare(self, record_id: RecordId, before: Mapping[str, Any], after: Mapping[str, Any] | None) -> None:
        """Raise ConfigError if an update does not return the loaded columns with the next version."""
        if after is None:
            raise self.wrong("update", "", f"no row for id {record_id}", "the changed row (UPDATE … RETURNING …)")
        if set(before) != set(after):
            want = f"the same columns as {self.sql.table}.load returns ({', '.join(before)})"
            raise self.wrong("update", "", f"columns {', '.join(after)}", want)
        name = self.sql.version
        if name is not None and after[name] != before[name] + 1:
            received = f"{before[name]} before, {after[name]} after an update"
            raise self.wrong("update", name, received, f"a version that increases by one: {name} = {name} + 1")

    # ── one statement ──

    def row(self, key: str, cursor: psycopg.Cursor[Any], record_id: RecordId) -> dict[str, Any] | None:
        """The first row of a statement as a record that can be cached. None: it returns no row."""
        sql: str = getattr(self.sql, key)
        with refused(f"{self.sql.table}.{key}", sql):
            cursor.execute(sql, self.statements.params(record_id, CHANGES))
            description = cursor.description
        if description is None:
            raise self.wrong(key, "", "no rows", "a SELECT" if key == "load" else "an UPDATE … RETURNING …")
        names = [column.name for column in description]
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            want = f"each name once: list the columns, with {repeated[0]} AS another_name"
            raise self.wrong(key, "", f"{', '.join(repeated)} twice", want)
        values = self.values(key, cursor, record_id, names)
        if values is None:
            return None
        record = dict(zip(names, values, strict=True))
        changed = {name: text for name, value in record.items() if (text := self.changed(name, value, cursor))}
        if changed:
            first = next(iter(changed))
            casts = ", ".join(self.cast(name, record[name]) for name in changed)
            raise self.wrong(key, first, changed[first], f"a type that JSON does not change: {casts}")
        self.check_version(key, record)
        return record

    def values(
        self, key: str, cursor: psycopg.Cursor[Any], record_id: RecordId, names: Sequence[str]
    ) -> list[Any] | None:
        """The first row's values. They are loaded one by one, so that an error can name its column."""
        result = cursor.pgresult
        if result is None or result.ntuples == 0:
            return None
        transformer = Transformer(self.connection)
        found = []
        for index, name in enumerate(names):
            raw = result.get_value(0, index)
            try:
                loader = transformer.get_loader(result.ftype(index), Format.TEXT)
                found.append(None if raw is None else loader.load(raw))
            except (psycopg.Error, ValueError) as error:
                received = f"for id {record_id} {first_line(error)}"
                raise self.wrong(
                    key, name, received, f"a value that the driver can load: {self.cast(name, '')}"
                ) from error
        return found

    def changed(self, name: str, value: Any, cursor: psycopg.Cursor[Any]) -> str:
        """How the value from the cache would differ from the loaded one, in type or value. Empty: it would not."""
        try:
            cached = self.serializer.loads(self.serializer.dumps({name: value}))[name]
        except (TypeError, ValueError, OverflowError):
            return f"{self.type_of(cursor, name)}, which the cache's JSON cannot represent"
        if same(value, cached):
            return ""
        was, became = (type(v).__name__ for v in (value, cached))
        if was == became:
            was, became = repr(value), repr(cached)
        return f"{self.type_of(cursor, name)}: {was} from the database, {became} from the cache's JSON"

    def check_version(self, key: str, record: Mapping[str, Any]) -> None:
        """Raise ConfigError if the version column is missing or is not a whole number."""
        name = self.sql.version
        if name is None:
            return
        if name not in record:
            raise ConfigError(
                f"{self.sql.table}.version", name, f"a column that {self.sql.table}.{key} returns ({', '.join(record)})"
            )
        version = record[name]
        if version is None:
            raise self.wrong(key, name, "NULL", f"a whole number: coalesce({quoted(name)}, 0) AS {quoted(name)}")
        if type(version) is not int:
            want = f"a whole number: {quoted(name)}::bigint AS {quoted(name)}"
            raise self.wrong(key, name, f"{type(version).__name__} {version!r}", want)

    # ── messages ──

    def wrong(self, key: str, column: str, received: str, want: str) -> ConfigError:
        return ConfigError(
            f"{self.sql.table}.{key}{f', column {column}' if column else ''}", ReceivedValue(received), want
        )

    def type_of(self, cursor: psycopg.Cursor[Any], name: str) -> str:
        """The name of a column's type in PostgreSQL."""
        oid = next(column.type_code for column in cursor.description or () if column.name == name)
        with self.connection.cursor(row_factory=tuple_row) as other:
            row = other.execute("SELECT format_type(%s::int8::oid, NULL)", [oid]).fetchone()
        return str(row[0]) if row else f"type {oid}"

    def cast(self, name: str, value: Any) -> str:
        """A cast of the column to a type that can be cached."""
        column = quoted(name)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"encode({column}, 'base64') AS {column}"
        return f"{column}::text{'[]' if isinstance(value, list) else ''} AS {column}"


CHANGES: Parameters = {"text": "text-0", "number": 0}
"""The values of a bench's first write."""


def ids_to_try(ids: Sequence[RecordId]) -> Iterator[RecordId]:
    """The most popular ids, then some that are spread over the others."""
    first = ROWS // 2
    yield from ids[:first]
    rest = ids[first:]
    step = max(1, -(-len(rest) // (ROWS - first)))
    yield from rest[::step]


def same(value: Any, cached: Any) -> bool:
    """Whether both are equal in value and type, at every level. NaN equals NaN."""
    if type(value) is not type(cached):
        return False
    if isinstance(value, float):
        return value == cached or (value != value and cached != cached)
    if isinstance(value, dict):
        return value.keys() == cached.keys() and all(same(v, cached[k]) for k, v in value.items())
    if isinstance(value, list):
        return len(value) == len(cached) and all(same(v, c) for v, c in zip(value, cached, strict=True))
    return bool(value == cached)


def quoted(name: str) -> str:
    """A column name as SQL requires it."""
    return name if WORD.fullmatch(name) else '"' + name.replace('"', '""') + '"'
