"""Judging a run: its results, and what it must doubt about them and about itself."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from stampede.run_folder import run_warnings as d
from stampede.run_folder.run_warnings import Doubt, DoubtKind
from stampede.run_folder.read import Run
from stampede.run_folder.schema import ContenderInfo
from stampede.reports.analysis import frames
from stampede.reports.checks.absent_records import denies
from stampede.reports.checks.all_checks import CHECKS, warnings_about
from stampede.reports.checks.check import Check
from stampede.reports.analysis.frames import Cell, of_group
from stampede.reports.analysis.results import Results, each

T = TypeVar("T")


@dataclass(frozen=True)
class Judgement(Results):
    """All that a report says about one run, before it is put into words."""

    apart: "Judgement | None" = None
    limiting: "Judgement | None" = None
    made: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """Results that `once` keeps, by the function that made them."""

    def once(self, make: "Callable[[Judgement], T]") -> T:
        """What that function makes of this judgement; it is called the first time only."""
        if make not in self.made:
            self.made[make] = make(self)
        result: T = self.made[make]
        return result

    @cached_property
    def doubts(self) -> list[Doubt]:
        """Gravest first, numbered."""
        caching = (doubt for check in CHECKS if "caching" in check.applies_to for doubt in self.checked(check))
        separate = warnings_about(self.apart, "separate")
        limiting = warnings_about(self.limiting, "limiting")
        found = together(itertools.chain(caching, separate, limiting))
        found.sort(key=lambda doubt: d.KINDS.index(doubt.kind))
        return [replace(doubt, number=i) for i, doubt in enumerate(found, 1)]

    def checked(self, check: Check) -> Iterator[Doubt]:
        """What a check finds: group by group, where it looks at one at a time."""
        if check.scope == "run":
            return iter(check(self))
        return (doubt for _, _, cells in each(self) for doubt in doubts_of_group(cells)[check])

    @property
    def above_all(self) -> list[Doubt]:
        """Doubts that stand above the answer: the run is void, or its own copies differ."""
        return [x for x in self.doubts if x.kind.voids or x.kind is d.TWINS_DIFFER or self.broke(x)]

    @property
    def limiters_only(self) -> bool:
        """Whether the run measured rate limiters and no caching contender."""
        return self.limiting is not None and not self.cells

    def denies_existing(self, scenario: str, contender: ContenderInfo) -> bool:
        """Whether a read of the contender returned no record for one that exists."""
        return denies(self, scenario, contender)

    @property
    def void(self) -> bool:
        """Whether nothing may be taken from this run: a contender beat its bound, or the harness broke."""
        return any(x.kind.voids or self.broke(x) for x in self.doubts)

    def broke(self, doubt: Doubt) -> bool:
        return doubt.kind is d.UNFINISHED and self.run.info.status == "failed"

    @property
    def passed(self) -> list[DoubtKind]:
        """The checks that found nothing to doubt."""
        failed = {doubt.kind.name for doubt in self.doubts}
        return [kind for kind in d.KINDS if kind.name not in failed]

    def doubts_of(self, scenario: str, contender: str) -> list[Doubt]:
        """Those that stand beside a row: of this scenario and contender, not of the whole run."""
        return [x for x in self.doubts if x.scenario == scenario and (not x.contenders or contender in x.contenders)]


def together(doubts: Iterable[Doubt]) -> list[Doubt]:
    """One doubt a kind and scenario, however many contenders it touches; remarks stand alone."""
    groups: dict[tuple[str, str | None, str], list[Doubt]] = {}
    for doubt in doubts:
        alone = doubt.what if doubt.kind is d.REMARK else ""
        groups.setdefault((doubt.kind.name, doubt.scenario, alone), []).append(doubt)
    found = []
    for group in groups.values():
        worst = max(group, key=lambda x: abs(x.value or 0.0))
        found.append(
            replace(
                worst,
                what=worst.kind.opens + (", " if worst.kind.opens else "; ").join(dict.fromkeys(x.what for x in group)),
                contenders=()
                if any(not x.contenders for x in group)
                else tuple(n for x in group for n in x.contenders),
                cells=tuple(i for x in group for i in x.cells),
            )
        )
    return found


def judge(run: Run) -> Judgement:
    """Read the tables and judge. Raises RunFolderError where a table cannot be read."""
    whole = frames.cells(run)
    caching, limiting = ([c for c in whole if c.scenario.kind == kind] for kind in ("caching", "limiting"))
    judged, apart = ([c for c in caching if c.scenario.apart is aside] for aside in (False, True))
    return Judgement(
        run,
        judged,
        apart=Judgement(run, apart) if apart else None,
        limiting=Judgement(run, limiting) if limiting else None,
    )


@of_group
def doubts_of_group(cells: Sequence[Cell]) -> dict[Check, list[Doubt]]:
    """What each check that looks at one group at a time finds in it."""
    alone = Results(cells[0].shelf.run, cells)
    return {check: list(check(alone)) for check in CHECKS if check.scope == "group"}
