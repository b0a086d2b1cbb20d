"""Progress display of a bench: a line for each scenario on a terminal, a line for each round in a file or a pipe.

It shows the remaining time of each scenario, estimated from the finished cells, and the median response time of cells.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from stampede.core.text.safe_text import shown, visible
from stampede.core.text.terminal import PlainConsole
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig

OnEvent = Callable[[Mapping[str, Any]], None]
COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(bar_width=10),
    MofNCompleteColumn(),
    TextColumn("{task.fields[left]}", justify="right"),
    TextColumn("{task.fields[spark]}", markup=False),
    TextColumn("{task.fields[headline]}", justify="right"),
)
"""These columns fit into 80 characters with names of 20."""
NAME = 20
"""The number of characters shown of a name."""
BARS = "▁▂▃▄▅▆▇█"
SPARK_CELLS = 14
"""A sparkline shows the medians of this many cells, the newest ones."""


@contextmanager
def bench_progress(config: RunConfig, console: Console | None = None) -> Iterator[OnEvent]:
    """Show the master's events on the error stream. Yields the function that takes them."""
    console = console or PlainConsole(stderr=True)
    rounds = max((cell.round for cell in config.cells), default=0)
    if not console.is_terminal:
        yield plain_lines(console, rounds)
        return
    with Progress(*COLUMNS, console=console) as progress:
        yield live_lines(progress, config, rounds)


def live_lines(progress: Progress, config: RunConfig, rounds: int) -> OnEvent:
    """Show a line for all cells and one for each scenario: its remaining time and the read p50 of its newest cells."""
    time_left = TimeLeft(config.cells)
    planned: dict[str, int] = {}
    for cell in config.cells:
        planned[cell.scenario] = planned.get(cell.scenario, 0) + 1
    whole = add_line(progress, "starting Locust", len(config.cells))
    lines = {name: add_line(progress, name[:NAME], total) for name, total in planned.items()}
    p50s_ms: dict[str, list[float]] = {name: [] for name in planned}

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "cell":
            time_left.begin(time.monotonic())
            left = minutes_and_seconds(time_left.left_s(contender=event["contender"]))
            progress.update(whole, description=f"round {event['round']}/{rounds}")
            progress.update(whole, spark=visible(event["contender"])[:NAME], headline=f"last cell: {left}")
        elif event["event"] == "joined":
            progress.update(whole, description=f"{event['workers']} workers joined")
        elif event["event"] == "done":
            ended = time_left.done(event["id"], time.monotonic())
            progress.advance(whole)
            progress.update(whole, left=minutes_and_seconds(time_left.left_s()))
            if ended is not None and ended.scenario in lines:
                p50 = p50_ms(Path(config.folder), ended.id)
                if p50 is not None:
                    p50s_ms[ended.scenario].append(p50)
                seen = p50s_ms[ended.scenario]
                headline = f"p50 {seen[-1]:.3g} ms" if seen else ""
                progress.advance(lines[ended.scenario])
                progress.update(lines[ended.scenario], spark=sparkline(seen), headline=headline)
            for name, line in lines.items():
                progress.update(line, left=minutes_and_seconds(time_left.left_s(scenario=name)))
            print_failure(progress.console, event)

    return on_event


def add_line(progress: Progress, what: str, total: int) -> TaskID:
    return progress.add_task(what, total=total, left=minutes_and_seconds(None), spark="", headline="")


def minutes_and_seconds(left_s: float | None) -> str:
    """The remaining time as "4:05"; "done" for 0."""
    if left_s is None:
        return "–:––"
    return f"{int(left_s) // 60}:{int(left_s) % 60:02d}" if left_s else "done"


def plain_lines(console: Console, rounds: int) -> OnEvent:
    """Print each round of a scenario as it begins."""
    last: list[object] = []

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "cell" and [event["round"], event["scenario"]] != last:
            last[:] = [event["round"], event["scenario"]]
            console.print(f"round {event['round']}/{rounds} · {event['scenario']}", highlight=False)
        elif event["event"] == "joined":
            console.print(f"{event['workers']} workers joined", highlight=False)
        elif event["event"] == "done":
            print_failure(console, event)

    return on_event


def print_failure(console: Console, event: Mapping[str, Any]) -> None:
    if event["status"] != "done":
        console.print(shown(f"cell {event['id']} failed: {event['why']}"), markup=False, highlight=False)


class TimeLeft:
    """The remaining time, estimated from the durations of the finished cells."""

    def __init__(self, cells: Sequence[CellPlan]) -> None:
        self._left = list(cells)
        self._took_s: dict[str, list[float]] = {}
        self._began_s: float | None = None

    def begin(self, now_s: float) -> None:
        self._began_s = now_s

    def done(self, cell: int, now_s: float) -> CellPlan | None:
        """Note that the cell ended, finished or failed. Returns its plan, or None if it is not one of these cells."""
        ended = next((left for left in self._left if left.id == cell), None)
        if ended is not None:
            self._left.remove(ended)
            if self._began_s is not None:
                self._took_s.setdefault(ended.scenario, []).append(now_s - self._began_s)
        return ended

    def left_s(self, scenario: str | None = None, contender: str | None = None) -> float | None:
        """Seconds until the last cell of that scenario or contender ends; 0 if it has ended, None if not known yet."""
        last = max((i for i, c in enumerate(self._left) if belongs(c, scenario, contender)), default=None)
        if last is None:
            return 0.0
        every = [took for each in self._took_s.values() for took in each]
        if not every:
            return None
        each = {name: float(np.mean(took)) for name, took in self._took_s.items()}
        return sum(each.get(c.scenario, float(np.mean(every))) for c in self._left[: last + 1])


def belongs(cell: CellPlan, scenario: str | None, contender: str | None) -> bool:
    return scenario in (None, cell.scenario) and contender in (None, cell.contender)


def p50_ms(folder: Path, cell: int) -> float | None:
    """The median response time of the cell's reads, or of its calls of a limiter. None: there are no samples yet."""
    path = folder / "samples" / f"cell-{cell:05d}.parquet"
    if not path.exists():
        return None
    rows = pq.read_table(path, columns=["operation", "warm_up", "due_ns", "end_ns", "error"])
    counted = pc.is_in(pc.cast(rows["operation"], "string"), value_set=pc.cast(["read", "hit"], "string"))
    rows = rows.filter(pc.and_(counted, pc.and_(pc.invert(rows["warm_up"]), pc.is_null(rows["error"]))))
    took = pc.subtract(rows["end_ns"], rows["due_ns"]).drop_null().to_numpy()
    return float(np.median(took)) / 1e6 if len(took) else None


def sparkline(values: Sequence[float]) -> str:
    """One bar for each value, the lowest for the lowest value; on a log scale, because contenders differ by factors."""
    shown = np.log(np.maximum(np.array(values[-SPARK_CELLS:], dtype=np.float64), 1e-3))
    if not len(shown):
        return ""
    low, reach = float(shown.min()), float(np.ptp(shown))
    return "".join(BARS[round((x - low) / reach * (len(BARS) - 1)) if reach else 0] for x in shown)
