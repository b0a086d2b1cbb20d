"""The progress of a bench: a line a scenario on a terminal, a line a round where the output is a file or a pipe."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from core.terminal import PlainConsole
from core.text import shown, visible
from loadtests.pace import Pace, p50_ms, sparkline
from loadtests.spec import Spec

OnEvent = Callable[[Mapping[str, Any]], None]
COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(bar_width=10),
    MofNCompleteColumn(),
    TextColumn("{task.fields[left]}", justify="right"),
    TextColumn("{task.fields[spark]}", markup=False),
    TextColumn("{task.fields[headline]}", justify="right"),
)
"""Fit 80 columns with names of 20."""
NAME = 20


@contextmanager
def bench_progress(spec: Spec, console: Console | None = None) -> Iterator[OnEvent]:
    """What is yielded takes the master's events and shows them on the error stream."""
    console = console or PlainConsole(stderr=True)
    rounds = max((cell.round for cell in spec.cells), default=0)
    if not console.is_terminal:
        yield plain_lines(console, rounds)
        return
    with Progress(*COLUMNS, console=console) as progress:
        yield live_lines(progress, spec, rounds)


def live_lines(progress: Progress, spec: Spec, rounds: int) -> OnEvent:
    """A line for all cells and one a scenario: when its last cell ends, and the read p50 of its newest cells."""
    pace = Pace(spec.cells)
    planned: dict[str, int] = {}
    for cell in spec.cells:
        planned[cell.scenario] = planned.get(cell.scenario, 0) + 1
    whole = add_line(progress, "starting Locust", len(spec.cells))
    lines = {name: add_line(progress, name[:NAME], total) for name, total in planned.items()}
    p50s_ms: dict[str, list[float]] = {name: [] for name in planned}

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "cell":
            pace.begin(time.monotonic())
            left = clock(pace.left_s(contender=event["contender"]))
            progress.update(whole, description=f"round {event['round']}/{rounds}")
            progress.update(whole, spark=visible(event["contender"])[:NAME], headline=f"its last: {left}")
        elif event["event"] == "joined":
            progress.update(whole, description=f"{event['workers']} workers came")
        elif event["event"] == "done":
            ended = pace.done(event["id"], time.monotonic())
            progress.advance(whole)
            progress.update(whole, left=clock(pace.left_s()))
            if ended is not None and ended.scenario in lines:
                p50 = p50_ms(Path(spec.folder), ended.id)
                if p50 is not None:
                    p50s_ms[ended.scenario].append(p50)
                seen = p50s_ms[ended.scenario]
                headline = f"p50 {seen[-1]:.3g} ms" if seen else ""
                progress.advance(lines[ended.scenario])
                progress.update(lines[ended.scenario], spark=sparkline(seen), headline=headline)
            for name, line in lines.items():
                progress.update(line, left=clock(pace.left_s(scenario=name)))
            tell_failure(progress.console, event)

    return on_event


def add_line(progress: Progress, what: str, total: int) -> TaskID:
    return progress.add_task(what, total=total, left=clock(None), spark="", headline="")


def clock(left_s: float | None) -> str:
    """ "4:05", "done"."""
    if left_s is None:
        return "–:––"
    return f"{int(left_s) // 60}:{int(left_s) % 60:02d}" if left_s else "done"


def plain_lines(console: Console, rounds: int) -> OnEvent:
    """Say each round of a scenario as it begins."""
    last: list[object] = []

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "cell" and [event["round"], event["scenario"]] != last:
            last[:] = [event["round"], event["scenario"]]
            console.print(f"round {event['round']}/{rounds} · {event['scenario']}", highlight=False)
        elif event["event"] == "joined":
            console.print(f"{event['workers']} workers came", highlight=False)
        elif event["event"] == "done":
            tell_failure(console, event)

    return on_event


def tell_failure(console: Console, event: Mapping[str, Any]) -> None:
    if event["status"] != "done":
        console.print(shown(f"cell {event['id']} failed: {event['why']}"), markup=False, highlight=False)
