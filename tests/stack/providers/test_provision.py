"""Which servers are chosen for a run, and the one-line error if they cannot be used."""

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from stampede.core.errors import ConfigError, StackError
from stampede.core.network import free_port
from stampede.stack.providers.containers import COMPOSE_FILE, why_no_engine
from stampede.stack.providers.stack_choice import Choice
from stampede.stack.provision import open_servers
from stampede.stack.servers import Stack


def refused(choice: Choice, postgres_url: str | None, redis_url: str | None) -> ConfigError:
    with (
        pytest.raises(ConfigError) as caught,
        open_servers(choice, postgres_url=postgres_url, redis_url=redis_url, say=lambda _line: None),
    ):
        pass
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_given_urls_are_used_and_the_first_line_shows_it(stack: Stack) -> None:
    urls = {"postgres_url": stack.postgres.url, "redis_url": stack.redis.url}
    with open_servers("auto", **urls, say=lambda _line: None) as opened:
        assert opened.provider == "external"
        assert not opened.managed
        assert opened.first_line() == (
            f"external servers: PostgreSQL {stack.postgres.version} and Valkey {stack.redis.version} "
            "(their URLs were given)"
        )


def test_one_url_without_the_other_is_refused(stack: Stack) -> None:
    assert refused("auto", stack.postgres.url, None).field == "redis"
    assert refused("auto", None, stack.redis.url).field == "postgres"
    assert refused("external", None, None).field == "postgres"


def test_urls_and_embedded_servers_exclude_each_other(stack: Stack) -> None:
    assert refused("embedded", stack.postgres.url, stack.redis.url).field == "stack"


def test_an_unknown_choice_is_refused() -> None:
    assert refused("kubernetes", None, None).field == "stack"  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["nonsense", "mysql://localhost/x", "postgresql://[::1", "postgresql://h:port/db"])
def test_an_invalid_postgres_url_is_a_one_line_error(stack: Stack, url: str) -> None:
    assert refused("external", url, stack.redis.url).field == "postgres"


@pytest.mark.parametrize("url", ["nonsense", "http://localhost", "redis://[::1", "redis://localhost:port/0"])
def test_an_invalid_redis_url_is_a_one_line_error(stack: Stack, url: str) -> None:
    assert refused("external", stack.postgres.url, url).field == "redis"


def test_an_unreachable_server_is_a_one_line_error_without_its_password(stack: Stack) -> None:
    port = free_port()
    dead_postgres = refused("external", f"postgresql://u:secret@127.0.0.1:{port}/db", stack.redis.url)
    dead_redis = refused("external", stack.postgres.url, f"redis://:secret@127.0.0.1:{port}/0")
    assert (dead_postgres.field, dead_redis.field) == ("postgres", "redis")
    assert isinstance(dead_postgres, StackError)
    assert "secret" not in f"{dead_postgres} {dead_redis}"


def test_a_server_that_accepts_the_connection_but_never_answers_is_a_one_line_error(
    stack: Stack, silent_port: int
) -> None:
    assert refused("external", f"postgresql://u@127.0.0.1:{silent_port}/db", stack.redis.url).field == "postgres"
    assert refused("external", stack.postgres.url, f"redis://127.0.0.1:{silent_port}/0").field == "redis"


def test_a_wrong_password_is_a_one_line_error(stack: Stack) -> None:
    wrong_postgres = stack.postgres.url.replace("postgres:", "postgres:x")
    wrong_redis = stack.redis.url.replace("redis://:", "redis://:x")
    assert refused("external", wrong_postgres, stack.redis.url).field == "postgres"
    assert refused("external", stack.postgres.url, wrong_redis).field == "redis"


def test_no_representation_of_a_stack_shows_a_password(stack: Stack) -> None:
    password = stack.postgres.url.split(":")[2].split("@")[0]
    assert len(password) == 32
    assert password not in f"{stack!r} {stack} {stack.as_dict()} {stack.first_line()}"


def test_containers_without_an_engine_are_a_one_line_error() -> None:
    if why_no_engine() is None:
        pytest.skip("a Docker engine answers here")
    assert refused("containers", None, None).field == "stack"


def test_compose_accepts_the_compose_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("there is no docker compose command")
    done = subprocess.run(
        [docker, "compose", "-f", str(COMPOSE_FILE), "config"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "host_ip: 127.0.0.1" in done.stdout


def test_two_commands_cannot_use_one_database_at_the_same_time(stack: Stack) -> None:
    """Both would write the same tables and keys: the second is refused while the first runs, but not afterwards."""
    urls = {"postgres_url": stack.postgres.url, "redis_url": stack.redis.url}
    with (
        open_servers("external", **urls, say=lambda _line: None),
        pytest.raises(StackError, match="no other command"),
        open_servers("external", **urls, say=lambda _line: None),
    ):
        pass
    with open_servers("external", **urls, say=lambda _line: None) as opened:
        assert not opened.managed
