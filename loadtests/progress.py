"""The progress of a bench: a bar on a terminal, a line a round where the output goes to a file or a pipe."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtests.spec import Spec

OnEvent = Callable[[Mapping[str, Any]], None]


@contextmanager
def bench_progress(spec: Spec) -> Iterator[OnEvent]:
    """What is yielded takes the master's events and shows them on the error stream."""
    console = Console(stderr=True)
    rounds = max((cell.round for cell in spec.cells), default=0)
    if not console.is_terminal:
        yield plain_lines(console, rounds)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("starting Locust", total=len(spec.cells))

        def on_event(event: Mapping[str, Any]) -> None:
            if event["event"] == "cell":
                where = f"round {event['round']}/{rounds} · {event['scenario']} · {event['contender']}"
                progress.update(bar, description=where)
            elif event["event"] == "joined":
                progress.update(bar, description=f"{event['workers']} workers are there")
            elif event["event"] == "done":
                progress.advance(bar)
                tell_failure(progress.console, event)

        yield on_event


def plain_lines(console: Console, rounds: int) -> OnEvent:
    """Say each round of a scenario as it begins."""
    last: list[object] = []

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "cell" and [event["round"], event["scenario"]] != last:
            last[:] = [event["round"], event["scenario"]]
            console.print(f"round {event['round']}/{rounds} · {event['scenario']}", highlight=False)
        elif event["event"] == "joined":
            console.print(f"{event['workers']} workers are there", highlight=False)
        elif event["event"] == "done":
            tell_failure(console, event)

    return on_event


def tell_failure(console: Console, event: Mapping[str, Any]) -> None:
    if event["status"] != "done":
        console.print(f"cell {event['id']} failed: {event['why']}", markup=False, highlight=False)
