"""A trial of the user's own SQL before a run: several rows are loaded, and what could not be cached is named."""

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
from stampede.patterns.serialization.serializer import Serializer
from stampede.scenarios.workload import OwnSql, Workload
from stampede.stack.postgres.record_ids import record_ids
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
"""Records that are loaded at most: the first half by popularity, the others spread over the rest."""
LEAST_ROWS = 10
FOR_S = 3.0
"""How long loads may go on beyond LEAST_ROWS."""
LOCK_WAIT = "5s"
WORD = re.compile(r"[a-z_][a-z0-9_]*")
Parameters = Mapping[str, Any]


def try_own_sql(connection: psycopg.Connection[Any], workload: Workload, codec: Serializer[Any], file: str = "") -> int:
    """Try the user's statements as a run would use them; the first of their ids.

    `codec`: what contenders write into the cache. `file`: the workload file, for messages. Raises ConfigError.
    """
    assert workload.sql is not None
    prepare_session(connection, {})
    trial = OwnSqlTrial(connection, workload.sql, codec)
    try:
        ids = record_ids(connection, workload)
        trial.run(ids)
        statement_ids(connection, trial.statements)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error.field}" if file else error.field, error.value, error.want) from error
    return ids[0]


class OwnSqlTrial:
    """The user's statements on their own database. Nothing is changed: an update is rolled back."""

    def __init__(self, connection: psycopg.Connection[Any], sql: OwnSql, codec: Serializer[Any]) -> None:
        self.connection = connection
        self.sql = sql
        self.codec = codec
        self.statements: Statements = user_statements(sql)

    def run(self, ids: Sequence[int]) -> None:
        """Load several of the ids, and update the first. Raises ConfigError: key, column, what came, what helps."""
        there: int | None = None
        begun_s = time.monotonic()
        for number, record_id in enumerate(tried(ids)):
            if number >= LEAST_ROWS and time.monotonic() - begun_s > FOR_S:
                break
            if self.load(record_id) is not None and there is None:
                there = record_id
        if there is None:
            raise self.wrong("load", "", "no row for any id that was tried", "one row for an id that sql.ids gives")
        if self.sql.update is not None:
            self.update(there)

    def load(self, record_id: int) -> dict[str, Any] | None:
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return self.row("load", cursor, record_id)

    def update(self, record_id: int) -> None:
        """Update one record in a transaction that is rolled back, and compare what it returns with a load."""
        with self.connection.transaction() as transaction:
            self.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            before = self.load(record_id)
            with self.connection.cursor(row_factory=tuple_row) as cursor:
                after = self.row("update", cursor, record_id)
            if before is not None:
                self.compare(record_id, before, after)
            raise psycopg.Rollback(transaction)

    def compare(self, record_id: int, before: Mapping[str, Any], after: Mapping[str, Any] | None) -> None:
        if after is None:
            raise self.wrong("update", "", f"no row for id {record_id}", "the changed row (UPDATE … RETURNING …)")
        if set(before) != set(after):
            want = f"the same columns as sql.load returns ({', '.join(before)})"
            raise self.wrong("update", "", f"columns {', '.join(after)}", want)
        name = self.sql.version
        if name is not None and after[name] != before[name] + 1:
            came = f"{before[name]} before, {after[name]} after an update"
            raise self.wrong("update", name, came, f"a version that grows by one: {name} = {name} + 1")

    # ── one statement ──

    def row(self, key: str, cursor: psycopg.Cursor[Any], record_id: int) -> dict[str, Any] | None:
        """The first row of a statement as a record that can be cached; None where it gives none."""
        sql: str = getattr(self.sql, key)
        with refused(f"sql.{key}", sql):
            cursor.execute(sql, {**self.statements.extra_params, "id": record_id, **CHANGES})
            description = cursor.description
        if description is None:
            raise self.wrong(key, "", "no rows", "a SELECT" if key == "load" else "an UPDATE … RETURNING …")
        names = [column.name for column in description]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            want = f"each name once: list the columns, with {twice[0]} AS another_name"
            raise self.wrong(key, "", f"{', '.join(twice)} twice", want)
        values = self.values(key, cursor, record_id, names)
        if values is None:
            return None
        record = dict(zip(names, values, strict=True))
        changed = {name: came for name, value in record.items() if (came := self.changed(name, value, cursor))}
        if changed:
            first = next(iter(changed))
            casts = ", ".join(self.cast(name, record[name]) for name in changed)
            raise self.wrong(key, first, changed[first], f"a type that JSON returns as it was: {casts}")
        self.check_version(key, record)
        return record

    def values(self, key: str, cursor: psycopg.Cursor[Any], record_id: int, names: Sequence[str]) -> list[Any] | None:
        """The first row's values, loaded one by one, so that what the driver cannot load has a name."""
        result = cursor.pgresult
        if result is None or result.ntuples == 0:
            return None
        transformer = Transformer(self.connection)
        found = []
        for place, name in enumerate(names):
            raw = result.get_value(0, place)
            try:
                loader = transformer.get_loader(result.ftype(place), Format.TEXT)
                found.append(None if raw is None else loader.load(raw))
            except (psycopg.Error, ValueError) as error:
                came = f"for id {record_id} {first_line(error)}"
                raise self.wrong(key, name, came, f"a value that the driver can load: {self.cast(name, '')}") from error
        return found

    def changed(self, name: str, value: Any, cursor: psycopg.Cursor[Any]) -> str:
        """What a hit would return instead of what a load gives, by type and value; empty: the same."""
        try:
            cached = self.codec.loads(self.codec.dumps({name: value}))[name]
        except (TypeError, ValueError, OverflowError):
            return f"{self.type_of(cursor, name)}, which the cache's JSON cannot carry"
        if same(value, cached):
            return ""
        was, became = (type(v).__name__ for v in (value, cached))
        if was == became:
            was, became = repr(value), repr(cached)
        return f"{self.type_of(cursor, name)}: {was} from the database, {became} from the cache's JSON"

    def check_version(self, key: str, record: Mapping[str, Any]) -> None:
        name = self.sql.version
        if name is None:
            return
        if name not in record:
            raise ConfigError("sql.version", name, f"a column that sql.{key} returns ({', '.join(record)})")
        version = record[name]
        if version is None:
            raise self.wrong(key, name, "NULL", f"a whole number: coalesce({quoted(name)}, 0) AS {quoted(name)}")
        if type(version) is not int:
            want = f"a whole number: {quoted(name)}::bigint AS {quoted(name)}"
            raise self.wrong(key, name, f"{type(version).__name__} {version!r}", want)

    # ── words ──

    def wrong(self, key: str, column: str, came: str, want: str) -> ConfigError:
        return ConfigError(f"sql.{key}{f', column {column}' if column else ''}", ReceivedValue(came), want)

    def type_of(self, cursor: psycopg.Cursor[Any], name: str) -> str:
        """PostgreSQL's name for a column's type."""
        oid = next(column.type_code for column in cursor.description or () if column.name == name)
        with self.connection.cursor(row_factory=tuple_row) as asking:
            row = asking.execute("SELECT format_type(%s::int8::oid, NULL)", [oid]).fetchone()
        return str(row[0]) if row else f"type {oid}"

    def cast(self, name: str, value: Any) -> str:
        column = quoted(name)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"encode({column}, 'base64') AS {column}"
        return f"{column}::text{'[]' if isinstance(value, list) else ''} AS {column}"


CHANGES: Parameters = {"text": "text-0", "number": 0}
"""As a bench's first write would be."""


def tried(ids: Sequence[int]) -> Iterator[int]:
    """The most popular ids, then some spread over all the others."""
    first = ROWS // 2
    yield from ids[:first]
    rest = ids[first:]
    step = max(1, -(-len(rest) // (ROWS - first)))
    yield from rest[::step]


def same(value: Any, cached: Any) -> bool:
    """Equal in value and type, through and through; NaN is itself."""
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
    return name if WORD.fullmatch(name) else '"' + name.replace('"', '""') + '"'
