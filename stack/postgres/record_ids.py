"""Reads the ids of the records that the load requests."""

from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from stampede.core.errors import ConfigError
from stampede.patterns.caching.cache_pattern import RecordId
from stampede.scenarios.workload import DRAWN, OwnSql, key_parameters
from stampede.stack.postgres.source import ReceivedValue, first_line, refused

MAX_IDS = 10_000_000
ONE_ORDER = ("synchronize_seqscans = off", "max_parallel_workers_per_gather = 0")
"""Settings with which a scan returns rows in the order of their storage, in every process."""
ONE_COLUMN = "id"
"""The parameter that stands for the id if `ids` has one column."""


@dataclass(frozen=True, kw_only=True)
class RecordIds:
    """The result of `ids`."""

    columns: tuple[str, ...]
    """The names of its columns, which are parameters of the other statements."""
    ids: Sequence[RecordId]
    """In its order. With several columns each is a NamedTuple of them."""


def read_ids(connection: psycopg.Connection[Any], sql: OwnSql) -> RecordIds:
    """The ids of a query's records: the result of the user's `ids`, in its order.

    Raises ConfigError if the user's SQL fails, returns no rows, an id twice, or a value that cannot identify a record,
    or if a statement does not use the columns.
    """
    columns, rows = select(connection, sql)
    check_columns(sql, columns)
    if not rows:
        raise ConfigError(f"{sql.table}.ids", ReceivedValue("no rows"), "at least one id")
    check_values(sql, columns, rows)
    if len(columns) == 1:
        return RecordIds(columns=columns, ids=[row[0] for row in rows])
    id_type: Any = namedtuple("Id", columns)  # type: ignore[misc]
    return RecordIds(columns=columns, ids=[id_type._make(row) for row in rows])


def select(connection: psycopg.Connection[Any], sql: OwnSql) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The names of the columns of `ids`, and its rows."""
    with (
        refused(f"{sql.table}.ids", sql.ids),
        connection.transaction(),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        for setting in ONE_ORDER:
            cursor.execute(f"SET LOCAL {setting}")
        try:
            cursor.execute(sql.ids)
            columns = tuple(column.name for column in cursor.description or ())
            return columns, cursor.fetchmany(MAX_IDS) if columns else []
        except (psycopg.DataError, ValueError) as error:
            if getattr(error, "sqlstate", None) is not None:
                raise
            received = ReceivedValue(first_line(error))
            raise ConfigError(f"{sql.table}.ids", received, "ids that the driver can load: id::text AS id") from error


def check_columns(sql: OwnSql, columns: Sequence[str]) -> None:
    """Raise ConfigError if the statements cannot use the columns of `ids` as parameters."""
    field = f"{sql.table}.ids"
    if not columns:
        raise ConfigError(field, ReceivedValue("no rows"), "a SELECT of the ids of the requests")
    for name in columns if len(columns) > 1 else ():
        if columns.count(name) > 1:
            raise ConfigError(field, ReceivedValue(f"column {name} twice"), f"each name once: {name} AS another_name")
        if not name.isidentifier() or iskeyword(name) or name.startswith("_") or name in DRAWN:
            want = "a letter, then letters, digits or _, and neither text nor number: AS another_name"
            raise ConfigError(field, ReceivedValue(f"column {name}"), want)
    known = {*columns, ONE_COLUMN} if len(columns) == 1 else {*columns}
    listed = " and ".join(f"%({name})s" for name in columns if len(columns) > 1) or "%(id)s"
    for name, statement in (("load", sql.load), ("update", sql.update)):
        if statement is None:
            continue
        used = key_parameters(statement)
        unknown = [each for each in used if each not in known]
        if unknown:
            words = f"the parameters are {listed}, %(text)s and %(number)s"
            raise ConfigError(f"{sql.table}.{name}", ReceivedValue(f"%({unknown[0]})s"), f"SQL that works: {words}")
        if len(columns) > 1 and set(used) != known:
            received = ReceivedValue(" ".join(statement.split()))
            raise ConfigError(f"{sql.table}.{name}", received, f"{listed} in it: every column of {field}")


def check_values(sql: OwnSql, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Raise ConfigError if a value cannot identify a record, or if an id occurs twice."""
    known: set[tuple[Any, ...]] = set()
    for number, row in enumerate(rows, 1):
        if identifies(row):
            known.add(row)
            if len(known) == number:
                continue
        for name, value in zip(columns, row, strict=True):
            field = f"{sql.table}.ids, column {name}, row {number}"
            if value is None:
                raise ConfigError(field, ReceivedValue("NULL"), f"ids that are not NULL: WHERE {name} IS NOT NULL")
            if not identifies((value,)):
                received = ReceivedValue(f"{type(value).__name__} {value!r}")
                raise ConfigError(field, received, f"a value that identifies a record: {name}::text AS {name}")
        shown = ", ".join(map(str, row))
        want = f"each id once, in order of popularity: SELECT {', '.join(columns)} … GROUP BY {', '.join(columns)}"
        raise ConfigError(f"{sql.table}.ids, row {number}", ReceivedValue(f"{shown} a second time"), want)


def identifies(row: tuple[Any, ...]) -> bool:
    """Whether every value can be a part of an id: it is not NULL, no composite value, and can be a dict's key."""
    try:
        hash(row)
    except TypeError:
        return False
    return all(value is not None and not isinstance(value, tuple) for value in row)
