"""The output of `stampede races`: progress, a row for each contender, the shortest schedules."""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
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
from stampede.races.exploration_runs import RacesEvent
from stampede.races.explore import ReplayResult
from stampede.run_folder.races_json import (
    KEPT,
    NOT_EXERCISED,
    NOT_GUARANTEED,
    NOT_JUDGED,
    ContenderVerdicts,
    RacesInfo,
    StepInfo,
    VerdictInfo,
)

JSON_FIELDS = ("contender", "situation", "invariant", "verdict", "guaranteed", "how", "schedules", "shortest", "id")
"""The keys of each verdict in the file that --json names."""
SHOWN_STEPS = 16
"""A longer schedule is printed without its middle."""
SHOWN_CONTENDERS = 12
"""Contenders in the table; the page has all."""
SHORT_LABEL = 24
"""The length at which the label of a step is cut in the short output."""
LINES, LINES_AROUND = 25, 10
"""The most lines of the output, and those without the table's rows and a schedule's steps."""
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


def print_races(info: RacesInfo, console: Console, *, verbose: bool = False) -> None:
    """Print the headline, a row for each contender, the worst schedule if it fits, and how many were tried.

    At most LINES lines of 80 columns, without those that the terminal wraps. `verbose`: the matrix of all verdicts and
    the shortest schedule of each broken invariant in addition.
    """
    if verbose:
        print_matrix(info, console)
        for verdict in worst_verdicts(info):
            print_broken(verdict, console, file_of(info, verdict.contender))
        console.print()
    print_line(console, info.headline())
    found = info.all_verdicts()
    console.print(contender_table(found[:SHOWN_CONTENDERS]))
    if len(found) > SHOWN_CONTENDERS:
        console.print(f"{len(found) - SHOWN_CONTENDERS} more contenders without a broken guarantee are on the page")
    worst = worst_verdicts(info)
    room = LINES - LINES_AROUND - min(len(found), SHOWN_CONTENDERS)
    if worst and not verbose and (worst[0].guaranteed or room >= len(worst[0].shortest)):
        print_broken(worst[0], console, file_of(info, worst[0].contender), room)
    print_totals(info, console)
    if verbose:
        print_speed(info, console)


def worst_verdicts(info: RacesInfo) -> list[VerdictInfo]:
    """The worst verdict of each contender on each invariant that it breaks, broken guarantees first."""
    names = [str(contender["name"]) for contender in info.contenders]
    worst = [info.worst_first(name, invariant.name)[:1] for name in names for invariant in info.invariants]
    return sorted((v for found in worst for v in found if v.verdict == "broken"), key=lambda v: not v.guaranteed)


def file_of(info: RacesInfo, contender: str) -> str:
    """The value of --contender that names it."""
    return next((str(c["file"]) for c in info.contenders if c["name"] == contender and c["file"]), contender)


def contender_table(found: Sequence[ContenderVerdicts]) -> Table:
    """One row for each contender: guarantees kept, broken, not tested, and other races."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("contender", no_wrap=True)
    for heading in ("kept", "broken", "not tested", "other races"):
        table.add_column(heading, justify="right")
    for c in found:
        numbers = (f"{len(c.kept)} of {c.guaranteed}", len(c.broken), len(c.untested), len(c.races) + len(c.disturbed))
        style = STYLES["BROKEN"] if c.broken else STYLES[NOT_JUDGED] if c.untested else ""
        table.add_row(*(Text(visible(str(text)), style=style) for text in (c.contender, *numbers)))
    return table


def print_matrix(info: RacesInfo, console: Console) -> None:
    """Print the verdicts of all contenders on all invariants."""
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


def print_speed(info: RacesInfo, console: Console) -> None:
    """Print the schedules per second, compared with what the round trips alone would allow."""
    speed = info.speed()
    if speed is not None:
        console.print(
            f"{speed.schedules_per_s:,.0f} schedules/s of {speed.trips:.1f} round trips; a bare round trip takes "
            f"{speed.bare_us:.0f} µs: {100 * speed.share:.0f} % of the speed that the round trips alone would allow"
        )


def situations_text(count: int) -> str:
    return f"{count} situation{'s' if count > 1 else ''}"


def print_totals(info: RacesInfo, console: Console) -> None:
    """Print the number of schedules tried, what was not judged, and how the two searches compare."""
    judged = [e for e in info.explorations if not e.not_judged]
    unfinished = [f"{e.contender} in {e.situation}" for e in judged if not e.complete]
    print_line(
        console,
        f"{info.tried():,} schedules in {situations_text(len(judged))}"
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


def print_broken(verdict: VerdictInfo, console: Console, name_or_file: str, room: int = SHOWN_STEPS) -> None:
    """Print how an invariant breaks, its schedule in at most `room` lines (none below 4), and how to replay it."""
    guaranteed = "guaranteed" if verdict.guaranteed else "not guaranteed"
    head = f"{verdict.contender}: {verdict.invariant} broken ({guaranteed})"
    console.print()
    console.print(Text(visible(head), style="bold red" if verdict.guaranteed else "bold yellow"))
    print_line(
        console, f"  {verdict.how}; in {verdict.broken_in} of {verdict.schedules} schedules of {verdict.situation}"
    )
    if room >= min(4, len(verdict.shortest)):
        print_steps(folded(verdict.shortest, room), console, wrapped=room >= SHOWN_STEPS)
    command = f"  stampede races --contender {shlex.quote(name_or_file)} --replay '{verdict.id}'"
    console.print(Text(visible(command)), highlight=False, soft_wrap=True)


def print_line(console: Console, line: str) -> None:
    """Print a line that contains names and texts from outside the project."""
    console.print(shown(line), markup=False, emoji=False)


def folded(steps: list[StepInfo], room: int = SHOWN_STEPS) -> list[StepInfo]:
    """The start and the end of a long schedule, about `room` steps. In between a client polls."""
    if len(steps) <= room:
        return steps
    kept = max(1, (room - 1) // 2)
    return [*steps[:kept], StepInfo(client="", label=f"… {len(steps) - 2 * kept} more steps …"), *steps[-kept:]]


def print_steps(steps: list[StepInfo], console: Console, *, wrapped: bool = True) -> None:
    """One line for each step, with the state of the database and the cache after it. Not `wrapped`: labels are cut."""
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=True, header_style="dim")
    for heading in ("", "client", "step", "database", "cache"):
        table.add_column(heading, overflow="fold")
    for number, step in enumerate(steps, start=1):
        label = step.label + (" (waits for the row lock)" if step.blocked else "")
        label = label if wrapped or len(label) <= SHORT_LABEL else f"{label[:SHORT_LABEL]}…"
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
