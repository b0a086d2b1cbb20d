"""The user's own servers. There the suite owns only the schema `stampede` and the keys with its prefix.

It flushes, resets, installs and configures nothing. A missing right becomes a remark.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from stampede.core.errors import StackError
from stampede.stack.postgres.pooler import pooling_of
from stampede.stack.postgres.postgres_server import connect, inspect_postgres
from stampede.stack.redis.redis_server import inspect_usable_redis
from stampede.stack.servers import KEY_PREFIX, Stack, without_password
from stampede.stack.supervisor.supervisor_client import supervised

TRY_LOCK = b"SELECT pg_try_advisory_lock(hashtext('stampede'))"


@contextmanager
def open_external(postgres_url: str, redis_url: str, why: str) -> Iterator[Stack]:
    """Check both servers. Raises StackError, in one line, if one does not answer or is not suitable for a run."""
    postgres, postgres_remarks = inspect_postgres(postgres_url)
    redis, redis_remarks = inspect_usable_redis(redis_url, KEY_PREFIX)
    with supervised() as supervisor:
        yield Stack(
            provider="external",
            why=why,
            postgres=postgres,
            redis=redis,
            managed=False,
            remarks=(*postgres_remarks, *redis_remarks),
            directory=supervisor.directory,
            register_child=supervisor.register_child,
            ended=supervisor.ended,
        )


@contextmanager
def exclusive_use(postgres_url: str) -> Iterator[None]:
    """Lock this database against other commands of the suite: they would write the same tables and keys.

    The lock is an advisory lock of the session, so it also ends if this process is killed. Through a pooler no lock is
    taken. Raises StackError if another command holds it.
    """
    with connect(postgres_url) as connection:
        if pooling_of(connection).mode == "none":
            locked = connection.execute(TRY_LOCK).fetchone()
            if locked != (True,):
                want = "no other command of the suite in this database at the same time: they share tables and keys"
                raise StackError("postgres", without_password(postgres_url), want)
        yield
