"""The database as patterns use it."""

import json
from dataclasses import asdict

import psycopg
import pytest

from stampede.core.errors import ConfigError
from stampede.patterns.serialization.json import Json
from stampede.scenarios.workload import OwnSql
from stampede.stack.postgres.load_cost import load_alone_ms
from stampede.stack.postgres.source import PostgresSource, Statements, statement_ids, user_statements


def test_a_load_returns_the_row_or_none_if_there_is_no_row(source: PostgresSource, dataset: int) -> None:
    record = source.load(7)
    assert record is not None
    assert list(record) == ["id", "name", "email", "body", "version", "updated_at"]
    assert record["id"] == 7
    assert source.load(dataset + 1_000_000) is None


def test_a_record_is_the_same_after_serialization(source: PostgresSource) -> None:
    record = source.load(7)
    assert Json().loads(Json().dumps(record)) == record


def calls(connection: psycopg.Connection[tuple[int]], queryid: int) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE queryid = %s::bigint", [queryid]
    ).fetchone()
    assert row is not None
    return row[0]


def test_the_databases_own_count_of_loads_and_writes_equals_ours(source: PostgresSource, postgres_url: str) -> None:
    with source.pool.connection() as connection:
        ids = statement_ids(connection, source.statements)
    assert set(ids) == {"load", "update", "create"}
    with psycopg.connect(postgres_url, autocommit=True) as sampler:
        before = {name: calls(sampler, queryid) for name, queryid in ids.items()}
        for record_id in (1, 7, 1999, 40_000, 3_000_000):  # psycopg would choose a type by their size
            source.load(record_id)
        source.update(3, {"name": "Grace"})
        source.update(4, {})
        source.create({"name": "New", "email": "new@example.com"})
        after = {name: calls(sampler, queryid) for name, queryid in ids.items()}
    assert {name: after[name] - before[name] for name in ids} == {"load": 5, "update": 2, "create": 1}


def test_an_update_returns_the_same_record_as_the_next_load(source: PostgresSource) -> None:
    before = source.load(9)
    updated = source.update(9, {"name": "Grace Hopper"})
    assert before is not None
    assert updated is not None
    assert updated == source.load(9)
    assert updated == {**before, "name": "Grace Hopper", "version": before["version"] + 1} | {
        "updated_at": updated["updated_at"]
    }


def test_statements_survive_a_round_trip_through_json(source: PostgresSource) -> None:
    assert Statements(**json.loads(json.dumps(asdict(source.statements)))) == source.statements


@pytest.mark.parametrize(
    ("field", "sql"),
    [
        ("sql.load", OwnSql(load="SELEKT 1 WHERE 1 = %(id)s", ids="SELECT 1")),
        ("sql.load", OwnSql(load="SELECT * FROM nowhere WHERE id = %(id)s", ids="SELECT 1")),
        ("sql.load", OwnSql(load="SELECT %(unknown)s WHERE 1 = %(id)s", ids="SELECT 1")),
        ("sql.update", OwnSql(load="SELECT 1 WHERE 1 = %(id)s", ids="SELECT 1", update="UPDATE x SET y = %(id)s")),
    ],
)
def test_sql_that_does_not_work_is_refused_in_one_line(postgres_url: str, field: str, sql: OwnSql) -> None:
    with pytest.raises(ConfigError) as caught:
        load_alone_ms(postgres_url, user_statements(sql))
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_the_users_sql_reads_and_writes_the_users_own_table(postgres_url: str, source: PostgresSource) -> None:
    statements = user_statements(
        OwnSql(
            load="SELECT id, title, price FROM products WHERE id = %(id)s",
            ids="SELECT id FROM products",
            update="UPDATE products SET title = %(text)s, price = price + %(number)s WHERE id = %(id)s"
            " RETURNING id, title, price",
        )
    )
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE products (id bigint PRIMARY KEY, title text, price numeric)")
        connection.execute("INSERT INTO products SELECT n, 'thing', n FROM generate_series(1, 50000) AS n")
        theirs = PostgresSource(source.pool, statements)
        with source.pool.connection() as pooled:
            ids = statement_ids(pooled, statements)
        before = calls(connection, ids["load"])
        assert [(theirs.load(n) or {})["price"] for n in (1, 40_000)] == [1, 40_000]
        assert calls(connection, ids["load"]) - before == 2
        changed = theirs.update(7, {"text": "better", "number": 70_000})
        assert changed == theirs.load(7) == {"id": 7, "title": "better", "price": 70_007}
        with pytest.raises(ConfigError):
            theirs.create({})
        connection.execute("DROP TABLE products")
