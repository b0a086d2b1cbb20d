"""From races.json to races.html: the matrix of promises, and each fault as a sequence diagram."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from artefact.races import UNDISTURBED, RacesInfo, StepInfo, VerdictInfo, read_races
from reports.charts import PALETTE
from reports.races.diagram import diagram
from reports.render import PAGES, flat, write_whole

FOLDED_FROM = 14
"""A longer schedule is shown with its repetitive middle left out."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One contender's worst verdict on one invariant."""

    verdict: VerdictInfo
    word: str
    """As RacesInfo.word."""
    anchor: str
    tried: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How one contender breaks one invariant, at its shortest."""

    verdict: VerdictInfo
    says: str
    anchor: str
    svg: str
    where: list[VerdictInfo]
    """The other situations that show it."""


def render_races(folder: Path) -> Path:
    """Write races.html into the folder of a races.json; its path. Raises RunFolderError."""
    path = folder / "races.html"
    write_whole(path, page(read_races(folder), folder.resolve().name))
    return path


def page(info: RacesInfo, name: str) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["flat"] = flat
    names = [str(contender["name"]) for contender in info.contenders]
    return environment.get_template("races.html.j2").render(
        info=info,
        name=name,
        names=names,
        called={str(c["name"]): shlex.quote(str(c.get("file") or c["name"])) for c in info.contenders},
        rows=[(i, [cell(info, n, i.name) for n in names]) for i in info.invariants],
        faults=[(n, found) for n in names if (found := faults(info, n))],
        broken_promises=sum(v.verdict == "broken" and v.promised for v in info.verdicts),
        schedules=sum(e.schedules + e.random for e in info.explorations),
        unfinished=[e for e in info.explorations if not e.complete],
        whole=[e for e in info.explorations if e.without_reduction is not None],
        speed=speed(info),
        servers=servers(info),
        palette=PALETTE,
    )


def cell(info: RacesInfo, contender: str, invariant: str) -> Cell | None:
    found = info.worst_first(contender, invariant)
    if not found:
        return None
    worst, word = found[0], info.word(contender, invariant)
    relevant = [v for v in found if v.verdict == worst.verdict]
    schedules = sum(v.schedules for v in relevant)
    whole = all(v.complete for v in relevant)
    if worst.verdict == "kept":
        tried = f"every schedule tried: {schedules:,}" if whole else f"{schedules:,} schedules tried, not all"
    elif worst.verdict == "broken":
        when = info.adversary_in(worst.situation)
        tried = "" if when == UNDISTURBED else f"when {when}: "
        tried += f"{len(worst.shortest)} steps, {plural(worst.preemptions or 0, 'preemption')}"
    else:
        tried = f"nothing found in {schedules:,}"
    return Cell(verdict=worst, word=word, anchor=anchor(worst), tried=tried)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def anchor(verdict: VerdictInfo) -> str:
    return f"{verdict.contender}-{verdict.invariant}"


def faults(info: RacesInfo, contender: str) -> list[Fault]:
    found = []
    for invariant in info.invariants:
        broken = [v for v in info.worst_first(contender, invariant.name) if v.verdict == "broken"]
        if broken:
            worst = broken[0]
            title = f"{contender} breaks {invariant.name}: {worst.how}"
            svg = diagram(folded(worst.shortest), title, f"s-{anchor(worst)}")
            found.append(Fault(verdict=worst, says=invariant.says, anchor=anchor(worst), svg=svg, where=broken[1:]))
    return found


def folded(steps: Sequence[StepInfo]) -> list[StepInfo]:
    """A long schedule's begin and end: what lies between is somebody who asks again and again."""
    if len(steps) <= FOLDED_FROM:
        return list(steps)
    left_out = len(steps) - FOLDED_FROM + 1
    gap = StepInfo(client="", label=f"… {left_out} more steps of waiting …", database=steps[-6].database)
    return [*steps[: FOLDED_FROM - 6], gap, *steps[-5:]]


def speed(info: RacesInfo) -> str:
    replays = sum(e.replays + e.random for e in info.explorations)
    trips = sum(e.round_trips for e in info.explorations)
    seconds = sum(e.seconds for e in info.explorations)
    bare_us = float(info.circumstances.get("bare_round_trip_us", 0))
    if not (replays and seconds and trips and bare_us):
        return ""
    share = 100 * trips * bare_us / 1e6 / seconds
    return (
        f"{replays / seconds:,.0f} schedules/s of {trips / replays:.1f} round trips; at {bare_us:.0f} µs a bare round "
        f"trip that is {share:.0f} % of what the round trips alone would allow"
    )


def servers(info: RacesInfo) -> str:
    about: dict[str, Any] = info.circumstances.get("servers", {})
    named = [f"{s['name']} {s['version']}" for kind in ("postgres", "redis") if (s := about.get(kind))]
    return " and ".join(named) + (f" ({about['stack']})" if about.get("stack") else "")
