"""The slow log's entries of a cell: those that are new, without other people's data."""

from collections.abc import Iterator

import pytest
import redis

from stampede.loadtests.coordinator.probes.slow_log import last_entry, slow_entries

SLOWER_THAN = "slowlog-log-slower-than"


@pytest.fixture
def all_is_slow(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """Every command enters the slow log."""
    before = str(redis_client.config_get(SLOWER_THAN)[SLOWER_THAN])
    redis_client.config_set(SLOWER_THAN, 0)
    yield redis_client
    redis_client.config_set(SLOWER_THAN, before)


def test_only_entries_after_the_mark_are_told(all_is_slow: redis.Redis, key_prefix: str) -> None:
    all_is_slow.set(f"{key_prefix}before", "x")
    mark = last_entry(all_is_slow)
    assert mark is not None
    all_is_slow.set(f"{key_prefix}after", "x")
    events = [row[5] for row in slow_entries(all_is_slow, mark, 7, key_prefix)]
    assert f"SET {key_prefix}after" in events
    assert f"SET {key_prefix}before" not in events
    assert all(row[:1] == (7,) for row in slow_entries(all_is_slow, mark, 7, key_prefix))


def test_of_other_peoples_commands_only_the_name_is_told(all_is_slow: redis.Redis, key_prefix: str) -> None:
    mark = last_entry(all_is_slow)
    all_is_slow.set("somebody:else", "their data")
    events = [str(row[5]) for row in slow_entries(all_is_slow, mark, 7, key_prefix)]
    assert "SET" in events
    assert not any("somebody" in event or "data" in event for event in events)


def test_nothing_is_reset(all_is_slow: redis.Redis, key_prefix: str) -> None:
    all_is_slow.set(f"{key_prefix}kept", "x")
    length = all_is_slow.slowlog_len()
    slow_entries(all_is_slow, last_entry(all_is_slow), 7, key_prefix)
    assert all_is_slow.slowlog_len() >= length


def test_a_server_that_does_not_tell_costs_nothing(redis_client: redis.Redis, key_prefix: str) -> None:
    assert slow_entries(redis_client, None, 7, key_prefix) == []
