"""Opens a sandbox on real servers, with clients whose round trips are scheduled."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from stampede.races.hooks.connection_pool import WarmPool
from stampede.races.hooks.database_source import ScheduledSource
from stampede.races.hooks.redis_connections import CONNECTIONS
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.client_thread import ClientThread
from stampede.stack.postgres.postgres_rights import require_schema_right
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.providers.connection_limits import require_room
from stampede.stack.redis.redis_rights import require_rights
from stampede.stack.redis.redis_server import client_with_timeout
from stampede.stack.servers import Stack

MAX_CONNECTIONS = 10
"""The most connections on each server: two or three clients, their background work, and the explorer's own."""


class ScheduledRedis(redis.Redis):
    """redis-py's client. It reports registered scripts to the explorer, because EVALSHA sends only a hash."""

    def __init__(self, sandbox: Sandbox, pool: WarmPool) -> None:
        super().__init__(connection_pool=pool)
        self._sandbox = sandbox

    def register_script(self, script: Any) -> Any:
        self._sandbox.command_table.add_script(script)
        return super().register_script(script)


def new_client_thread(sandbox: Sandbox) -> ClientThread:
    """A client thread whose round trips wait for the scheduler."""
    database = sandbox.connect()
    source = ScheduledSource(sandbox)
    settings = parse_url(sandbox.redis_url)  # type: ignore[no-untyped-call]
    settings.pop("connection_class", None)
    pool = WarmPool(
        connection_class=CONNECTIONS[sandbox.redis_url.partition(":")[0]],
        sandbox=sandbox,
        retry=Retry(NoBackoff(), 0),
        **settings,
    )
    return ClientThread(database, source, ScheduledRedis(sandbox, pool))


def require_explorable(stack: Stack) -> None:
    """Raise StackError if a server lacks a right or the connections that an exploration needs."""
    with connect(stack.postgres.url) as connection:
        require_schema_right(connection, stack.postgres.safe_url)
    require_room(stack, postgres=MAX_CONNECTIONS, clients=MAX_CONNECTIONS, instead="close other clients")
    with client_with_timeout(stack.redis.url) as client:
        require_rights(client, stack.redis.url, stack.key_prefix, explores=True)


@contextmanager
def open_sandbox(stack: Stack) -> Iterator[Sandbox]:
    """A sandbox for the duration of a `with` block. Its table and keys are removed at the end."""
    require_explorable(stack)
    sandbox = Sandbox(stack, new_client_thread)
    try:
        yield sandbox
    finally:
        sandbox.close()
