"""Patterns that guarantee AVAILABLE_WITHOUT_CACHE work while Redis refuses or hangs."""

import socket
from collections.abc import Iterator

import pytest
import redis

from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import Meter
from stampede.patterns.caching.cache_pattern import ClientSettings, Guarantee, Record
from stampede.patterns.contender_registry import contenders
from stampede.stack.postgres.source import PostgresSource
from tests.contract.contexts import World

AVAILABLE = sorted(n for n, c in contenders().items() if Guarantee.AVAILABLE_WITHOUT_CACHE in c.pattern.guarantees)


@pytest.fixture(params=["refuses", "hangs"])
def lost_redis(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a port that refuses connections, or that accepts them and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "hangs":
            listener.listen()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.mark.parametrize("name", AVAILABLE)
def test_reads_and_writes_succeed_without_redis(
    name: str, lost_redis: str, source: PostgresSource, key_prefix: str
) -> None:
    """With the pattern's client settings, every answer comes from the database, with one load per read."""
    contender = contenders()[name]
    with metered_client(lost_redis, contender.pattern.client, Meter(ThreadClock()), 1) as client:
        world = World(contender, client, source, key_prefix)
        read: list[Record | None] = []
        for count in range(2):
            written = world.pattern.update(60, {"name": f"n{count}"})
            assert written is not None
            assert written["name"] == f"n{count}"
            read.clear()
            assert world.loads_in(lambda: read.append(world.pattern.get(60))) == 1
            assert read == [written]
        world.pattern.invalidate(60)
        created = world.pattern.create({"name": "new", "email": "", "body": ""})
        assert world.pattern.get(created["id"]) == source.load(created["id"]) == created


def test_cache_aside_fails_without_redis(lost_redis: str, source: PostgresSource, key_prefix: str) -> None:
    """The outage is real: with the same short time limit, plain cache-aside raises."""
    short = ClientSettings(socket_timeout_s=0.05, retries=0)
    with metered_client(lost_redis, short, Meter(ThreadClock()), 1) as client:
        world = World(contenders()["cache-aside"], client, source, key_prefix)
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            world.pattern.get(60)
