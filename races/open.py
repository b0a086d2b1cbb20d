"""A world on real servers, whose clients are held."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from races.gate import CONNECTIONS, HeldSource
from races.pool import WarmPool
from races.slot import Slot
from races.world import World
from stack.postgres import connect
from stack.postgres_rights import require_schema_right
from stack.redis import patient_client
from stack.redis_rights import require_rights
from stack.room import require_room
from stack.servers import Stack

CONNECTIONS_WANTED = 10
"""Of each server, at most: two or three clients, their background work, and the explorer's own."""


class HeldRedis(redis.Redis):
    """redis-py's client; the explorer reads the scripts that are registered with it, which EVALSHA does not show."""

    def __init__(self, world: World, pool: WarmPool) -> None:
        super().__init__(connection_pool=pool)
        self._world = world

    def register_script(self, script: Any) -> Any:
        self._world.table.learn(script)
        return super().register_script(script)


def held_slot(world: World) -> Slot:
    """A place whose round trips wait for leave."""
    database = world.connect()
    source = HeldSource(world)
    settings = parse_url(world.redis_url)  # type: ignore[no-untyped-call]
    settings.pop("connection_class", None)
    pool = WarmPool(
        connection_class=CONNECTIONS[world.redis_url.partition(":")[0]],
        world=world,
        retry=Retry(NoBackoff(), 0),
        **settings,
    )
    return Slot(database, source, HeldRedis(world, pool))


def require_explorable(stack: Stack) -> None:
    """Raise StackError, in one line, for servers that lack a right or the room that an exploration needs."""
    with connect(stack.postgres.url) as connection:
        require_schema_right(connection, stack.postgres.safe_url)
    require_room(stack, postgres=CONNECTIONS_WANTED, clients=CONNECTIONS_WANTED, instead="close other clients")
    with patient_client(stack.redis.url) as client:
        require_rights(client, stack.redis.url, stack.key_prefix, explores=True)


@contextmanager
def open_world(stack: Stack) -> Iterator[World]:
    """A world for the length of a block; nothing of it is left behind."""
    require_explorable(stack)
    world = World(stack, held_slot)
    try:
        yield world
    finally:
        world.close()
