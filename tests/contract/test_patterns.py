"""What every caching pattern must do, whatever it promises, and what it must do where it promises it."""

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


def promising(guarantee: Guarantee) -> list[str]:
    return [name for name in NAMES if guarantee in contenders()[name].pattern.guarantees]


def guaranteed(guarantee: Guarantee) -> pytest.MarkDecorator:
    """For every pattern that makes this promise, whatever its name."""
    return pytest.mark.parametrize("world", promising(guarantee), indirect=True)


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


class Overtaken(Source):
    """During the first load another reader comes, and is still loading when the first one's ends."""

    def __init__(self, source: PostgresSource) -> None:
        self.source = source
        self.begin_another: Callable[[], object] = lambda: None
        self.loading, self.go_on = threading.Event(), threading.Event()

    def load(self, record_id: int) -> Record | None:
        begin, self.begin_another = self.begin_another, self.hold
        begin()
        return self.source.load(record_id)

    def hold(self) -> None:
        self.loading.set()
        self.go_on.wait(60)

    def transaction(self) -> AbstractContextManager[Transaction]:
        return self.source.transaction()


@pytest.mark.parametrize("name", [name for name in CACHING if "coalescing" not in name])
def test_the_first_of_a_crowd_to_return_fills_whoever_came_after_it(
    name: str, redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    """Else a popular entry that ran out stays missing as long as readers come faster than a load takes."""
    caller_group = Overtaken(source)
    world = World(contenders()[name], redis_client, caller_group, key_prefix)
    another = threading.Thread(target=lambda: world.pattern.get(11))

    def begin_another() -> None:
        another.start()
        assert caller_group.loading.wait(60)

    caller_group.begin_another = begin_another
    try:
        world.pattern.get(11)
        assert world.loads_in(lambda: world.pattern.get(11)) == 0
    finally:
        caller_group.go_on.set()
        another.join()


@every_cache
def test_after_an_invalidation_the_next_read_loads(world: World) -> None:
    world.pattern.get(9)
    world.pattern.invalidate(9)
    assert world.loads_in(lambda: world.pattern.get(9)) == 1


@every
def test_a_write_returns_the_row_with_its_next_version(world: World) -> None:
    before = world.source.load(10)
    assert before is not None
    world.pattern.get(10)
    written = world.pattern.update(10, {"name": "Grace", "email": "grace@example.org"})
    assert written is not None
    assert (written["name"], written["version"]) == ("Grace", before["version"] + 1)


@guaranteed(Guarantee.READ_AFTER_WRITE)
def test_writes_show_means_that_the_next_read_returns_what_was_written_cached_before_or_not(world: World) -> None:
    world.pattern.get(14)
    for record_id in (14, 15):
        written = world.pattern.update(record_id, {"name": "Grace", "email": "grace@example.org"})
        assert [world.pattern.get(record_id), world.pattern.get(record_id)] == [written, written]


@every
def test_a_write_to_a_record_that_does_not_exist_is_none(world: World) -> None:
    assert world.pattern.update(UNKNOWN_ID, {"name": "Nobody", "email": "nobody@example.org"}) is None


@every
def test_a_created_record_can_be_read(world: World) -> None:
    created = world.pattern.create({"name": "Ada", "email": "ada@example.org", "body": "b"})
    assert world.pattern.get(created["id"]) == created


@every_cache
def test_keys_are_named_type_and_id_and_at_most_a_qualifier_under_the_prefix(world: World) -> None:
    world.pattern.get(11)
    name = re.compile(rf"{re.escape(world.key_prefix)}user:11(:[^:]+)?")
    assert world.entries()
    assert [key for key in world.entries() if not name.fullmatch(key.decode())] == []


@guaranteed(Guarantee.DURABLE_ON_RETURN)
def test_durable_on_return_means_that_a_returned_write_is_in_the_database(world: World, source: PostgresSource) -> None:
    written = world.pattern.update(12, {"name": "Edsger", "email": "edsger@example.org"})
    assert source.load(12) == written


@guaranteed(Guarantee.STALE_AT_MOST_TTL)
def test_stale_at_most_ttl_means_that_what_a_dead_writer_left_behind_is_not_read_after_one(world: World) -> None:
    world.pattern.get(13)
    world.pattern.update(13, {"name": "Barbara", "email": "barbara@example.org"})
    world.pattern.get(13)
    committed = world.source.update(13, {"name": "Liskov", "email": "liskov@example.org"})  # and then the client died
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
def test_survives_cache_loss_means_that_one_client_reads_what_may_be_read_whenever_the_cache_is_emptied(
    world: World, source: PostgresSource, operations: list[tuple[str, int]]
) -> None:
    """What may be read: the record as it is; where writes do not show at once, also what an entry may still hold."""
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
def test_a_ttl_that_redis_cannot_keep_is_refused(ttl_s: float) -> None:
    with pytest.raises(ConfigError, match="ttl_s"):
        Config(ttl_s=ttl_s)


def test_client_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="socket_timeout_s"):
        ClientSettings(socket_timeout_s=0)
    with pytest.raises(ConfigError, match="retries"):
        ClientSettings(retries=-1)
