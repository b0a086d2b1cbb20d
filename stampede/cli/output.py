"""What commands print: status lines on stderr, results on stdout. Secrets and control characters are hidden."""

import gc
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from stampede.core.text.redaction import command_line
from stampede.core.text.safe_text import shown

OBJECTS_BETWEEN_COLLECTIONS = 500_000
"""A report makes millions of objects and few reference cycles; Python's default of 700 costs a tenth of its time."""


def print_status(line: str) -> None:
    """Print progress, a warning or an error, on stderr."""
    typer.echo(shown(line), err=True)


def print_result(line: str) -> None:
    """Print a result, on stdout."""
    typer.echo(shown(line))


def given_command() -> str:
    """The command as the user gave it, without secrets: a run folder keeps it."""
    return command_line(sys.argv[1:])


@contextmanager
def reported_if_interrupted(render: Callable[[Path], Path]) -> Iterator[Callable[[Path], None]]:
    """Where the block fails or is interrupted, render a report of what was finished.

    The block passes its run folder to the function that it gets. `render` takes the folder and returns the report.
    """
    from stampede.core.errors import RunFolderError

    folders: list[Path] = []
    try:
        yield folders.append
    except BaseException:
        from stampede.core.errors import WriteFailed

        for folder in folders:
            if folder.is_dir():  # false if the run did not begin
                try:
                    print_status(f"report: {render(folder)}")
                except (RunFolderError, WriteFailed) as error:
                    print_status(f"no report: {error}; later: stampede report {shlex.quote(str(folder))}")
        raise


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python search for reference cycles less often."""
    thresholds = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
