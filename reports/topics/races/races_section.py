"""Races section: the matrix of guarantees from races.json, and each broken invariant as a sequence diagram."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stampede.reports.topics.races.races_answers import (
    ContenderAnswer,
    GuaranteeAnswer,
    contender_answers,
    guarantee_answers,
)
from stampede.reports.topics.races.races_chart import chart, legend
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
    counted,
    read_races,
)

LIMITS = (
    "Every schedule of two or three clients on one Redis without failover: more clients, longer programs, a failing "
    "server or two faults at once were not tried."
)
FOLDED_FROM = 14
"""A schedule with more steps is shown without its repetitive middle."""


@dataclass(frozen=True, kw_only=True)
class RaceCell:
    """One contender's worst verdict on one invariant."""

    verdict: VerdictInfo
    word: str
    """As RacesInfo.word."""
    anchor: str
    tried: str
    """The schedules that were tried, or those that break the invariant."""


@dataclass(frozen=True, kw_only=True)
class BrokenInvariant:
    """The shortest schedule in which one contender breaks one invariant."""

    verdict: VerdictInfo
    statement: str
    anchor: str
    svg: str
    where: list[VerdictInfo]
    """The other situations in which it breaks."""


@dataclass(frozen=True, kw_only=True)
class RacesSection:
    """The values that the templates use."""

    info: RacesInfo
    answer: str
    """The result in at most twelve words."""
    others: str
    """What breaks without being guaranteed, in one sentence."""
    contenders: list[ContenderAnswer]
    guarantees: list[GuaranteeAnswer]
    chart: str
    """SVG; empty without verdicts."""
    legend: list[tuple[str, str]]
    tried: str
    """How many schedules were tried, and whether these were all."""
    limits: str
    servers: str
    called: dict[str, str]
    """The value of --contender for each contender's name."""
    unjudged: list[str]
    """Explorations without a verdict, with the reason."""
    rows: list[tuple[InvariantInfo, list[RaceCell | None]]]
    faults: list[tuple[str, list[BrokenInvariant]]]

    @property
    def names(self) -> list[str]:
        """The contenders' names."""
        return list(self.called)


def section_of(folder: Path) -> RacesSection | None:
    """The section for a run's own exploration; None if the run has none. Raises RunFolderError."""
    return section(read_races(folder)) if (folder / RACES_FILE).exists() else None


def section(info: RacesInfo) -> RacesSection:
    """The section for an exploration."""
    called = {str(c["name"]): shlex.quote(str(c.get("file") or c["name"])) for c in info.contenders}
    broken = [(name, found) for name in called if (found := faults(info, name))]
    return RacesSection(
        info=info,
        answer=info.headline(),
        others=others(info),
        contenders=contender_answers(info),
        guarantees=guarantee_answers(info, [f.anchor for _, found in broken for f in found]),
        chart=chart(info),
        legend=legend(),
        tried=tried(info),
        limits=LIMITS,
        servers=servers(info),
        called=called,
        unjudged=unjudged(info),
        rows=[(i, [cell(info, name, i.name) for name in called]) for i in info.invariants],
        faults=broken,
    )


def others(info: RacesInfo) -> str:
    """The number of contenders that break something that they do not guarantee; empty if none does."""
    found = info.all_verdicts()
    racing = [c for c in found if c.races or c.disturbed]
    if not racing:
        return ""
    count = sum(len(c.races) + len(c.disturbed) for c in racing)
    verb = "breaks" if len(racing) == 1 else "break"
    return (
        f"{len(racing)} of {counted(len(found), 'contender')} {verb} {counted(count, 'invariant')} without a guarantee."
    )


def unjudged(info: RacesInfo) -> list[str]:
    """One line for each reason without a verdict, with its situations."""
    return [f"{name} in {', '.join(where)}: {why}" for (name, why), where in info.unjudged().items()]


def tried(info: RacesInfo) -> str:
    """Number of schedules, whether these were all, their rate, and whether the reduction was sound."""
    judged = [e for e in info.explorations if not e.not_judged]
    if not judged:
        return ""
    unfinished = [e for e in judged if not e.complete]
    count = f"{info.tried():,} schedules, " + (
        f"all that exist except in {len(unfinished)} situations with more than {info.bound:,}, where random schedules "
        "replace the rest"
        if unfinished
        else "all that exist in these situations (steps that commute in one order only)"
    )
    parts = [count, speed(info)]
    whole = [e for e in judged if e.without_reduction is not None]
    if whole:
        reduced, all_of_them = sum(e.schedules for e in whole), sum(e.without_reduction or 0 for e in whole)
        ends = (
            "other invariants are broken, so this tool has a defect"
            if any(e.disagrees for e in whole)
            else "both break the same invariants"
        )
        parts.append(f"with the reduction {reduced:,} schedules, without it {all_of_them:,}: {ends}")
    elif any(e.disagrees for e in judged):
        parts.append("without the reduction other invariants are broken, so this tool has a defect")
    cut = sum(e.not_compared for e in judged)
    if cut:
        parts.append(f"without the reduction {counted(cut, 'situation')} not compared: over the bound")
    return ". ".join(part[0].upper() + part[1:] for part in parts if part) + "."


def cell(info: RacesInfo, contender: str, invariant: str) -> RaceCell | None:
    """A cell of the matrix; None if the contender was not explored for the invariant."""
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
        tried += f"{len(worst.shortest)} steps, {counted(worst.preemptions or 0, 'preemption')}"
    elif worst.verdict == NOT_JUDGED:
        tried = worst.how
    elif worst.verdict == NOT_EXERCISED:
        tried = f"none of {schedules:,} schedules exercised it"
    else:
        tried = f"nothing found in {schedules:,}"
    return RaceCell(verdict=worst, word=word, anchor=anchor(worst), tried=tried)


def anchor(verdict: VerdictInfo) -> str:
    return f"{verdict.contender}-{verdict.invariant}"


def faults(info: RacesInfo, contender: str) -> list[BrokenInvariant]:
    """The invariants that a contender breaks."""
    found = []
    for invariant in info.invariants:
        broken = [v for v in info.worst_first(contender, invariant.name) if v.verdict == "broken"]
        if broken:
            worst = broken[0]
            title = f"{contender} breaks {invariant.name}: {worst.how}"
            svg = diagram(folded(worst.shortest), title, f"s-{anchor(worst)}")
            found.append(
                BrokenInvariant(
                    verdict=worst, statement=invariant.says, anchor=anchor(worst), svg=svg, where=broken[1:]
                )
            )
    return found


def folded(steps: Sequence[StepInfo]) -> list[StepInfo]:
    """The begin and end of a long schedule; the middle, in which a client polls, is left out."""
    if len(steps) <= FOLDED_FROM:
        return list(steps)
    left_out = len(steps) - FOLDED_FROM + 1
    gap = StepInfo(client="", label=f"… {left_out} more steps of waiting …", database=steps[-6].database)
    return [*steps[: FOLDED_FROM - 6], gap, *steps[-5:]]


def speed(info: RacesInfo) -> str:
    """Schedules per second, compared with the bound that the round trips give; empty if not measured."""
    found = info.speed()
    if found is None or not found.bare_us:
        return ""
    return (
        f"{found.schedules_per_s:,.0f} schedules/s of {found.trips:.1f} round trips; at {found.bare_us:.0f} µs per "
        f"bare round trip that is {100 * found.share:.0f} % of the rate that the round trips alone would allow"
    )


def servers(info: RacesInfo) -> str:
    """Names and versions of the servers."""
    about: dict[str, Any] = info.metadata.get("servers", {})
    named = [f"{s['name']} {s['version']}" for kind in ("postgres", "redis") if (s := about.get(kind))]
    return " and ".join(named) + (f" ({about['stack']})" if about.get("stack") else "")
