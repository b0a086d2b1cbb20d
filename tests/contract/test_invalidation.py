"""Properties of single ways to invalidate: TTL only, and versioned keys."""

import redis

from stampede.patterns.contender_registry import contenders
from stampede.stack.postgres.source import PostgresSource
from tests.contract.contexts import World


def test_ttl_only_returns_the_old_value_until_the_entry_expires(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["ttl-only"], redis_client, source, key_prefix)
    before = world.pattern.get(30)
    written = world.pattern.update(30, {"name": "n", "email": "e"})
    assert world.pattern.get(30) == before != written
    world.pass_ttl()
    assert world.pattern.get(30) == written


def test_versioned_keys_abandon_one_entry_per_write_and_let_it_expire(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["versioned-keys"], redis_client, source, key_prefix)
    for _ in range(3):
        world.pattern.get(31)
        world.pattern.update(31, {"name": "n", "email": "e"})
    names = {key.decode().removeprefix(key_prefix) for key in world.entries()}
    assert names == {"user:31:version", "user:31:v0", "user:31:v1", "user:31:v2"}
    world.pass_ttl()
    assert [key.decode().removeprefix(key_prefix) for key in world.entries()] == ["user:31:version"]


def test_versioned_keys_ignore_a_fill_that_comes_after_a_write(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["versioned-keys"], redis_client, source, key_prefix)
    writer = World(contenders()["versioned-keys"], redis_client, source, key_prefix)

    class OvertakenSource(PostgresSource):
        def load(self, record_id: int) -> dict[str, object] | None:
            loaded = super().load(record_id)
            writer.pattern.update(record_id, {"name": "newer", "email": "e"})  # between the load and the fill
            return loaded

    world.pattern.source = OvertakenSource(source.pool, source.statements)
    old = world.pattern.get(32)
    assert old is not None
    assert old["name"] != "newer"
    current = writer.pattern.get(32)
    assert current is not None
    assert current["name"] == "newer"
