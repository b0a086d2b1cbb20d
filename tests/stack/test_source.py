"""The database as patterns see it."""

import json

import psycopg

from patterns.serializing.json import Json
from stack.source import PostgresSource, Statements, statement_ids


def test_a_load_gives_the_row_and_none_where_there_is_no_row(source: PostgresSource, dataset: int) -> None:
    record = source.load(7)
    assert record is not None
    assert list(record) == ["id", "name", "email", "body", "version", "updated_at"]
    assert record["id"] == 7
    assert source.load(dataset + 1_000_000) is None


def test_a_record_is_the_same_after_a_codec(source: PostgresSource) -> None:
    record = source.load(7)
    assert Json().loads(Json().dumps(record)) == record


def calls(connection: psycopg.Connection[tuple[int]], queryid: int) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE queryid = %s::bigint", [queryid]
    ).fetchone()
    assert row is not None
    return row[0]


def test_the_databases_own_count_of_loads_and_writes_is_ours(source: PostgresSource, postgres_url: str) -> None:
    with source.pool.connection() as connection:
        ids = statement_ids(connection, source.statements)
    assert set(ids) == {"load", "update", "create"}
    with psycopg.connect(postgres_url, autocommit=True) as observer:
        before = {name: calls(observer, queryid) for name, queryid in ids.items()}
        for record_id in (1, 7, 1999, 40_000, 3_000_000):  # psycopg would type them by their size
            source.load(record_id)
        source.update(3, {"name": "Grace"})
        source.update(4, {})
        source.create({"name": "New", "email": "new@example.com"})
        after = {name: calls(observer, queryid) for name, queryid in ids.items()}
    assert {name: after[name] - before[name] for name in ids} == {"load": 5, "update": 2, "create": 1}


def test_an_update_returns_what_a_load_then_gives(source: PostgresSource) -> None:
    before = source.load(9)
    updated = source.update(9, {"name": "Grace Hopper"})
    assert before is not None
    assert updated is not None
    assert updated == source.load(9)
    assert updated == {**before, "name": "Grace Hopper", "version": before["version"] + 1} | {
        "updated_at": updated["updated_at"]
    }


def test_statements_survive_a_trip_through_json(source: PostgresSource) -> None:
    assert Statements(**json.loads(json.dumps(source.statements.described()))) == source.statements
