"""The contract of every caching pattern, and the guarantees of those that list them."""

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stampede.core.errors import ConfigError
from stampede.patterns.caching.cache_pattern import ClientSettings, Config, Guarantee, Record, Source, Transaction
from stampede.patterns.contender_registry import contenders
from stampede.stack.postgres.source import PostgresSource
from tests.contract.contexts import World

NAMES = sorted(contenders())
CACHING = [name for name in NAMES if name != "no-cache"]
UNKNOWN_ID = 999_999_999


@pytest.fixture
def world(request: pytest.FixtureRequest, redis_client: redis.Redis, source: PostgresSource, key_prefix: str) -> World:
    return World(contenders()[request.param], redis_client, source, key_prefix)


def guaranteeing(guarantee: Guarantee) -> list[str]:
    """The patterns that list the guarantee."""
    return [name for name in NAMES if guarantee in contenders()[name].pattern.guarantees]


def guaranteed(guarantee: Guarantee) -> pytest.MarkDecorator:
    """Run a test for every pattern that lists the guarantee."""
    return pytest.mark.parametrize("world", guaranteeing(guarantee), indirect=True)


every = pytest.mark.parametrize("world", NAMES, indirect=True)
every_cache = pytest.mark.parametrize("world", CACHING, indirect=True)


@every
def test_read_returns_the_row_of_the_database(world: World, source: PostgresSource) -> None:
    expected = source.load(7)
    assert expected is not None
    assert [world.pattern.get(7), world.pattern.get(7)] == [expected, expected]


@every
def test_missing_record_is_none_and_is_not_cached(world: World) -> None:
    assert world.pattern.get(UNKNOWN_ID) is None
    assert world.entries() == []


@every_cache
def test_second_read_does_not_load(world: World) -> None:
    assert world.loads_in(lambda: world.pattern.get(8)) == 1
    assert world.loads_in(lambda: world.pattern.get(8)) == 0


class OverlappedSource(Source):
    """A source in which a second reader starts to load during the first load and is still loading when it ends."""

    def __init__(self, source: PostgresSource) -> None:
        self.source = source
        self.begin_another: Callable[[], object] = lambda: None
        self.loading, self.released = threading.Event(), threading.Event()

    def load(self, record_id: int) -> Record | None:
        begin, self.begin_another = self.begin_another, self.wait_until_released
        begin()
        return self.source.load(record_id)

    def wait_until_released(self) -> None:
        self.loading.set()
        self.released.wait(60)

    def transaction(self) -> AbstractContextManager[Transaction]:
        return self.source.transaction()


@pytest.mark.parametrize("name", [name for name in CACHING if "coalescing" not in name])
def test_first_of_several_readers_fills_for_later_ones(
    name: str, redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    """Else an expired popular entry stays missing as long as new readers come during every load."""
    overlapped = OverlappedSource(source)
    world = World(contenders()[name], redis_client, overlapped, key_prefix)
    another = threading.Thread(target=lambda: world.pattern.get(11))

    def begin_another() -> None:
        another.start()
        assert overlapped.loading.wait(60)

    overlapped.begin_another = begin_another
    try:
        world.pattern.get(11)
        assert world.loads_in(lambda: world.pattern.get(11)) == 0
    finally:
        overlapped.released.set()
        another.join()


@every_cache
def test_read_after_an_invalidation_loads(world: World) -> None:
    world.pattern.get(9)
    world.pattern.invalidate(9)
    assert world.loads_in(lambda: world.pattern.get(9)) == 1


@every
def test_write_returns_the_row_with_its_next_version(world: World) -> None:
    before = world.source.load(10)
    assert before is not None
    world.pattern.get(10)
    written = world.pattern.update(10, {"name": "Grace", "email": "grace@example.org"})
    assert written is not None
    assert (written["name"], written["version"]) == ("Grace", before["version"] + 1)


@guaranteed(Guarantee.READ_AFTER_WRITE)
def test_read_after_write_returns_the_written_row(world: World) -> None:
    world.pattern.get(14)
    for record_id in (14, 15):
        written = world.pattern.update(record_id, {"name": "Grace", "email": "grace@example.org"})
        assert [world.pattern.get(record_id), world.pattern.get(record_id)] == [written, written]


@every
def test_write_to_a_missing_record_is_none(world: World) -> None:
    assert world.pattern.update(UNKNOWN_ID, {"name": "Alan", "email": "alan@example.org"}) is None


@every
def test_created_record_can_be_read(world: World) -> None:
    created = world.pattern.create({"name": "Ada", "email": "ada@example.org", "body": "b"})
    assert world.pattern.get(created["id"]) == created


@every_cache
def test_keys_have_the_prefix_the_type_the_id_and_at_most_one_qualifier(world: World) -> None:
    world.pattern.get(11)
    name = re.compile(rf"{re.escape(world.key_prefix)}user:11(:[^:]+)?")
    assert world.entries()
    assert [key for key in world.entries() if not name.fullmatch(key.decode())] == []


@guaranteed(Guarantee.DURABLE_ON_RETURN)
def test_returned_write_is_in_the_database(world: World, source: PostgresSource) -> None:
    written = world.pattern.update(12, {"name": "Edsger", "email": "edsger@example.org"})
    assert source.load(12) == written


@guaranteed(Guarantee.STALE_AT_MOST_TTL)
def test_entry_of_a_crashed_writer_is_not_read_after_one_ttl(world: World) -> None:
    world.pattern.get(13)
    world.pattern.update(13, {"name": "Barbara", "email": "barbara@example.org"})
    world.pattern.get(13)
    committed = world.source.update(13, {"name": "Liskov", "email": "liskov@example.org"})  # then the client crashes
    world.pass_ttl()
    assert world.pattern.get(13) == committed


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("get"), st.integers(100, 103)),
        st.tuples(st.just("update"), st.integers(100, 103)),
        st.tuples(st.just("invalidate"), st.integers(100, 103)),
        st.tuples(st.just("lose"), st.just(0)),
    ),
    max_size=12,
)


@guaranteed(Guarantee.CORRECT_AFTER_CACHE_LOSS)
@given(operations=OPERATIONS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_emptied_cache_never_changes_answers(
    world: World, source: PostgresSource, operations: list[tuple[str, int]]
) -> None:
    """A read returns the current record. Without READ_AFTER_WRITE it may also return an older cached version."""
    world.lose_cache()
    shows = Guarantee.READ_AFTER_WRITE in world.pattern.guarantees
    model: dict[int, list[Any]] = {record_id: [source.load(record_id)] for record_id in range(100, 104)}
    for count, (operation, record_id) in enumerate(operations):
        if operation == "get":
            assert world.pattern.get(record_id) in model[record_id]
        elif operation == "update":
            written = world.pattern.update(record_id, {"name": f"n{count}", "email": f"e{count}"})
            model[record_id] = [written] if shows else [*model[record_id], written]
        elif operation == "invalidate":
            world.pattern.invalidate(record_id)
            model[record_id] = model[record_id][-1:]
        else:
            world.lose_cache()
            model = {key: states[-1:] for key, states in model.items()}


@pytest.mark.parametrize("ttl_s", [-1.0, 0.0, 0.0001, float("nan")])
def test_ttl_below_redis_resolution_is_refused(ttl_s: float) -> None:
    with pytest.raises(ConfigError, match="ttl_s"):
        Config(ttl_s=ttl_s)


def test_impossible_client_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="socket_timeout_s"):
        ClientSettings(socket_timeout_s=0)
    with pytest.raises(ConfigError, match="retries"):
        ClientSettings(retries=-1)
