"""Redis is broken and mended on purpose: hung it keeps what it holds, killed it comes back empty where it was."""

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
def broken() -> Iterator[tuple[str, EmbeddedRedisFaults]]:
    """A server of this test's own: the session's is not broken here."""
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        url = start_valkey(supervisor, valkey_binary(supervisor.directory / "bin", account), account)
        yield url, EmbeddedRedisFaults(supervisor, supervisor.started[-1], lambda: answers(url))


def client(url: str, within_s: float = 60.0) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=within_s, socket_connect_timeout=within_s, retry=Retry(NoBackoff(), 0)
    )


def test_a_paused_server_answers_nothing_and_goes_on_with_what_it_held(broken: tuple[str, EmbeddedRedisFaults]) -> None:
    """Neither one that is connected nor a newcomer; what was asked meanwhile is answered afterwards."""
    url, switch = broken
    with client(url) as before, client(url, within_s=0.2) as newcomer:
        before.set("kept", "1")
        connection = before.connection_pool.get_connection()
        switch.pause()
        connection.send_command("GET", "kept")
        with pytest.raises(redis.TimeoutError):
            newcomer.get("kept")
        assert not connection.can_read(timeout=0.2)
        switch.resume()
        assert connection.read_response() == b"1"
        before.connection_pool.release(connection)


def test_a_killed_server_refuses_and_comes_back_empty_under_the_same_url(
    broken: tuple[str, EmbeddedRedisFaults],
) -> None:
    url, switch = broken
    with client(url) as asked:
        asked.set("lost", "1")
        switch.kill()
        with pytest.raises(redis.ConnectionError):
            asked.get("lost")
        switch.restart()
        assert asked.get("lost") is None
        asked.set("new", "1")
        switch.kill()
        switch.restart()
        assert asked.keys() == []


def test_a_dead_server_cannot_be_paused(broken: tuple[str, EmbeddedRedisFaults]) -> None:
    _, switch = broken
    switch.kill()
    with pytest.raises(OSError, match="has ended"):
        switch.pause()


def test_a_server_that_hangs_is_gone_with_its_files_once_its_guard_is_closed() -> None:
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        url = start_valkey(supervisor, valkey_binary(supervisor.directory / "bin", account), account)
        server = supervisor.started[-1]
        EmbeddedRedisFaults(supervisor, server, lambda: answers(url)).pause()
    assert not supervisor.directory.exists()
    status = Path(f"/proc/{server.pid}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()
