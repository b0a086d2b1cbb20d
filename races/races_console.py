"""The output of `stampede races`: progress, the matrix of verdicts, the shortest schedules."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from stampede.core.files import write_whole
from stampede.core.text.safe_text import shown, visible
from stampede.core.text.terminal import PlainConsole
from stampede.races.exploration_runs import RacesEvent, broken_guarantees
from stampede.races.explore import ReplayResult
from stampede.run_folder.races_json import (
    KEPT,
    NOT_EXERCISED,
    NOT_GUARANTEED,
    NOT_JUDGED,
    RacesInfo,
    StepInfo,
    VerdictInfo,
)

JSON_FIELDS = ("contender", "situation", "invariant", "verdict", "guaranteed", "how", "schedules", "shortest", "id")
"""The keys of each verdict in the file that --json names."""
SHOWN_STEPS = 16
"""A longer schedule is printed without its middle."""
SHOWN_SITUATIONS = 4
"""Instead of a longer list of situations, their number is printed."""
TITLE = "verdicts (BROKEN: a guarantee is broken; kept but: broken under a fault model that no guarantee names)"
STYLES = {
    "BROKEN": "bold red",
    "kept but": "green",
    "broken": "yellow",
    NOT_JUDGED: "bold magenta",
    KEPT: "green",
    NOT_EXERCISED: "dim",
    NOT_GUARANTEED: "dim",
}


@contextmanager
def races_progress() -> Iterator[Callable[[RacesEvent], None]]:
    """A progress bar over contenders × situations, with the number of schedules tried so far."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[schedules]:,} schedules"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=PlainConsole(stderr=True), transient=True) as progress:
        task = progress.add_task("races", total=None, schedules=0)

        def on_event(event: RacesEvent) -> None:
            progress.update(
                task,
                description=visible(f"{event.contender} · {event.situation}"),
                completed=event.done,
                total=event.of,
                schedules=event.schedules,
            )

        yield on_event


def print_races(info: RacesInfo, console: Console) -> None:
    """Print the matrix, each broken invariant with its shortest schedule, and the number of schedules tried."""
    names = [str(contender["name"]) for contender in info.contenders]
    table = Table(title=TITLE)
    table.add_column("invariant")
    for name in names:
        table.add_column(Text(visible(name).replace("-", "-\u200b")), overflow="fold")
    for invariant in info.invariants:
        words = [info.word(name, invariant.name) for name in names]
        if any(words):
            table.add_row(invariant.name, *(Text(word, style=STYLES.get(word, "")) for word in words))
    console.print(table)
    files = {str(contender["name"]): contender["file"] for contender in info.contenders}
    for name in names:
        for invariant in info.invariants:
            worst = next(iter(info.worst_first(name, invariant.name)), None)
            if worst is not None and worst.verdict == "broken":
                print_broken(worst, console, files.get(name) or name)
    print_totals(info, console)
    speed = info.speed()
    if speed is not None:
        console.print(
            f"{speed.schedules_per_s:,.0f} schedules/s of {speed.trips:.1f} round trips; a bare round trip takes "
            f"{speed.bare_us:.0f} µs: {100 * speed.share:.0f} % of the speed that the round trips alone would allow"
        )
    if broken_guarantees(info):
        console.print(Text(broken_text(info), style="bold red"))


def broken_text(info: RacesInfo) -> str:
    """The number of broken guarantees. A guarantee of a contender counts once, however many situations break it."""
    failures = broken_guarantees(info)
    guarantees = len({(verdict.contender, verdict.invariant) for verdict in failures})
    situations = len({verdict.situation for verdict in failures})
    return f"{guarantees} guarantee{'s' if guarantees > 1 else ''} broken, in {situations_text(situations)}"


def situations_text(count: int) -> str:
    return f"{count} situation{'s' if count > 1 else ''}"


def print_totals(info: RacesInfo, console: Console) -> None:
    """Print the number of schedules tried, what was not judged, and how the two searches compare."""
    judged = [e for e in info.explorations if not e.not_judged]
    tried = sum(e.schedules + e.random for e in judged)
    unfinished = [f"{e.contender} in {e.situation}" for e in judged if not e.complete]
    print_line(
        console,
        f"{tried:,} schedules in {situations_text(len(judged))}"
        + (f"; not all schedules in: {', '.join(unfinished)} (bound {info.bound:,})" if unfinished else "")
        + (": every schedule there is" if judged and not unfinished else ""),
    )
    for (contender, why), situations in info.unjudged().items():
        where = ", ".join(situations) if len(situations) <= SHOWN_SITUATIONS else situations_text(len(situations))
        console.print(Text(shown(f"not judged: {contender} in {where}: {why}"), style=STYLES[NOT_JUDGED]))
    whole = [e for e in judged if e.without_reduction is not None]
    if whole:
        reduced, all_of_them = sum(e.schedules for e in whole), sum(e.without_reduction or 0 for e in whole)
        agreed = "" if any(e.disagrees for e in whole) else ": both break the same invariants"
        console.print(f"with the reduction {reduced:,} schedules, without it {all_of_them:,}{agreed}")
    differing = [f"{e.contender} in {e.situation}" for e in judged if e.disagrees]
    if differing:
        text = f"DIFFERENT invariants are broken without the reduction, a fault of the explorer: {', '.join(differing)}"
        console.print(Text(visible(text), style="bold red"))
    cut = [f"{e.contender} in {e.situation}" for e in judged if e.not_compared]
    if cut:
        print_line(console, f"without the reduction not compared: over the bound ({info.bound:,}): {', '.join(cut)}")


def print_broken(verdict: VerdictInfo, console: Console, name_or_file: str) -> None:
    guaranteed = "guaranteed" if verdict.guaranteed else "not guaranteed"
    head = f"{verdict.contender}: {verdict.invariant} broken ({guaranteed})"
    console.print()
    console.print(Text(visible(head), style="bold red" if verdict.guaranteed else "bold yellow"))
    print_line(
        console, f"  {verdict.how}; in {verdict.broken_in} of {verdict.schedules} schedules of {verdict.situation}"
    )
    print_steps(folded(verdict.shortest), console)
    command = f"  stampede races --contender {shlex.quote(name_or_file)} --replay '{verdict.id}'"
    console.print(Text(visible(command)), highlight=False, soft_wrap=True)


def print_line(console: Console, line: str) -> None:
    """Print a line that contains names and texts from outside the project."""
    console.print(shown(line), markup=False, emoji=False)


def folded(steps: list[StepInfo]) -> list[StepInfo]:
    """The start and the end of a long schedule. In between a client polls."""
    if len(steps) <= SHOWN_STEPS:
        return steps
    kept = SHOWN_STEPS // 2
    return [*steps[:kept], StepInfo(client="", label=f"… {len(steps) - 2 * kept} more steps …"), *steps[-kept:]]


def print_steps(steps: list[StepInfo], console: Console) -> None:
    """One line for each step, with the state of the database and the cache after it."""
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=True, header_style="dim")
    for heading in ("", "client", "step", "database", "cache"):
        table.add_column(heading, overflow="fold")
    for number, step in enumerate(steps, start=1):
        label = step.label + (" (waits for the row lock)" if step.blocked else "")
        database = " ".join(f"{record}:v{version}" for record, version in step.database.items())
        cache = ", ".join(f"{key}={value}" for key, value in step.cache.items()) or "empty"
        texts = [Text(visible(text)) for text in (step.client or "–", label, database, cache)]
        texts[1].stylize("magenta" if step.adverse else "")
        table.add_row(str(number), *texts)
    console.print(table)


def print_replay(replayed: ReplayResult, times: int, console: Console) -> None:
    print_steps(replayed.steps, console)
    for name, how in replayed.broken.items():
        print_line(console, f"  {name} broken: {how}")
    if not replayed.broken:
        console.print("  no invariant broken")
    if times > 1:
        console.print(f"  played {times} times: {'the same end each time' if replayed.same else 'DIFFERENT ends'}")


def write_json(info: RacesInfo, path: Path) -> None:
    """Write the verdicts as a list for other programs."""
    rows = [{name: asdict(verdict)[name] for name in JSON_FIELDS} for verdict in info.verdicts]
    write_whole(path, json.dumps(rows, indent=1).encode())
