"""Properties of single patterns of the article, including their faults."""

import redis

from stampede.patterns.contender_registry import contenders
from stampede.stack.postgres.source import PostgresSource
from tests.contract.contexts import World


def test_cache_aside_deletes_the_entry_on_a_write(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["cache-aside"], redis_client, source, key_prefix)
    world.pattern.get(20)
    world.pattern.update(20, {"name": "n", "email": "e"})
    assert world.entries() == []


def test_write_through_fills_the_entry_on_a_write_and_on_a_creation(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["write-through"], redis_client, source, key_prefix)
    world.pattern.update(21, {"name": "n", "email": "e"})
    created = world.pattern.create({"name": "n", "email": "e"})
    assert world.loads_in(lambda: (world.pattern.get(21), world.pattern.get(created["id"]))) == 0


def test_refresh_ahead_loads_in_the_background_only_below_the_threshold(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["refresh-ahead"], redis_client, source, key_prefix)
    world.pattern.get(22)
    assert world.loads_in(lambda: world.pattern.get(22)) == 0
    redis_client.pexpire(f"{key_prefix}user:22", 4_000)  # the threshold is a twelfth of 60 s
    assert world.loads_in(lambda: world.pattern.get(22)) == 1
    assert redis_client.pttl(f"{key_prefix}user:22") > 5_000


def test_coalescing_waits_for_the_lock_holder_and_returns_its_fill(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["coalescing"], redis_client, source, key_prefix)
    key = f"{key_prefix}user:23"
    redis_client.set(f"lock:{key}", "another's")
    waits: list[float] = []

    def meanwhile(seconds: float) -> None:
        waits.append(seconds)
        redis_client.set(key, world.pattern.serializer.dumps({"id": 23}))  # the holder fills while this reader waits

    world.sleep = meanwhile
    assert world.pattern.get(23) == {"id": 23}
    assert len(waits) == 1
    assert world.meter.counts["load"] == 0


def test_coalescing_deletes_a_lock_that_it_no_longer_owns(
    redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    world = World(contenders()["coalescing"], redis_client, source, key_prefix)
    lock = f"lock:{key_prefix}user:24"

    class SlowSource(PostgresSource):
        def load(self, record_id: int) -> dict[str, object] | None:
            redis_client.set(lock, "another's")  # our lock expired, and another reader took it
            return super().load(record_id)

    world.pattern.source = SlowSource(source.pool, source.statements)
    world.pattern.get(24)
    assert redis_client.get(lock) is None
