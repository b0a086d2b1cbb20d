"""The data that are generated from a seed."""

import json
from typing import Any

import psycopg
import pytest

from stampede.stack.postgres.dataset import ensure_dataset, restore_dataset
from stampede.stack.postgres.source import PostgresSource, default_statements, open_pool


def digest(connection: psycopg.Connection[Any]) -> Any:
    users = "SELECT md5(string_agg(u::text, '|' ORDER BY id)) FROM stampede.users AS u"
    orders = "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM stampede.orders AS o"
    return connection.execute(f"SELECT ({users}), ({orders})").fetchone()


@pytest.fixture
def scratch_url(postgres_url: str, request: pytest.FixtureRequest) -> Any:
    """A database for one test only, on the same server."""
    name = f"scratch_{abs(hash(request.node.name))}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_url.rpartition("/")[0] + "/" + name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def create(url: str, *, seed: int, records: int = 500, record_bytes: int = 500) -> list[str]:
    messages: list[str] = []
    ensure_dataset(url, records=records, record_bytes=record_bytes, seed=seed, managed=True, say=messages.append)
    return messages


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(scratch_url: str) -> None:
    with psycopg.connect(scratch_url, autocommit=True) as connection:
        digests = []
        for seed in (1, 2, 1):
            create(scratch_url, seed=seed)
            digests.append(digest(connection))
    assert digests[0] == digests[2] != digests[1]


def test_data_is_reused_if_seed_size_and_layout_are_equal(scratch_url: str) -> None:
    assert create(scratch_url, seed=5) != []
    assert create(scratch_url, seed=5) == []
    assert create(scratch_url, seed=5, records=501) != []


def test_restore_undoes_updates_and_inserts(scratch_url: str) -> None:
    create(scratch_url, seed=3)
    statements = default_statements(cpu_rows=0, wait_ms=0)
    with psycopg.connect(scratch_url, autocommit=True) as connection, open_pool(scratch_url, 1) as pool:
        original = digest(connection)
        source = PostgresSource(pool, statements)
        for record_id in (1, 250, 500, 1):
            source.update(record_id, {"name": "x", "email": "y", "body": "z"})
        first = source.create({"name": "New"})["id"]
        assert digest(connection) != original
        assert restore_dataset(connection, seed=3, records=500, record_bytes=500) == 4
        assert digest(connection) == original
        assert source.create({"name": "New"})["id"] == first


@pytest.mark.parametrize("record_bytes", [200, 500, 2000])
def test_a_record_as_json_has_the_requested_length(scratch_url: str, record_bytes: int) -> None:
    create(scratch_url, seed=4, record_bytes=record_bytes)
    with open_pool(scratch_url, 1) as pool:
        source = PostgresSource(pool, default_statements(cpu_rows=0, wait_ms=0))
        lengths = [len(json.dumps(source.load(n), separators=(",", ":"), ensure_ascii=False).encode()) for n in (1, 77)]
    assert all(0.9 * record_bytes <= length <= 1.1 * record_bytes for length in lengths)


@pytest.mark.parametrize("records", [1, 500, 20_000])
def test_every_user_has_two_orders(scratch_url: str, records: int) -> None:
    create(scratch_url, seed=6, records=records)
    with psycopg.connect(scratch_url) as connection:
        per_user = connection.execute("SELECT user_id, count(*) FROM stampede.orders GROUP BY 1").fetchall()
    assert len(per_user) == records
    assert {count for _, count in per_user} == {2}
