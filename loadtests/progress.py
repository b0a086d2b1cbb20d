"""The progress bar of a bench: what runs, how much is left."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtests.spec import Spec


@contextmanager
def bench_progress(spec: Spec) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A bar on the error stream; what is yielded takes the master's events."""
    rounds = max(cell.round for cell in spec.cells)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("starting Locust", total=len(spec.cells))

        def on_event(event: Mapping[str, Any]) -> None:
            if event["event"] == "cell":
                where = f"round {event['round']}/{rounds} · {event['scenario']} · {event['contender']}"
                progress.update(bar, description=where)
            elif event["event"] == "done":
                progress.advance(bar)
                if event["status"] != "done":
                    progress.console.print(f"cell {event['id']} failed: {event['why']}")

        yield on_event
