"""The user's own servers. The suite owns only the schema `stampede` and the keys under the prefix there.

Nothing is flushed, reset, installed or configured; a right that is missing becomes a remark.
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
    """Check both servers. Raises StackError, in one line, if one does not answer or lacks what a run needs."""
    postgres, postgres_remarks = inspect_postgres(postgres_url)
    redis, redis_remarks = inspect_usable_redis(redis_url, KEY_PREFIX)
    with supervised() as supervisor:
        yield Stack(
            provider="external",
            why=why,
            postgres=postgres,
            redis=redis,
            ours=False,
            remarks=(*postgres_remarks, *redis_remarks),
            directory=supervisor.directory,
            register_child=supervisor.register_child,
            ended=supervisor.ended,
        )


@contextmanager
def alone(postgres_url: str) -> Iterator[None]:
    """Keep other commands of the suite off this database for the block: they would write the same tables and keys.

    By an advisory lock of a session, so it ends with this process, however it ends. Through a pooler there is none.
    Raises StackError where another command holds it.
    """
    with connect(postgres_url) as connection:
        if pooling_of(connection).mode == "none":
            held = connection.execute(TRY_LOCK).fetchone()
            if held != (True,):
                want = "no other command of the suite in this database at the same time: they share tables and keys"
                raise StackError("postgres", without_password(postgres_url), want)
        yield
