"""The group of all commands: every error that a user can cause is one line on stderr, with a stable exit code.

2    bad input: an argument, a file, a run folder
1    the command failed: a harness that broke, a server that ended, a full disk
130  Ctrl-C; 143: SIGTERM; 129: SIGHUP
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from stampede.cli.output import print_status
from stampede.core.errors import CommandFailed, UserError
from stampede.core.text.safe_text import shown

LONGEST = 400
"""Characters of a line that refuses an argument."""


class OneLineErrors(TyperGroup):
    """A Typer group that reports errors in one line."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        arguments = sys.argv[1:] if args is None else list(args)
        settings = {"complete_var": complete_var, "windows_expand_args": windows_expand_args, **extra}
        if not standalone_mode or not arguments:
            return super().main(arguments, prog_name, standalone_mode=standalone_mode, **settings)
        try:
            check_arguments(arguments)
            code = super().main(arguments, prog_name, standalone_mode=False, **settings)
        except typer.TyperException as error:
            typer.echo(f"stampede: {shortened(shown(explained(error)))}", err=True)
            code = error.exit_code
        except typer.Abort:
            typer.echo("stampede: aborted", err=True)
            code = 1
        sys.exit(code or 0)

    def invoke(self, ctx: Any) -> Any:
        with errors_as_exit_codes():
            return super().invoke(ctx)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Print an expected error in one line and raise `typer.Exit` with its code. Any other error passes through."""
    from stampede.core.stop_signals import exit_code, raised_as_stopped, stopped_line

    try:
        with raised_as_stopped():
            yield
    except KeyboardInterrupt as stopped:
        print_status(stopped_line(stopped))
        raise typer.Exit(exit_code(stopped)) from None
    except Exception as error:
        if not isinstance(error, (UserError, CommandFailed)) and not is_full_disk(error):
            raise
        print_status("stampede: " + " ".join(str(error).split()))
        raise typer.Exit(2 if isinstance(error, UserError) else 1) from None


def is_full_disk(error: Exception) -> bool:
    """Whether the error says that a disk is full."""
    if not isinstance(error, OSError):
        return False
    from stampede.core.errors import FULL

    return error.errno in FULL


def check_arguments(arguments: Sequence[str]) -> None:
    """Raise BadParameter for an argument that is empty, or has a control character or bytes that are not UTF-8."""
    for number, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        has_value = bool(equals) and option.startswith("--")
        named = option if has_value else arguments[number - 1] if number else "the command"
        if not (value if has_value else argument):
            raise typer.BadParameter(f"{named}: '' is empty (wanted: a value).")
        if not argument.isprintable():
            not_utf8 = any("\ud800" <= c <= "\udfff" for c in argument)
            kind = "bytes that are not UTF-8" if not_utf8 else "control characters"
            raise typer.BadParameter(f"{argument[:80]!a} has {kind} (wanted: printable text).")


def explained(error: typer.TyperException) -> str:
    """The error's text; for a number, followed by its limits."""
    param = getattr(error, "param", None)
    lowest, highest = getattr(param, "min", None), getattr(param, "max", None)
    wanted = "" if lowest is None or highest is None else f" (wanted: {lowest:,} to {highest:,})"
    return f"{error.format_message()}{wanted}"


def shortened(line: str) -> str:
    """One line of bounded length without control characters."""
    flat = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(line.split()))
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST // 2]} … {flat[-LONGEST // 2 :]}"
