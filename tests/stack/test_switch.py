"""Redis is broken and mended on purpose: hung it keeps what it holds, killed it comes back empty where it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stack.binaries import server_account, valkey_binary
from stack.guard import guarded
from stack.redis import answers, start_valkey
from stack.switch import EmbeddedSwitch


@pytest.fixture
def broken() -> Iterator[tuple[str, EmbeddedSwitch]]:
    """A server of this test's own: the session's is not broken here."""
    account = server_account()
    with guarded(shared_path=account is not None) as guard:
        url = start_valkey(guard, valkey_binary(guard.directory / "bin", account), account)
        yield url, EmbeddedSwitch(guard, guard.started[-1], lambda: answers(url))


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=0.2, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))


def test_a_paused_server_answers_nothing_and_goes_on_with_what_it_held(broken: tuple[str, EmbeddedSwitch]) -> None:
    url, switch = broken
    with client(url) as before, client(url) as newcomer:
        before.set("kept", "1")
        switch.pause()
        for asked in (before, newcomer):
            with pytest.raises(redis.TimeoutError):
                asked.get("kept")
        switch.resume()
        assert before.get("kept") == b"1"


def test_a_killed_server_refuses_and_comes_back_empty_under_the_same_url(broken: tuple[str, EmbeddedSwitch]) -> None:
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


def test_a_dead_server_cannot_be_paused(broken: tuple[str, EmbeddedSwitch]) -> None:
    _, switch = broken
    switch.kill()
    with pytest.raises(OSError, match="has ended"):
        switch.pause()


def test_a_server_that_hangs_is_gone_with_its_files_once_its_guard_is_closed() -> None:
    account = server_account()
    with guarded(shared_path=account is not None) as guard:
        url = start_valkey(guard, valkey_binary(guard.directory / "bin", account), account)
        server = guard.started[-1]
        EmbeddedSwitch(guard, server, lambda: answers(url)).pause()
    assert not guard.directory.exists()
    status = Path(f"/proc/{server.pid}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()
