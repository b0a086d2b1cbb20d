"""Opens PostgreSQL and Redis: external, in containers, or embedded."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from stampede.core.errors import ConfigError, NoContainers, ServerEnded, require
from stampede.stack.providers.containers import open_containers, why_no_engine
from stampede.stack.providers.embedded import open_embedded
from stampede.stack.providers.external import exclusive_use, open_external
from stampede.stack.providers.stack_choice import CHOICES, Choice
from stampede.stack.servers import Stack


@contextmanager
def open_servers(
    choice: Choice,
    *,
    postgres_url: str | None = None,
    redis_url: str | None = None,
    say: Callable[[str], None],
) -> Iterator[Stack]:
    """Open PostgreSQL and Redis for the duration of a `with` block.

    auto: the user's servers if URLs are given, else containers if a Docker engine answers, else embedded servers.
    `say` is called with a short line before each step that takes long. Raises ConfigError (StackError), in one line,
    and ServerEnded if the block failed and one of the servers that we started ended.
    """
    require(choice in CHOICES, "stack", choice, f"one of {', '.join(CHOICES)}")
    with ExitStack() as resources:
        stack = enter(resources, choice, postgres_url, redis_url, say)
        try:
            yield stack
        except Exception as error:
            ended = stack.ended()
            if ended and not isinstance(error, ConfigError):
                raise ServerEnded(ended) from error
            raise


def enter(
    resources: ExitStack, choice: Choice, postgres_url: str | None, redis_url: str | None, say: Callable[[str], None]
) -> Stack:
    """Open the servers. `resources` closes them."""
    if choice == "external" or (choice == "auto" and (postgres_url or redis_url)):
        require(
            bool(postgres_url), "postgres", postgres_url, "the URL of your PostgreSQL in addition to that of your Redis"
        )
        require(bool(redis_url), "redis", redis_url, "the URL of your Redis in addition to that of your PostgreSQL")
        stack = resources.enter_context(open_external(str(postgres_url), str(redis_url), "their URLs were given"))
        resources.enter_context(exclusive_use(stack.postgres.url))
        return stack
    require(not (postgres_url or redis_url), "stack", choice, "external or auto, since URLs of servers are given")
    if choice == "auto":
        return enter_auto(resources, say)
    if choice == "containers":
        return resources.enter_context(open_containers("as requested", say))
    return resources.enter_context(open_embedded("as requested", say))


def enter_auto(resources: ExitStack, say: Callable[[str], None]) -> Stack:
    why = why_no_engine()
    if why is not None:
        return resources.enter_context(open_embedded(f"no URLs were given and {why}", say))
    try:
        return resources.enter_context(open_containers("a Docker engine answers", say))
    except NoContainers as failure:
        why = f"a Docker engine answers, but this is missing: {failure.want}"
        say(why)
        return resources.enter_context(open_embedded(why, say))
