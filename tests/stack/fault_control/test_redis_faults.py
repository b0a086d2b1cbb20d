"""Faults in Redis: after a pause it still has its data; after a kill it comes back empty at the same address."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stampede.stack.fault_control.redis_faults import EmbeddedRedisFaults
from stampede.stack.providers.binaries import server_account, valkey_binary
from stampede.stack.redis.redis_server import answers, start_valkey
from stampede.stack.supervisor.supervisor_client import supervised


@pytest.fixture
def redis_faults() -> Iterator[tuple[str, EmbeddedRedisFaults]]:
    """A server for one test only, so that the session's server is not affected."""
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        url = start_valkey(supervisor, valkey_binary(supervisor.directory / "bin", account), account)
        yield url, EmbeddedRedisFaults(supervisor, supervisor.started[-1], lambda: answers(url))


def client(url: str, within_s: float = 60.0) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=within_s, socket_connect_timeout=within_s, retry=Retry(NoBackoff(), 0)
    )


def test_a_paused_server_does_not_answer_and_keeps_its_data(redis_faults: tuple[str, EmbeddedRedisFaults]) -> None:
    """It answers neither old nor new connections. Commands that were sent meanwhile are answered after the pause."""
    url, faults = redis_faults
    with client(url) as old_client, client(url, within_s=0.2) as new_client:
        old_client.set("kept", "1")
        connection = old_client.connection_pool.get_connection()
        faults.pause()
        connection.send_command("GET", "kept")
        with pytest.raises(redis.TimeoutError):
            new_client.get("kept")
        assert not connection.can_read(timeout=0.2)
        faults.resume()
        assert connection.read_response() == b"1"
        old_client.connection_pool.release(connection)


def test_a_killed_server_refuses_and_comes_back_empty_under_the_same_url(
    redis_faults: tuple[str, EmbeddedRedisFaults],
) -> None:
    url, faults = redis_faults
    with client(url) as connected:
        connected.set("lost", "1")
        faults.kill()
        with pytest.raises(redis.ConnectionError):
            connected.get("lost")
        faults.restart()
        assert connected.get("lost") is None
        connected.set("new", "1")
        faults.kill()
        faults.restart()
        assert connected.keys() == []


def test_a_dead_server_cannot_be_paused(redis_faults: tuple[str, EmbeddedRedisFaults]) -> None:
    _, faults = redis_faults
    faults.kill()
    with pytest.raises(OSError, match="has ended"):
        faults.pause()


def test_closing_the_supervisor_removes_a_hung_server_and_its_files() -> None:
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        url = start_valkey(supervisor, valkey_binary(supervisor.directory / "bin", account), account)
        server = supervisor.started[-1]
        EmbeddedRedisFaults(supervisor, server, lambda: answers(url)).pause()
    assert not supervisor.directory.exists()
    status = Path(f"/proc/{server.pid}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()
