"""Checks of the user's servers before a run: each unmet requirement is a one-line error with its remedy."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from stampede.core.errors import StackError
from stampede.core.network import free_port
from stampede.races.hooks.sandbox_servers import open_sandbox, require_explorable
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.providers.connection_limits import require_room
from stampede.stack.providers.external import open_external
from stampede.stack.redis.redis_monitor import watch
from stampede.stack.redis.redis_rights import OLDEST, require_single
from stampede.stack.redis.redis_server import inspect_redis
from stampede.stack.server_counters import read_redis_counters
from stampede.stack.servers import Stack
from tests.stack.providers.own_servers import Launcher, launcher, start_valkey


@pytest.fixture(scope="module")
def start() -> Iterator[Launcher]:
    with launcher() as started:
        yield started


def wanted(act: Callable[[], object]) -> str:
    """The remedy in the one-line error."""
    with pytest.raises(StackError) as refused:
        act()
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)
    return refused.value.want


def opened(stack: Stack, postgres: str | None = None, cache: str | None = None) -> Stack:
    with open_external(postgres or stack.postgres.url, cache or stack.redis.url, "as requested") as found:
        return found


# ── Redis: kind of server ──


def test_a_sentinel_is_refused_and_the_error_names_the_command_that_returns_the_master(
    start: Launcher, stack: Stack
) -> None:
    url = start_valkey(start, "sentinel", "--sentinel")
    assert "GET-MASTER-ADDR-BY-NAME" in wanted(lambda: opened(stack, cache=url))
    assert "GET-MASTER-ADDR-BY-NAME" in wanted(lambda: watch(url, every_s=1, once=True))


def test_a_server_without_a_needed_command_is_refused(start: Launcher, stack: Stack) -> None:
    url = start_valkey(start, "renamed", rename_command="EVALSHA other")
    assert wanted(lambda: opened(stack, cache=url)) == "a server that supports evalsha"


def test_a_node_of_a_cluster_is_refused(start: Launcher, stack: Stack) -> None:
    url = start_valkey(start, "node", cluster_enabled="yes", cluster_port=str(free_port()))
    assert "not a node of a Cluster" in wanted(lambda: opened(stack, cache=url))


def test_a_replica_is_refused_with_its_master_but_can_be_monitored(start: Launcher, stack: Stack) -> None:
    master = start_valkey(start, "master")
    port = master.partition("0.1:")[2].partition("/")[0]
    url = start_valkey(start, "replica", replicaof=f"127.0.0.1 {port}")
    assert f"the master, not a read-only replica of it: 127.0.0.1:{port}" in wanted(lambda: opened(stack, cache=url))
    watch(url, every_s=1, once=True)


@pytest.mark.parametrize("version", ["2.8.24", "5.0.14", "6.0.16"])
def test_a_redis_that_is_too_old_is_refused(version: str) -> None:
    assert "6.2 or newer" in wanted(lambda: require_single("redis://old", {"redis_version": version}))


@pytest.mark.parametrize("version", ["6.2.0", "7.0.15", "8.2", "10.0.0", "unknown", "255.255.255"])
def test_a_redis_of_a_supported_or_unknown_version_is_accepted(version: str) -> None:
    require_single("redis://new", {"redis_version": version})
    assert OLDEST == (6, 2)


def test_a_full_memory_that_evicts_nothing_is_refused(start: Launcher, stack: Stack) -> None:
    url = start_valkey(start, "full", maxmemory="1kb")
    assert "memory is full" in wanted(lambda: opened(stack, cache=url))


def test_a_missing_redis_database_is_a_one_line_error(stack: Stack) -> None:
    assert "setting databases" in wanted(lambda: inspect_redis(stack.redis.url.removesuffix("/0") + "/4000"))


def test_a_wrong_redis_password_is_a_one_line_error_without_it(stack: Stack) -> None:
    url = stack.redis.url.replace("redis://:", "redis://:secret")
    assert "a valid user and password" in wanted(lambda: inspect_redis(url))


# ── Redis: rights of its users ──


@pytest.fixture
def as_user(stack: Stack, redis_client: redis.Redis) -> Iterator[Callable[..., str]]:
    """Creates a Redis user with only the given ACL rules. Returns its URL."""
    names: list[str] = []
    admin: Any = redis_client

    def made(*rules: str) -> str:
        name = f"user{len(names)}"
        names.append(name)
        admin.execute_command("ACL", "SETUSER", name, "reset", "on", ">secret", *rules)
        return f"redis://{name}:secret@{stack.redis.url.rpartition('@')[2]}"

    yield made
    redis_client.acl_deluser(*names)


def test_a_user_without_our_keys_is_refused_with_the_command_that_grants_them(
    stack: Stack, as_user: Callable[..., str]
) -> None:
    url = as_user("~shop:*", "+@all")
    assert "(ACL SETUSER user0 ~stampede:*)" in wanted(lambda: opened(stack, cache=url))


def test_the_error_names_each_missing_command_in_the_command_that_grants_it(
    stack: Stack, as_user: Callable[..., str]
) -> None:
    url = as_user("~*", "+@all", "-@scripting", "-unlink", "-memory|usage")
    want = wanted(lambda: opened(stack, cache=url))
    assert want.endswith("ACL SETUSER user0 +memory|usage +script|load +evalsha +eval +unlink")


def test_a_user_with_only_our_prefix_is_accepted_and_a_remark_names_the_contenders_that_fail(
    stack: Stack, as_user: Callable[..., str]
) -> None:
    found = opened(stack, cache=as_user("~stampede:*", "+@all"))
    assert [remark.name for remark in found.remarks] == ["ACL"]
    assert "coalescing-owned" in found.remarks[0].cost
    assert "~lock:stampede:*" in found.remarks[0].what


def test_a_user_without_info_and_config_is_accepted_with_a_remark_for_each(
    stack: Stack, as_user: Callable[..., str]
) -> None:
    url = as_user("~*", "+@all", "-@dangerous")
    found = opened(stack, cache=url)
    assert {remark.name for remark in found.remarks} == {"INFO", "CONFIG"}
    assert found.redis.version
    with redis.Redis.from_url(url) as client:
        assert read_redis_counters(client) == {}


def test_monitor_requires_info(as_user: Callable[..., str]) -> None:
    url = as_user("~*", "+@all", "-info")
    assert "+info" in wanted(lambda: watch(url, every_s=1, once=True))


def test_the_explorer_requires_additional_commands(stack: Stack, as_user: Callable[..., str]) -> None:
    found = opened(stack, cache=as_user("~*", "+@all", "-restore", "-dump"))
    assert wanted(lambda: require_explorable(found)).endswith("ACL SETUSER user0 +dump +restore")


def test_the_user_from_the_how_to_has_all_needed_rights(stack: Stack, as_user: Callable[..., str]) -> None:
    how_to = (Path(__file__).parents[2] / "docs/how-to/your-own-servers.md").read_text()
    (line,) = [line for line in how_to.splitlines() if line.startswith("ACL SETUSER stampede on >password")]
    found = opened(stack, cache=as_user(*line.split()[5:]))
    require_explorable(found)
    assert found.remarks == ()
    watch(found.redis.url, every_s=1, once=True)


def test_the_checks_leave_no_keys(stack: Stack, redis_client: redis.Redis) -> None:
    redis_client.flushdb()
    found = opened(stack)
    require_explorable(found)
    assert redis_client.keys("*") == []


# ── PostgreSQL ──


@pytest.fixture
def user_role(stack: Stack) -> Iterator[Callable[..., str]]:
    """Runs statements in a new database. Returns the URL of a new plain role in it."""
    with connect(stack.postgres.url) as connection:
        connection.execute("CREATE DATABASE their_app")
        connection.execute("CREATE ROLE their_role LOGIN PASSWORD 'secret'")

        def made(*statements: str) -> str:
            address = stack.postgres.url.rpartition("@")[2].rpartition("/")[0]
            with connect(stack.postgres.url.rpartition("/")[0] + "/their_app") as inside:
                for statement in statements:
                    inside.execute(statement)
            return f"postgresql://their_role:secret@{address}/their_app"

        yield made
        connection.execute("DROP DATABASE their_app WITH (FORCE)")
        connection.execute("DROP ROLE their_role")


MAY_CREATE = "GRANT CREATE ON DATABASE their_app TO their_role"


def make_data(url: str) -> None:
    ensure_dataset(url, records=20, record_bytes=300, seed=1, managed=False, say=lambda _line: None)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ((":secret@", ":wrong@"), "the password of the role"),
        (("/their_app", "/no_such_database"), "a database and a role that exist"),
        (("//their_role", "//no_such_role"), "the password of the role"),
        (("their_app", "their_app?sslmode=require"), "sslmode=disable"),
    ],
)
def test_a_postgresql_that_refuses_the_connection_is_a_one_line_error_with_the_remedy(
    user_role: Callable[..., str], change: tuple[str, str], remedy: str
) -> None:
    url = user_role().replace(*change)
    assert remedy in wanted(lambda: connect(url))


def test_a_server_without_a_free_connection_is_a_one_line_error_with_the_remedy(user_role: Callable[..., str]) -> None:
    url = user_role("ALTER ROLE their_role CONNECTION LIMIT 0")
    assert "CONNECTION LIMIT" in wanted(lambda: connect(url))


def test_each_missing_right_is_listed_after_the_first_line(stack: Stack, as_user: Callable[..., str]) -> None:
    found = opened(stack, cache=as_user("~*", "+@all", "-@dangerous"))
    first, *others = found.introduction().splitlines()
    assert first == found.first_line()
    assert [line.partition(":")[0] for line in others] == ["INFO", "CONFIG"]


def test_the_error_for_a_role_that_may_not_create_the_schema_contains_the_grant(
    stack: Stack, user_role: Callable[..., str]
) -> None:
    url = user_role()
    grant = 'GRANT CREATE ON DATABASE "their_app" TO "their_role"'
    assert grant in wanted(lambda: make_data(url))
    assert grant in wanted(lambda: require_explorable(opened(stack, postgres=url)))


def test_the_error_for_a_schema_of_another_role_names_its_owner(stack: Stack, user_role: Callable[..., str]) -> None:
    make_data(stack.postgres.url.rpartition("/")[0] + "/their_app")
    url = user_role(MAY_CREATE)
    assert 'GRANT "postgres" TO "their_role"' in wanted(lambda: make_data(url))
    assert 'GRANT "postgres" TO "their_role"' in wanted(lambda: require_explorable(opened(stack, postgres=url)))


@pytest.mark.parametrize("scope", ["ROLE their_role", "DATABASE their_app"])
def test_a_read_only_session_is_refused_with_the_name_of_the_setting(
    stack: Stack, user_role: Callable[..., str], scope: str
) -> None:
    url = user_role(MAY_CREATE, f"ALTER {scope} SET default_transaction_read_only = on")
    assert "default_transaction_read_only" in wanted(lambda: make_data(url))
    assert "default_transaction_read_only" in wanted(lambda: require_explorable(opened(stack, postgres=url)))


def test_a_plain_role_explores_without_deadlock_timeout(stack: Stack, user_role: Callable[..., str]) -> None:
    found = opened(stack, postgres=user_role(MAY_CREATE))
    with open_sandbox(found) as sandbox, sandbox.unscheduled() as context:
        assert sandbox.connect().execute("SHOW synchronous_commit").fetchone() == {"synchronous_commit": "off"}
        record = context.source.load(1)
    assert record is not None


def test_a_superuser_explores_with_a_long_deadlock_timeout(stack: Stack) -> None:
    with open_sandbox(stack) as sandbox:
        assert sandbox.connect().execute("SHOW deadlock_timeout").fetchone() == {"deadlock_timeout": "10s"}


# ── room for connections ──


def room(found: Stack, postgres: int = 1, clients: int = 1) -> str:
    return wanted(lambda: require_room(found, postgres=postgres, clients=clients, instead="take fewer --threads"))


def test_more_connections_than_postgresql_allows_are_refused_before_any_is_opened(stack: Stack) -> None:
    want = room(stack, postgres=301)
    assert "300 allowed" in want
    assert want.endswith("raise max_connections, or take fewer --threads")
    require_room(stack, postgres=200, clients=100, instead="")


def test_connections_of_other_clients_are_counted(stack: Stack) -> None:
    with connect(stack.postgres.url), connect(stack.postgres.url):
        assert int(room(stack, postgres=300).partition(" in use")[0].rpartition(" ")[2]) >= 2


@pytest.mark.parametrize(
    ("limit", "remedy"),
    [
        ("ALTER ROLE their_role CONNECTION LIMIT 7", "ALTER ROLE their_role CONNECTION LIMIT"),
        ("ALTER DATABASE their_app CONNECTION LIMIT 7", "ALTER DATABASE their_app CONNECTION LIMIT"),
    ],
)
def test_the_limit_of_a_role_or_a_database_counts_too(
    stack: Stack, user_role: Callable[..., str], limit: str, remedy: str
) -> None:
    found = opened(stack, postgres=user_role(limit))
    want = room(found, postgres=8)
    assert "7 allowed" in want
    assert remedy in want
    require_room(found, postgres=7, clients=1, instead="")


def test_a_maxclients_that_is_too_small_is_refused(start: Launcher, stack: Stack) -> None:
    small = opened(stack, cache=start_valkey(start, "small", maxclients="20"))
    assert "20 allowed" in room(small, clients=21)
    require_room(small, postgres=1, clients=20, instead="")
    clients = [redis.Redis.from_url(small.redis.url, single_connection_client=True) for _ in range(3)]
    assert "3 in use" in room(small, clients=20)
    for client in clients:
        client.close()
