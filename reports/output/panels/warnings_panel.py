"""The warnings of the first screen: one entry per kind, its most severe finding first, the others folded."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from stampede.run_folder.run_warnings import RunWarning, WarningKind

SHORT = 120
"""Characters of a finding that the entry shows; the page folds the rest."""


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
    warnings: list[RunWarning]
    folded: bool
    """Whether the lead leaves out something."""


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
                warnings=some,
                folded=bool(others) or lead != worst.what,
            )
        )
    return found


def shorten(text: str) -> str:
    """A finding of more than SHORT characters up to its first comma or semicolon after half of them; else unchanged."""
    if len(text) <= SHORT:
        return text
    ends = [i for i in (text.find(mark, SHORT // 2) for mark in ("), ", "; ", ", ")) if 0 <= i <= SHORT]
    end = min(ends) + (text[min(ends)] == ")") if ends else text.rfind(" ", 0, SHORT)
    return f"{text[:end]} …"
