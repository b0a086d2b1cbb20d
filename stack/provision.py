"""Opens PostgreSQL and Redis: external, in containers, or embedded."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from stampede.core.errors import ConfigError, NoContainers, ServerEnded, require
from stampede.stack.providers.containers import open_containers, why_no_engine
from stampede.stack.providers.embedded import open_embedded
from stampede.stack.providers.external import alone, open_external
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
    """PostgreSQL and Redis, ready, for the length of a `with` block.

    auto: the user's servers if URLs are given, else containers if a Docker engine answers, else embedded servers.
    `say` is called with a short line for each step that takes long. Raises ConfigError (StackError), in one line, and
    ServerEnded if the block failed and one of our servers ended.
    """
    require(choice in CHOICES, "stack", choice, f"one of {', '.join(CHOICES)}")
    with ExitStack() as held:
        stack = enter(held, choice, postgres_url, redis_url, say)
        try:
            yield stack
        except Exception as error:
            ended = stack.ended()
            if ended and not isinstance(error, ConfigError):
                raise ServerEnded(ended) from error
            raise


def enter(
    held: ExitStack, choice: Choice, postgres_url: str | None, redis_url: str | None, say: Callable[[str], None]
) -> Stack:
    """The servers, which `held` closes."""
    if choice == "external" or (choice == "auto" and (postgres_url or redis_url)):
        require(bool(postgres_url), "postgres", postgres_url, "a URL of your PostgreSQL as well as of your Redis")
        require(bool(redis_url), "redis", redis_url, "a URL of your Redis as well as of your PostgreSQL")
        stack = held.enter_context(open_external(str(postgres_url), str(redis_url), "their URLs were given"))
        held.enter_context(alone(stack.postgres.url))
        return stack
    require(not (postgres_url or redis_url), "stack", choice, "external or auto, since servers' URLs are given")
    if choice == "auto":
        return enter_auto(held, say)
    if choice == "containers":
        return held.enter_context(open_containers("asked for", say))
    return held.enter_context(open_embedded("asked for", say))


def enter_auto(held: ExitStack, say: Callable[[str], None]) -> Stack:
    why = why_no_engine()
    if why is not None:
        return held.enter_context(open_embedded(f"no URLs were given and {why}", say))
    try:
        return held.enter_context(open_containers("a Docker engine answers", say))
    except NoContainers as failure:
        why = f"a Docker engine answers, but not with {failure.want}"
        say(why)
        return held.enter_context(open_embedded(why, say))
