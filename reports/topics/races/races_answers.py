"""The answers of the races section: a row for each contender, and one for each guarantee that a service may need."""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.output.formatting import listed
from stampede.run_folder.races_json import KEPT, NOT_EXERCISED, NOT_JUDGED, ContenderVerdicts, RacesInfo, VerdictInfo

FAULTS = {"an entry or a lock expires or is evicted": "an entry expires early", "a client crashes": "a client crashes"}
"""A shorter text for a fault model."""


@dataclass(frozen=True, kw_only=True)
class ContenderAnswer:
    """One contender."""

    contender: str
    kept: str
    """For example "5 of 5"."""
    broken: int
    untested: int
    races: int
    """Invariants that it breaks and does not guarantee."""
    advice: str


@dataclass(frozen=True, kw_only=True)
class ContenderLink:
    """A contender's name with the place of its schedule."""

    name: str
    anchor: str
    """Empty: no schedule is shown."""
    when: str
    """The event that it takes; empty if only the clients act."""
    guaranteed: bool


@dataclass(frozen=True, kw_only=True)
class GuaranteeAnswer:
    """One guarantee: which contenders keep it, and which do not."""

    name: str
    says: str
    keep: str
    """The names of those that guarantee and keep it; empty if there are none."""
    broken: list[ContenderLink]
    """Those that break it while only the clients act, or that guarantee and break it."""
    disturbed: list[ContenderLink]
    """Those that break it only when something else happens."""
    consequence: str
    """What a reader then sees; empty if it was broken by none."""


def contender_answers(info: RacesInfo) -> list[ContenderAnswer]:
    """The rows of all contenders that were explored."""
    return [
        ContenderAnswer(
            contender=c.contender,
            kept=f"{len(c.kept)} of {c.guaranteed}",
            broken=len(c.broken),
            untested=len(c.untested),
            races=len(c.races) + len(c.disturbed),
            advice=advice(c, info),
        )
        for c in info.all_verdicts()
        if any(v.contender == c.contender for v in info.verdicts)
    ]


def advice(found: ContenderVerdicts, info: RacesInfo) -> str:
    """What to do about a contender's races, in one or two short sentences."""
    parts = []
    if found.broken:
        parts.append(f"Do not rely on its guarantee: {listed(found.broken)}.")
    if found.untested:
        parts.append(f"Not tested: {listed(found.untested)}.")
    if found.races:
        parts.append(f"Avoid it if you need: {listed(found.races)}.")
    if found.disturbed:
        events = sorted({event for name in found.disturbed for event in events_of(info, found.contender, name)})
        parts.append(f"Broken only if {listed(events).replace(' and ', ' or ')}: {listed(found.disturbed)}.")
    return " ".join(parts) or "Nothing to do: no race was found."


def events_of(info: RacesInfo, contender: str, invariant: str) -> list[str]:
    """The events under which a contender breaks an invariant that it does not guarantee then."""
    faults = {
        info.adversary_in(v.situation)
        for v in info.worst_first(contender, invariant)
        if v.verdict == "broken" and not v.guaranteed
    }
    return [FAULTS.get(fault, fault) for fault in faults]


def guarantee_answers(info: RacesInfo, anchors: Sequence[str]) -> list[GuaranteeAnswer]:
    """The rows of all invariants that were tried, those that are broken first. `anchors`: of the schedules shown."""
    found = info.all_verdicts()
    rows = []
    for invariant in info.invariants:
        name = invariant.name
        broken = [link(info, c, name, anchors) for c in found if name in (*c.broken, *c.races)]
        disturbed = [link(info, c, name, anchors) for c in found if name in c.disturbed]
        keep = [c.contender for c in found if name in c.kept and name not in (*c.races, *c.disturbed)]
        tried = {v.contender for v in info.verdicts if v.invariant == name}
        worst = next((w for b in (*broken, *disturbed) for w in info.worst_first(b.name, name)[:1]), None)
        if keep or broken or disturbed:
            row = GuaranteeAnswer(
                name=name,
                says=invariant.says,
                keep=f"all {len(tried)}" if len(keep) == len(tried) > 2 else ", ".join(keep),
                broken=broken,
                disturbed=disturbed,
                consequence=worst.how if worst is not None else "",
            )
            rows.append(row)
    return sorted(rows, key=lambda row: (not any(b.guaranteed for b in row.broken), not row.broken, not row.disturbed))


def link(info: RacesInfo, found: ContenderVerdicts, invariant: str, anchors: Sequence[str]) -> ContenderLink:
    """A contender's name in the row of an invariant that it breaks."""
    place = f"{found.contender}-{invariant}"
    return ContenderLink(
        name=found.contender,
        anchor=place if place in anchors else "",
        when=listed(events_of(info, found.contender, invariant)) if invariant in found.disturbed else "",
        guaranteed=invariant in found.broken,
    )


def mark_of(worst: VerdictInfo, word: str) -> str:
    """The mark of a contender's verdict on an invariant in the chart: a name in MARKS."""
    if word == "BROKEN":
        return "broken"
    if word in ("broken", "kept but"):
        return "race" if word == "broken" else "disturbed"
    if worst.verdict == KEPT:
        return "kept"
    return "untested" if worst.verdict in (NOT_JUDGED, NOT_EXERCISED) else "open"


MARKS = {
    "kept": "guaranteed and kept",
    "broken": "guaranteed and broken",
    "race": "not guaranteed, and broken",
    "disturbed": "broken only by a crash or an early expiry",
    "untested": "guaranteed, not tested",
    "open": "not guaranteed, no race found",
}
"""The marks of the chart, each with its meaning."""
