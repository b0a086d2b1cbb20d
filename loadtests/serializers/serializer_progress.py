"""The progress bar of the serializer bench."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from stampede.core.text.terminal import PlainConsole


@contextmanager
def serializers_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on the error stream. Yields a function (step, finished rounds, all rounds) that updates it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=PlainConsole(stderr=True)) as progress:
        bar = progress.add_task("starting", total=None)
        yield lambda what, done, of: progress.update(bar, description=what, completed=done, total=of)
