"""What races.json says, for a page: the matrix of promises, and each fault as a sequence diagram."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stampede.reports.topics.races.sequence_diagram import diagram
from stampede.run_folder.races_json import (
    BROKEN,
    KEPT,
    NOT_EXERCISED,
    NOT_JUDGED,
    RACES_FILE,
    UNDISTURBED,
    InvariantInfo,
    RacesInfo,
    StepInfo,
    VerdictInfo,
    read_races,
)

FOLDED_FROM = 14
"""A longer schedule is shown with its repetitive middle left out."""


@dataclass(frozen=True, kw_only=True)
class RaceCell:
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


@dataclass(frozen=True, kw_only=True)
class RacesSection:
    """All that the templates ask for."""

    info: RacesInfo
    answer: str
    tried: str
    servers: str
    called: dict[str, str]
    """What --contender takes, by name."""
    unjudged: list[str]
    """What was not judged and why."""
    rows: list[tuple[InvariantInfo, list[RaceCell | None]]]
    faults: list[tuple[str, list[Fault]]]

    @property
    def names(self) -> list[str]:
        return list(self.called)


def section_of(folder: Path) -> RacesSection | None:
    """What a run's own exploration found; None where nothing was explored in it. Raises RunFolderError."""
    return section(read_races(folder)) if (folder / RACES_FILE).exists() else None


def section(info: RacesInfo) -> RacesSection:
    called = {str(c["name"]): shlex.quote(str(c.get("file") or c["name"])) for c in info.contenders}
    return RacesSection(
        info=info,
        answer=answer(info),
        tried=tried(info),
        servers=servers(info),
        called=called,
        unjudged=unjudged(info),
        rows=[(i, [cell(info, name, i.name) for name in called]) for i in info.invariants],
        faults=[(name, found) for name in called if (found := faults(info, name))],
    )


def answer(info: RacesInfo) -> str:
    """Whether promises were kept, and how much breaks that nobody promised: pairs of contender and invariant."""
    if not info.explorations:
        return "Nothing was explored."
    told = of_promises(info)
    found = [info.word(str(c["name"]), i.name) for c in info.contenders for i in info.invariants]
    others = found.count("broken") + found.count("kept but")
    if not others:
        return f"{told}."
    never = "was never promised breaks" if others == 1 else "were never promised break"
    each = " (counted for each contender)" if len(info.contenders) > 1 else ""
    return f"{told}; {plural(others, 'invariant')} that {never}{each}."


def of_promises(info: RacesInfo) -> str:
    """Whether promises were kept, as far as they were judged."""
    found = [info.word(str(c["name"]), i.name) for c in info.contenders for i in info.invariants]
    unjudged = sum(bool(e.not_judged) for e in info.explorations)
    if unjudged == len(info.explorations):
        return "Nothing could be judged"
    left = f"; {unjudged} of {len(info.explorations)} situations were not judged" if unjudged else ""
    broken = found.count("BROKEN")
    if broken:
        return f"{plural(broken, 'promise')} that {'was made is' if broken == 1 else 'were made are'} broken{left}"
    which = " and exercised" if NOT_EXERCISED in found else " and judged" if unjudged else ""
    return f"Every promise that was made{which} was kept in every schedule tried{left}"


def unjudged(info: RacesInfo) -> list[str]:
    """What was not judged and why, a line each."""
    return [f"{name} in {', '.join(where)}: {why}" for (name, why), where in info.unjudged().items()]


def tried(info: RacesInfo) -> str:
    """How many schedules, whether those were all, how fast, and whether leaving some out was right."""
    judged = [e for e in info.explorations if not e.not_judged]
    if not judged:
        return ""
    schedules = sum(e.schedules + e.random for e in judged)
    unfinished = [e for e in judged if not e.complete]
    told = f"{schedules:,} schedules, " + (
        f"all there are but in {len(unfinished)} situations with more than {info.bound:,}, where random ones stand "
        "for the rest"
        if unfinished
        else "every one there is in these situations, commuting steps not told apart"
    )
    parts = [told, speed(info)]
    whole = [e for e in judged if e.without_reduction is not None]
    if whole:
        reduced, all_of_them = sum(e.schedules for e in whole), sum(e.without_reduction or 0 for e in whole)
        ends = (
            "other invariants are broken, so something is wrong with this tool"
            if any(e.disagrees for e in whole)
            else "both break the same invariants"
        )
        parts.append(f"with the reduction {reduced:,} schedules, without it {all_of_them:,}: {ends}")
    elif any(e.disagrees for e in judged):
        parts.append("without the reduction other invariants are broken, so something is wrong with this tool")
    cut = sum(e.not_compared for e in judged)
    if cut:
        parts.append(f"without the reduction {plural(cut, 'situation')} not compared: over the bound")
    return ". ".join(part[0].upper() + part[1:] for part in parts if part) + "."


def cell(info: RacesInfo, contender: str, invariant: str) -> RaceCell | None:
    found = info.worst_first(contender, invariant)
    if not found:
        return None
    worst, word = found[0], info.word(contender, invariant)
    relevant = [v for v in found if v.verdict == worst.verdict]
    schedules = sum(v.schedules for v in relevant)
    whole = all(v.complete for v in relevant)
    if worst.verdict == KEPT:
        tried = f"every schedule tried: {schedules:,}" if whole else f"{schedules:,} schedules tried, not all"
    elif worst.verdict == BROKEN:
        when = info.adversary_in(worst.situation)
        tried = "" if when == UNDISTURBED else f"when {when}: "
        tried += f"{len(worst.shortest)} steps, {plural(worst.preemptions or 0, 'preemption')}"
    elif worst.verdict == NOT_JUDGED:
        tried = worst.how
    elif worst.verdict == NOT_EXERCISED:
        tried = f"no schedule of {schedules:,} put it to the test"
    else:
        tried = f"nothing found in {schedules:,}"
    return RaceCell(verdict=worst, word=word, anchor=anchor(worst), tried=tried)


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
    found = info.speed()
    if found is None or not found.bare_us:
        return ""
    return (
        f"{found.schedules_per_s:,.0f} schedules/s of {found.trips:.1f} round trips; at {found.bare_us:.0f} µs a bare "
        f"round trip that is {100 * found.share:.0f} % of what the round trips alone would allow"
    )


def servers(info: RacesInfo) -> str:
    about: dict[str, Any] = info.metadata.get("servers", {})
    named = [f"{s['name']} {s['version']}" for kind in ("postgres", "redis") if (s := about.get(kind))]
    return " and ".join(named) + (f" ({about['stack']})" if about.get("stack") else "")
