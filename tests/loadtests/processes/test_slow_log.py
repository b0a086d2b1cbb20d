"""The slow log entries of a cell: only new ones, and without the data of other clients."""

from collections.abc import Iterator

import pytest
import redis

from stampede.loadtests.coordinator.probes.slow_log import last_entry, slow_entries

SLOWER_THAN = "slowlog-log-slower-than"


@pytest.fixture
def slow_client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """A client of a Redis that logs every command as slow."""
    before = str(redis_client.config_get(SLOWER_THAN)[SLOWER_THAN])
    redis_client.config_set(SLOWER_THAN, 0)
    yield redis_client
    redis_client.config_set(SLOWER_THAN, before)


def test_only_entries_after_the_mark_are_recorded(slow_client: redis.Redis, key_prefix: str) -> None:
    slow_client.set(f"{key_prefix}before", "x")
    mark = last_entry(slow_client)
    assert mark is not None
    slow_client.set(f"{key_prefix}after", "x")
    events = [row[5] for row in slow_entries(slow_client, mark, 7, key_prefix)]
    assert f"SET {key_prefix}after" in events
    assert f"SET {key_prefix}before" not in events
    assert all(row[:1] == (7,) for row in slow_entries(slow_client, mark, 7, key_prefix))


def test_only_the_name_of_another_clients_command_is_recorded(slow_client: redis.Redis, key_prefix: str) -> None:
    mark = last_entry(slow_client)
    slow_client.set("other:key", "their data")
    events = [str(row[5]) for row in slow_entries(slow_client, mark, 7, key_prefix)]
    assert "SET" in events
    assert not any("other" in event or "data" in event for event in events)


def test_the_slow_log_is_not_reset(slow_client: redis.Redis, key_prefix: str) -> None:
    slow_client.set(f"{key_prefix}kept", "x")
    length = slow_client.slowlog_len()
    slow_entries(slow_client, last_entry(slow_client), 7, key_prefix)
    assert slow_client.slowlog_len() >= length


def test_a_server_without_a_readable_slow_log_gives_no_entries(redis_client: redis.Redis, key_prefix: str) -> None:
    assert slow_entries(redis_client, None, 7, key_prefix) == []
