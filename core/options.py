"""The command line's first layer: limits on every number, no empty argument, one line a refusal.

An option that is refused here costs nothing: no server was started and nothing heavy was imported.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from core.text import shown

LONGEST = 400
"""Characters of a line that refuses something."""


def finite(value: float | None) -> float | None:
    """The value. Raises BadParameter for nan, which no limit catches, and for an infinity."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value


def whole(*names: str, lowest: int, highest: int, help: str) -> Any:
    """An option that is a whole number within limits, both included."""
    return typer.Option(*names, min=lowest, max=highest, help=help)


def real(*names: str, lowest: float, highest: float, help: str) -> Any:
    """An option that is a finite number within limits, both included."""
    return typer.Option(*names, min=lowest, max=highest, callback=finite, help=help)


def check_words(words: Sequence[str]) -> None:
    """Raise BadParameter for an argument that is empty, or has a control character or bytes that are not UTF-8."""
    for number, word in enumerate(words):
        option, equals, value = word.partition("=")
        named = option if equals and option.startswith("--") else words[number - 1] if number else "the command"
        if not (value if equals and option.startswith("--") else word):
            raise typer.BadParameter(f"{named}: '' is empty (wanted: a value).")
        if not word.isprintable():
            kind = "bytes that are not UTF-8" if any("\ud800" <= c <= "\udfff" for c in word) else "control characters"
            raise typer.BadParameter(f"{word[:80]!a} has {kind} (wanted: printable text).")


def explained(error: typer.TyperException) -> str:
    """The error's text; of a number, with the limits that it must keep."""
    param = getattr(error, "param", None)
    lowest, highest = getattr(param, "min", None), getattr(param, "max", None)
    wanted = "" if lowest is None or highest is None else f" (wanted: {lowest:,} to {highest:,})"
    return f"{error.format_message()}{wanted}"


def shortened(line: str) -> str:
    """One line of bounded length without control characters."""
    flat = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(line.split()))
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST // 2]} … {flat[-LONGEST // 2 :]}"


class FrontDoor(TyperGroup):
    """The group of all commands. What it refuses is one line on stderr and exit code 2."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        how = {"complete_var": complete_var, "windows_expand_args": windows_expand_args, **extra}
        if not standalone_mode or not words:
            return super().main(words, prog_name, standalone_mode=standalone_mode, **how)
        try:
            check_words(words)
            code = super().main(words, prog_name, standalone_mode=False, **how)
        except typer.TyperException as error:
            typer.echo(f"stampede: {shortened(shown(explained(error)))}", err=True)
            code = error.exit_code
        except typer.Abort:
            typer.echo("stampede: aborted", err=True)
            code = 1
        sys.exit(code or 0)
