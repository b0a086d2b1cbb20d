"""What every caching pattern must do, whatever it promises, and what it must do where it promises it."""

from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patterns.caching.base import ClientSettings, Config, Promise
from patterns.catalogue import contenders
from patterns.errors import ConfigError
from stack.source import PostgresSource
from tests.contract.worlds import TTL_S, World

NAMES = sorted(contenders())
CACHING = [name for name in NAMES if name != "no-cache"]
UNKNOWN_ID = 999_999_999


@pytest.fixture
def world(request: pytest.FixtureRequest, redis_client: redis.Redis, source: PostgresSource, key_prefix: str) -> World:
    return World(contenders()[request.param], redis_client, source, key_prefix)


def promising(promise: Promise) -> list[str]:
    return [name for name in NAMES if promise in contenders()[name].pattern.promises]


every = pytest.mark.parametrize("world", NAMES, indirect=True)
every_cache = pytest.mark.parametrize("world", CACHING, indirect=True)


@every
def test_a_read_returns_the_row_as_the_database_has_it_cached_or_not(world: World, source: PostgresSource) -> None:
    expected = source.load(7)
    assert expected is not None
    assert [world.pattern.get(7), world.pattern.get(7)] == [expected, expected]


@every
def test_a_record_that_does_not_exist_is_none_and_leaves_nothing_in_the_cache(world: World) -> None:
    assert world.pattern.get(UNKNOWN_ID) is None
    assert world.entries() == []


@every_cache
def test_the_second_read_of_a_record_does_not_load(world: World) -> None:
    assert world.loads_in(lambda: world.pattern.get(8)) == 1
    assert world.loads_in(lambda: world.pattern.get(8)) == 0


@every_cache
def test_after_an_invalidation_the_next_read_loads(world: World) -> None:
    world.pattern.get(9)
    world.pattern.invalidate(9)
    assert world.loads_in(lambda: world.pattern.get(9)) == 1


@every
def test_a_write_returns_the_row_with_its_next_version_and_the_next_read_sees_it(world: World) -> None:
    before = world.pattern.get(10)
    assert before is not None
    written = world.pattern.update(10, {"name": "Grace", "email": "grace@example.org"})
    assert written is not None
    assert (written["name"], written["version"]) == ("Grace", before["version"] + 1)
    assert world.pattern.get(10) == written


@every
def test_a_write_to_a_record_that_does_not_exist_is_none(world: World) -> None:
    assert world.pattern.update(UNKNOWN_ID, {"name": "Nobody", "email": "nobody@example.org"}) is None


@every
def test_a_created_record_can_be_read(world: World) -> None:
    created = world.pattern.create({"name": "Ada", "email": "ada@example.org", "body": "b"})
    assert world.pattern.get(created["id"]) == created


@every_cache
def test_keys_are_named_type_and_id_under_the_prefix(world: World) -> None:
    world.pattern.get(11)
    assert f"{world.key_prefix}user:11".encode() in world.entries()


@pytest.mark.parametrize("world", promising(Promise.DURABLE_ON_RETURN), indirect=True)
def test_durable_on_return_means_that_a_returned_write_is_in_the_database(world: World, source: PostgresSource) -> None:
    written = world.pattern.update(12, {"name": "Edsger", "email": "edsger@example.org"})
    assert source.load(12) == written


@pytest.mark.parametrize("world", promising(Promise.STALE_AT_MOST_TTL), indirect=True)
def test_stale_at_most_ttl_means_that_every_entry_that_a_pattern_leaves_behind_expires(world: World) -> None:
    world.pattern.get(13)
    world.pattern.update(13, {"name": "Barbara", "email": "barbara@example.org"})
    world.pattern.get(13)
    left_ms = [world.redis.pttl(key) for key in world.entries()]
    assert all(0 < left <= TTL_S * 1000 for left in left_ms), left_ms


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("get"), st.integers(100, 103)),
        st.tuples(st.just("update"), st.integers(100, 103)),
        st.tuples(st.just("invalidate"), st.integers(100, 103)),
        st.tuples(st.just("lose"), st.just(0)),
    ),
    max_size=12,
)


@pytest.mark.parametrize("world", promising(Promise.SURVIVES_CACHE_LOSS), indirect=True)
@given(operations=OPERATIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_survives_cache_loss_means_that_one_client_reads_what_it_wrote_whenever_the_cache_is_emptied(
    world: World, source: PostgresSource, operations: list[tuple[str, int]]
) -> None:
    world.lose_cache()
    model: dict[int, Any] = {record_id: source.load(record_id) for record_id in range(100, 104)}
    for count, (operation, record_id) in enumerate(operations):
        if operation == "get":
            assert world.pattern.get(record_id) == model[record_id]
        elif operation == "update":
            model[record_id] = world.pattern.update(record_id, {"name": f"n{count}", "email": f"e{count}"})
        elif operation == "invalidate":
            world.pattern.invalidate(record_id)
        else:
            world.lose_cache()


@pytest.mark.parametrize("ttl_s", [-1.0, 0.0, 0.0001, float("nan")])
def test_a_ttl_that_redis_cannot_keep_is_refused(ttl_s: float) -> None:
    with pytest.raises(ConfigError, match="ttl_s"):
        Config(ttl_s=ttl_s)


def test_client_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="socket_timeout_s"):
        ClientSettings(socket_timeout_s=0)
    with pytest.raises(ConfigError, match="retries"):
        ClientSettings(retries=-1)
