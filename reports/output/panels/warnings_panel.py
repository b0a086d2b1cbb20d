"""Doubts as the first screen shows them: one entry a kind, its gravest finding first, the others folded."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from stampede.run_folder.run_warnings import RunWarning, WarningKind

SHORT = 120
"""Characters that a finding may have before its end is folded away."""


@dataclass(frozen=True, kw_only=True)
class WarningEntry:
    """All doubts of one kind."""

    kind: WarningKind
    numbers: str
    """ "3", "3 – 8"."""
    scenario: str
    """Of the gravest; empty: the whole run."""
    lead: str
    """The gravest finding, cut where it goes on and on."""
    more: str
    """Where else: "and in 5 more scenarios"."""
    warnings: list[RunWarning]
    folded: bool
    """Whether something is left out of the lead."""


def entries(warnings: Sequence[RunWarning]) -> list[WarningEntry]:
    """In the order of the doubts: those of one kind stand together there."""
    found = []
    for kind, members in groupby(warnings, key=lambda x: x.kind):
        some = list(members)
        worst = max(some, key=lambda x: abs(x.value or 0.0))
        lead = cut(worst.what)
        others = len(some) - 1
        where = "scenario" if all(x.scenario for x in some) else "finding"
        found.append(
            WarningEntry(
                kind=kind,
                numbers=str(some[0].number) if not others else f"{some[0].number} – {some[-1].number}",
                scenario=worst.scenario or "",
                lead=lead,
                more=f" And {others} more {where}{'' if others == 1 else 's'}." if others else "",
                warnings=some,
                folded=bool(others) or lead != worst.what,
            )
        )
    return found


def cut(text: str) -> str:
    """A long finding up to the first comma or semicolon behind half of what may stand; whole where it is short."""
    if len(text) <= SHORT:
        return text
    ends = [i for i in (text.find(mark, SHORT // 2) for mark in ("), ", "; ", ", ")) if 0 <= i <= SHORT]
    end = min(ends) + (text[min(ends)] == ")") if ends else text.rfind(" ", 0, SHORT)
    return f"{text[:end]} …"
