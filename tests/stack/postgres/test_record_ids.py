"""Ids of any type: a load finds the row by its index, and PostgreSQL counts one statement."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from stampede.scenarios.workload import OwnSql
from stampede.stack.postgres.record_ids import RecordIds, read_ids
from stampede.stack.postgres.source import PostgresSource, Statements, open_pool, statement_ids, user_statements

ROWS = 20_000
TYPES = {
    "smallint": "(n - 10000)::smallint",
    "bigint": "n::bigint * 1000000007",
    "numeric": "n / 8.0",
    "real": "(n / 10.0)::real",
    "double precision": "n / 10.0::float8",
    "text": "'k:' || n || ' %'",
    "varchar": "'k' || n",
    "char(12)": "'k' || n",
    "uuid": "md5(n::text)::uuid",
    "date": "date '1970-01-01' + n",
    "timestamp": "timestamp '2026-01-01' + n * interval '1 second'",
    "timestamptz": "timestamptz '2026-01-01' + n * interval '1 second'",
    "time": "time '00:00' + n * interval '1 second'",
    "interval": "n * interval '1 second'",
    "bytea": "decode(md5(n::text), 'hex')",
    "inet": "inet '10.0.0.0' + n",
    "ids.size": "('s' || n % 1)::ids.size",
}
"""By type of a key column: its value in row n."""


@pytest.fixture(scope="module")
def pool(postgres_url: str) -> Iterator[ConnectionPool[Any]]:
    """A pool on a database with a table for each type, whose primary key has this type."""
    with psycopg.connect(postgres_url, autocommit=True) as connection, open_pool(postgres_url, 1) as opened:
        connection.execute("CREATE SCHEMA ids")
        connection.execute("CREATE TYPE ids.size AS ENUM ('s0')")
        for number, (name, expression) in enumerate(TYPES.items()):
            rows = 1 if name == "ids.size" else ROWS
            connection.execute(f"CREATE TABLE ids.t{number} (k {name} PRIMARY KEY, n int)")
            connection.execute(f"INSERT INTO ids.t{number} SELECT {expression}, n FROM generate_series(1, {rows}) AS n")
        connection.execute("CREATE TABLE ids.lines (tenant uuid, line text, n int, PRIMARY KEY (tenant, line))")
        connection.execute(
            f"INSERT INTO ids.lines SELECT md5((n % 20)::text)::uuid, 'l' || n, n FROM generate_series(1, {ROWS}) AS n"
        )
        connection.execute("ANALYZE")
        yield opened
        connection.execute("DROP SCHEMA ids CASCADE")


def known(pool: ConnectionPool[Any], sql: OwnSql) -> tuple[RecordIds, Statements]:
    """The ids of a query, and its statements."""
    with pool.connection() as connection:
        ids = read_ids(connection, sql)
    return ids, user_statements(sql, ids.columns)


def plan_of(pool: ConnectionPool[Any], statements: Statements, record_id: Any) -> str:
    """The plan that the driver's own parameters get."""
    with pool.connection() as connection:
        rows = connection.execute(f"EXPLAIN {statements.load}", statements.params(record_id)).fetchall()
    return "\n".join(next(iter(row.values())) for row in rows)


def calls(pool: ConnectionPool[Any], queryid: int) -> int:
    with pool.connection() as connection:
        sql = "SELECT coalesce(sum(calls), 0)::int AS n FROM pg_stat_statements WHERE queryid = %s"
        row = connection.execute(sql, [queryid]).fetchone()
    assert row is not None
    return int(row["n"])


@pytest.mark.parametrize(("number", "name"), list(enumerate(TYPES)), ids=list(TYPES))
def test_a_key_of_any_type_finds_its_row_by_its_index_and_is_one_statement(
    pool: ConnectionPool[Any], number: int, name: str
) -> None:
    sql = OwnSql(load=f"SELECT k, n FROM ids.t{number} WHERE k = %(id)s", ids=f"SELECT k FROM ids.t{number} ORDER BY n")
    ids, statements = known(pool, sql)
    with pool.connection() as connection:
        queryid = statement_ids(connection, statements)["load"]
    source, before = PostgresSource(pool, statements), calls(pool, queryid)
    tried = [ids.ids[0], ids.ids[-1], ids.ids[len(ids.ids) // 2]]
    assert [source.load(each) for each in tried] == [
        {"k": each, "n": n} for each, n in zip(tried, (1, len(ids.ids), len(ids.ids) // 2 + 1), strict=True)
    ]
    assert calls(pool, queryid) - before == len(tried)
    if name != "ids.size":
        assert "Index" in plan_of(pool, statements, tried[2]), name


def test_an_id_of_two_columns_is_two_parameters(pool: ConnectionPool[Any]) -> None:
    """Its fields are named as the columns; the primary key's index finds the row; writes use both columns too."""
    sql = OwnSql(
        load="SELECT * FROM ids.lines WHERE tenant = %(tenant)s AND line = %(line)s",
        ids="SELECT tenant, line FROM ids.lines ORDER BY n",
        update="UPDATE ids.lines SET n = n + %(number)s WHERE tenant = %(tenant)s AND line = %(line)s RETURNING *",
    )
    ids, statements = known(pool, sql)
    one: Any = ids.ids[5]
    assert ids.columns == one._fields == ("tenant", "line")
    source = PostgresSource(pool, statements)
    assert source.load(one) == {"tenant": one.tenant, "line": "l6", "n": 6}
    assert (source.update(one, {"text": "x", "number": 100}) or {})["n"] == 106
    assert "Index" in plan_of(pool, statements, one)
    with pool.connection() as connection:
        assert set(statement_ids(connection, statements)) == {"load", "update"}


def test_the_one_column_of_an_id_is_a_parameter_under_its_own_name_too(pool: ConnectionPool[Any]) -> None:
    sql = OwnSql(load="SELECT n FROM ids.t0 WHERE k = %(k)s AND k = %(id)s", ids="SELECT k FROM ids.t0 ORDER BY n")
    ids, statements = known(pool, sql)
    assert PostgresSource(pool, statements).load(ids.ids[3]) == {"n": 4}
