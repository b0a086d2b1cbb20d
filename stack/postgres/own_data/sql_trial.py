"""Tries the user's own SQL before a run: loads several rows and refuses values that cannot be cached."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format
from psycopg.rows import tuple_row

from stampede.core.errors import ConfigError
from stampede.patterns.caching.cache_pattern import RecordId
from stampede.patterns.serialization.serializer import Serializer
from stampede.scenarios.workload import OwnSql, Workload
from stampede.stack.postgres.own_data.column_changes import ColumnChange, column_changes
from stampede.stack.postgres.own_data.type_examples import example_of
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


@dataclass(frozen=True, kw_only=True)
class TriedQuery:
    """What the trial of one query found."""

    ids: RecordIds
    changes: Mapping[str, str]
    """The columns that the cache changes and that the user accepts: how, in words."""


@dataclass(frozen=True, kw_only=True)
class WrongColumn:
    """A column of a statement that cannot be cached as it is."""

    received: str
    want: str
    cast: str
    """A cast in SQL that solves it."""
    acceptable: bool
    """Whether the user may accept it."""


def try_own_sql(
    connection: psycopg.Connection[Any],
    workload: Workload,
    serializer: Serializer[Any],
    file: str = "",
    cache: str = "JSON",
) -> list[TriedQuery]:
    """Try the user's statements as a run would use them. Returns the ids of each query, the most popular first.

    `serializer`: the serializer of the contenders, and `cache` its name. `file`: the workload file, for messages.
    Raises ConfigError.
    """
    prepare_session(connection, {})
    found = []
    try:
        for sql in workload.queries:
            known = read_ids(connection, sql)
            trial = OwnSqlTrial(connection, sql, serializer, known.columns, cache)
            trial.run(known.ids)
            statement_ids(connection, trial.statements, sql.table)
            found.append(TriedQuery(ids=known, changes=trial.accepted))
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
        cache: str = "JSON",
    ) -> None:
        """`id_columns`: the columns of `ids`. `cache`: the name of the serializer, for messages."""
        self.connection = connection
        self.sql = sql
        self.serializer = serializer
        self.cache = cache
        self.statements: Statements = user_statements(sql, id_columns)
        self.wrong_columns: dict[str, WrongColumn] = {}
        """The columns of the statement that is being tried that cannot be cached as they are."""
        self.accepted: dict[str, str] = {}
        self._never_seen: dict[str, int] = {}
        """Columns of `load` that were NULL in every row so far, with the oid of their type."""

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
        self.try_types()
        self.refuse_wrong_columns("load")
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
            self.refuse_wrong_columns("update")
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
        self.check_accepted(key, names)
        values = self.values(key, cursor, record_id, names)
        if values is None:
            return None
        record = dict(zip(names, values, strict=True))
        self.note_changes(record, lambda name: self.type_of(cursor, name))
        if self.sql.version not in self.wrong_columns:
            self.check_version(key, record)
        return record

    def check_accepted(self, key: str, names: Sequence[str]) -> None:
        """Raise ConfigError if `accept_changed` names a column that the statement does not return."""
        unknown = next((name for name in self.sql.accept_changed if name not in names), None)
        if unknown is not None:
            want = f"columns that {self.sql.table}.{key} returns ({', '.join(names)})"
            raise ConfigError(f"{self.sql.table}.accept_changed", unknown, want)

    def values(
        self, key: str, cursor: psycopg.Cursor[Any], record_id: RecordId, names: Sequence[str]
    ) -> list[Any] | None:
        """The first row's values. They are loaded one by one, so that an error names its column."""
        result = cursor.pgresult
        if result is None or result.ntuples == 0:
            return None
        transformer = Transformer(self.connection)
        found: list[Any] = []
        for index, name in enumerate(names):
            raw, oid = result.get_value(0, index), result.ftype(index)
            value = None
            try:
                value = None if raw is None else transformer.get_loader(oid, Format.TEXT).load(raw)
            except (psycopg.Error, ValueError) as error:
                received, cast = f"for id {record_id} {first_line(error)}", self.cast(name, "")
                self.note_wrong(name, received, "a value that the driver can load", cast, acceptable=False)
            if raw is None and key == "load":
                self._never_seen.setdefault(name, oid)
            elif key == "load":
                self._never_seen[name] = 0
            found.append(value)
        return found

    def try_types(self) -> None:
        """Try an example of the type of each column that was NULL in every row of the trial."""
        for name, oid in self._never_seen.items():
            value = example_of(self.connection, oid) if oid else None
            if value is not None:
                unseen = f"NULL in every row that was tried, {self.type_name(oid)}"
                self.note_changes({name: value}, {name: unseen}.__getitem__)

    def note_changes(self, record: Mapping[str, Any], type_of: Callable[[str], str]) -> None:
        """Note the columns that the cache changes or cannot hold."""
        for name, change in column_changes(record, self.serializer).items():
            if name in self.wrong_columns or (name in self.accepted and not change.lost):
                continue
            received = self.change_text(type_of(name), change)
            if name in self.sql.accept_changed and not change.lost:
                self.accepted[name] = received
            else:
                want = f"a type that {self.cache} does not change"
                cast = self.cast(name, record[name])
                self.note_wrong(name, received, want, cast, acceptable=not change.lost)

    def change_text(self, type_name: str, change: ColumnChange) -> str:
        """How the value from the cache differs, after the column's type."""
        if change.lost:
            return f"{type_name}, which the cache's {self.cache} cannot represent"
        cache = f"cache's {self.cache}"
        return f"{type_name}: {change.text(cache)}"

    def note_wrong(self, name: str, received: str, want: str, cast: str, *, acceptable: bool) -> None:
        """Note a column, once."""
        self.wrong_columns.setdefault(name, WrongColumn(received=received, want=want, cast=cast, acceptable=acceptable))

    def refuse_wrong_columns(self, key: str) -> None:
        """Raise ConfigError, in one line for all columns, if any cannot be cached as it is."""
        if not self.wrong_columns:
            return
        name, first = next(iter(self.wrong_columns.items()))
        want = f"{first.want}: {', '.join(column.cast for column in self.wrong_columns.values())}"
        listed = ", ".join(f'"{column}"' for column, found in self.wrong_columns.items() if found.acceptable)
        if listed:
            want = f"{want}; or accept_changed = [{listed}]"
        raise self.wrong(key, name, first.received, want)

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
        return self.type_name(next(c.type_code for c in cursor.description or () if c.name == name))

    def type_name(self, oid: int) -> str:
        """The name of a type in PostgreSQL."""
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


def quoted(name: str) -> str:
    """A column name as SQL requires it."""
    return name if WORD.fullmatch(name) else '"' + name.replace('"', '""') + '"'
