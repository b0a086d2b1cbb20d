"""The command line's refusal of words that it does not understand: it quotes them, so without secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from core.text import shown

USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What an unknown option, a wrong value and a word too many have in common; typer gives it no name of its own."""


class Commands(TyperGroup):
    """Commands whose usage errors quote neither a secret nor a control character."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        with safe_usage_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        with safe_usage_errors():
            return super().invoke(ctx)


@contextmanager
def safe_usage_errors() -> Iterator[None]:
    """Hide secrets in the message of a usage error, which names the option and quotes its value."""
    try:
        yield
    except USAGE_ERROR as error:
        message = getattr(error, "message", None)
        if isinstance(message, str) and "Usage:" not in message:
            error.message = shown(message)  # type: ignore[attr-defined]
        raise
