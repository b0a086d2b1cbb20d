"""Reads the ids of the records that the load requests."""

from typing import Any

import psycopg

from stampede.core.errors import ConfigError
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.source import ReceivedValue, refused

MAX_IDS = 10_000_000


def record_ids(connection: psycopg.Connection[Any], workload: Workload) -> list[int]:
    """The ids of all records: 1 to n in our own table, otherwise the result of the user's `ids`, in its order.

    Raises ConfigError if the user's SQL fails, returns no rows, or returns anything but one whole number a row.
    """
    if workload.sql is None:
        return list(range(1, workload.records + 1))
    sql = workload.sql.ids
    with refused("sql.ids", sql), connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        cursor.execute(sql)
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchmany(MAX_IDS) if names else []
    if len(names) != 1:
        received = f"columns {', '.join(names)}" if names else "no rows"
        raise ConfigError("sql.ids", ReceivedValue(received), "a SELECT of one column: the id")
    if not rows:
        raise ConfigError("sql.ids", ReceivedValue("no rows"), "at least one id")
    for number, (value,) in enumerate(rows, 1):
        if type(value) is not int:
            received = "NULL" if value is None else f"{type(value).__name__} {value!r}"
            remedy = (
                f"WHERE {names[0]} IS NOT NULL" if value is None else "a column of integers, each of which loads a row"
            )
            field = f"sql.ids, column {names[0]}, row {number}"
            raise ConfigError(field, ReceivedValue(received), f"whole numbers only: {remedy}")
    return [row[0] for row in rows]
