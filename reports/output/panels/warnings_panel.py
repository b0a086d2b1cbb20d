"""The warnings of the page: one entry per kind with its consequence, the most severe finding first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from stampede.run_folder import run_warnings
from stampede.run_folder.run_warnings import RunWarning, WarningKind

SHORT = 120
"""Characters of a finding that the entry shows; the page folds the rest."""

MOST = 3
"""Entries that the first screen shows; the others are in the fold."""
CONSEQUENCES = {
    run_warnings.COPIES_DIFFER.name: "Differences between patterns in that scenario may be noise.",
    run_warnings.EXISTING_NOT_FOUND.name: "The contender is recommended nowhere in that scenario.",
    run_warnings.CELLS_MISSING.name: "Rounds that lack a cell are left out of comparisons.",
    run_warnings.FEW_ROUNDS.name: "The page shows ranges and no verdicts.",
    run_warnings.SATURATED.name: "Its latency is a lower bound, and it is not recommended.",
    run_warnings.GENERATOR_LATE.name: "p99 gaps below 2× mean nothing here; medians and query counts are not affected.",
    run_warnings.DATABASE_BUSY.name: "Queries wait for cores: absolute latency is too high, differences are valid.",
    run_warnings.MACHINE_BUSY.name: "Latency includes the wait for a core; query counts are not affected.",
    run_warnings.NOT_STEADY.name: "One figure for the whole cell hides a change within it.",
    run_warnings.TOO_DENSE.name: "The share of stale reads is a lower bound only.",
    run_warnings.OTHER_LOAD.name: "Absolute latency is too high; differences between patterns are still valid.",
    run_warnings.DRIFT.name: "Absolute latency drifted; differences between patterns are still valid.",
    run_warnings.SCALE_NOT_PRESERVED.name: "No verdict on that pattern there: a longer TTL would change it.",
    run_warnings.FEW_SAMPLES.name: "The medians of those cells are rough.",
}
"""By the name of a kind: what it means for the reader, in one sentence. Other kinds name what not to rely on."""


@dataclass(frozen=True, kw_only=True)
class WarningEntry:
    """All warnings of one kind."""

    kind: WarningKind
    numbers: str
    """The numbers of its warnings: "3", "3 – 8"."""
    scenario: str
    """The scenario of the most severe finding; empty: the whole run."""
    lead: str
    """The most severe finding, shortened."""
    more: str
    """The number of other findings: "And 5 more scenarios."."""
    consequence: str
    """What it means for the reader; empty if a kind has none."""
    warnings: list[RunWarning]


def entries(warnings: Sequence[RunWarning]) -> list[WarningEntry]:
    """One entry per kind. The warnings are sorted by kind."""
    found = []
    for kind, members in groupby(warnings, key=lambda x: x.kind):
        some = list(members)
        worst = max(some, key=lambda x: abs(x.value or 0.0))
        lead = shorten(worst.what)
        others = len(some) - 1
        where = "scenario" if all(x.scenario for x in some) else "finding"
        found.append(
            WarningEntry(
                kind=kind,
                numbers=str(some[0].number) if not others else f"{some[0].number} – {some[-1].number}",
                scenario=worst.scenario or "",
                lead=lead,
                more=f" And {others} more {where}{'' if others == 1 else 's'}." if others else "",
                consequence=consequence(kind),
                warnings=some,
            )
        )
    return found


def consequence(kind: WarningKind) -> str:
    """What a warning means for the reader."""
    if kind.voids:
        return "The run is void."
    if kind.name in CONSEQUENCES:
        return CONSEQUENCES[kind.name]
    return f"Do not rely on: {kind.withholds}." if kind.withholds else ""


def shorten(text: str) -> str:
    """A finding of more than SHORT characters up to its first comma or semicolon after half of them; else unchanged."""
    if len(text) <= SHORT:
        return text
    ends = [i for i in (text.find(mark, SHORT // 2) for mark in ("), ", "; ", ", ")) if 0 <= i <= SHORT]
    end = min(ends) + (text[min(ends)] == ")") if ends else text.rfind(" ", 0, SHORT)
    return f"{text[:end]} …"
