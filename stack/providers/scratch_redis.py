"""Starts additional Redis-compatible servers, for work that must not affect other data.

They are embedded servers, also if the run uses other servers. They start empty, and end when the block or the suite
ends, however it ends.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from stampede.stack.providers.binaries import server_account, valkey_binary
from stampede.stack.redis.redis_server import inspect_redis, start_valkey
from stampede.stack.servers import Server
from stampede.stack.supervisor.supervisor_client import supervised

AT_ONCE = 4
"""How many servers start at the same time."""


@contextmanager
def open_scratch_redis(count: int = 1) -> Iterator[list[Server]]:
    """Start `count` servers. Raises StackError if one does not start."""
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        binary = valkey_binary(supervisor.directory / "bin", account)

        def start(number: int) -> Server:
            return inspect_redis(start_valkey(supervisor, binary, account, f"spare-{number}"))[0]

        with ThreadPoolExecutor(AT_ONCE) as pool:
            servers = list(pool.map(start, range(count)))
        yield servers
