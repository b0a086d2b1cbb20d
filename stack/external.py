"""The user's own servers. Ours there are only the schema `stampede` and the keys under the prefix.

Nothing is flushed, reset, installed or configured; a right that is missing becomes a remark.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from stack.guard import guarded
from stack.postgres import inspect_postgres
from stack.redis import inspect_usable_redis
from stack.servers import KEY_PREFIX, Stack


@contextmanager
def open_external(postgres_url: str, redis_url: str, why: str) -> Iterator[Stack]:
    """Look at both servers. Raises StackError, in one line, for one that does not answer or lacks what a run needs."""
    postgres, postgres_remarks = inspect_postgres(postgres_url)
    redis, redis_remarks = inspect_usable_redis(redis_url, KEY_PREFIX)
    with guarded() as guard:
        yield Stack(
            provider="external",
            why=why,
            postgres=postgres,
            redis=redis,
            ours=False,
            remarks=(*postgres_remarks, *redis_remarks),
            directory=guard.directory,
            register_child=guard.register_child,
            ended=guard.ended,
        )
