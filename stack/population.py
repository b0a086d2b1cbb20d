"""Which records there are to ask for."""

from typing import Any

import psycopg

from patterns.errors import ConfigError
from scenarios.workload import Workload


def record_ids(connection: psycopg.Connection[Any], workload: Workload) -> list[int]:
    """The ids of all records: 1 to n in our own table, else what the user's `ids` gives, in its order.

    Raises ConfigError where the user's SQL fails, gives no rows, or anything but one whole number a row.
    """
    if workload.sql is None:
        return list(range(1, workload.records + 1))
    sql = workload.sql.ids
    try:
        with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            rows = cursor.execute(sql).fetchmany(10_000_000)
    except psycopg.Error as error:
        raise ConfigError("sql.ids", sql, f"SQL that works: {str(error).splitlines()[0]}") from error
    if not rows or any(len(row) != 1 or not isinstance(row[0], int) for row in rows):
        raise ConfigError("sql.ids", sql, "at least one row of one whole number")
    return [row[0] for row in rows]
