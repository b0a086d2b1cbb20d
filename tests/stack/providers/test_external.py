"""On the user's servers we change only our schema and our keys."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stampede.core.errors import ConfigError
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.providers.external import open_external
from stampede.stack.server_counters import delete_keys, has_statements, read_postgres_counters
from stampede.stack.servers import Stack


@pytest.fixture
def user_database(stack: Stack) -> Iterator[str]:
    """A database without pg_stat_statements, with a table of the user."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE theirs")
        url = stack.postgres.url.rpartition("/")[0] + "/theirs"
        with psycopg.connect(url, autocommit=True) as inside:
            inside.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
            inside.execute("INSERT INTO users VALUES (1, 'theirs')")
        yield url
        connection.execute("DROP DATABASE theirs WITH (FORCE)")


@pytest.fixture
def guest_url(stack: Stack, redis_client: redis.Redis) -> Iterator[str]:
    """A user that may not use CONFIG."""
    redis_client.acl_setuser("guest", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-config"])
    yield stack.redis.url.replace("redis://:" + stack.redis.url.split(":")[2].split("@")[0], "redis://guest:pw")
    redis_client.acl_deluser("guest")


def outside_our_schema(url: str) -> Any:
    """Everything of the user that we could have changed by mistake."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'stampede' ORDER BY 1",
                "SELECT extname FROM pg_extension ORDER BY 1",
                "SELECT * FROM users ORDER BY 1",
                "SELECT name, setting FROM pg_file_settings ORDER BY 1",
                "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2",
                "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()",
            )
        ]


def test_missing_rights_become_remarks_with_their_consequence(stack: Stack, user_database: str, guest_url: str) -> None:
    with open_external(user_database, guest_url, "as requested") as opened:
        assert {remark.name for remark in opened.remarks} == {"pg_stat_statements", "CONFIG"}
        assert all(remark.what and remark.cost for remark in opened.remarks)
        assert opened.redis.settings.get("maxmemory") is None
    with open_external(stack.postgres.url, stack.redis.url, "as requested") as opened:
        assert opened.remarks == ()


def test_without_pg_stat_statements_other_counters_are_still_read(user_database: str) -> None:
    with psycopg.connect(user_database, autocommit=True) as connection:
        assert not has_statements(connection)
        counters = read_postgres_counters(connection, {"load": 1})
    assert not any(name.startswith("statement.") for name in counters)
    assert "database.xact_commit" in counters


def test_only_our_schema_and_keys_are_changed(stack: Stack, user_database: str, redis_client: redis.Redis) -> None:
    redis_client.mset({"foreign:1": b"theirs", "stampede": b"theirs too", "stampede:1": b"ours"})
    before = outside_our_schema(user_database)
    with open_external(user_database, stack.redis.url, "as requested") as opened:
        ensure_dataset(
            opened.postgres.url, records=50, record_bytes=300, seed=1, managed=opened.managed, say=lambda _line: None
        )
        assert delete_keys(redis_client, opened.key_prefix) == 1
    assert outside_our_schema(user_database) == before
    assert redis_client.mget("foreign:1", "stampede", "stampede:1") == [b"theirs", b"theirs too", None]


SIGNS = st.text(alphabet="a:*?[]^-\\", min_size=1, max_size=6)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(prefix=SIGNS, others=st.sets(SIGNS, max_size=8), rest=st.sets(SIGNS, min_size=1, max_size=4))
def test_every_key_with_the_prefix_is_deleted_and_no_other(
    redis_client: redis.Redis, prefix: str, others: set[str], rest: set[str]
) -> None:
    redis_client.flushdb()
    foreign = {name.encode() for name in others if not name.startswith(prefix)}
    own = {(prefix + ending).encode() for ending in rest}
    redis_client.mset(dict.fromkeys(foreign | own, b"1"))
    assert delete_keys(redis_client, prefix) == len(own)
    assert set(redis_client.keys("*")) == foreign


def test_a_schema_stampede_of_another_owner_is_refused_and_left_alone(user_database: str) -> None:
    with psycopg.connect(user_database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA stampede")
        connection.execute("CREATE TABLE stampede.horses (name text)")
        with pytest.raises(ConfigError, match="did not create"):
            ensure_dataset(user_database, records=50, record_bytes=300, seed=1, managed=False, say=lambda _line: None)
        assert connection.execute("SELECT to_regclass('stampede.horses') IS NOT NULL").fetchone() == (True,)
