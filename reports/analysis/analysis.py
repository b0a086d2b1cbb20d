"""Judging a run: its results, and what it must doubt about them and about itself."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from stampede.reports.analysis import frames
from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.results import Results, each
from stampede.reports.checks.absent_records import denies
from stampede.reports.checks.all_checks import CHECKS, warnings_about
from stampede.reports.checks.check import Check
from stampede.run_folder import run_warnings as d
from stampede.run_folder.read import Run
from stampede.run_folder.run_warnings import RunWarning, WarningKind
from stampede.run_folder.schema import ContenderInfo

T = TypeVar("T")


@dataclass(frozen=True)
class Analysis(Results):
    """All that a report says about one run, before it is put into words."""

    apart: "Analysis | None" = None
    limiting: "Analysis | None" = None
    made: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """Results that `once` keeps, by the function that made them."""

    def once(self, make: "Callable[[Analysis], T]") -> T:
        """What that function makes of this judgement; it is called the first time only."""
        if make not in self.made:
            self.made[make] = make(self)
        result: T = self.made[make]
        return result

    @cached_property
    def warnings(self) -> list[RunWarning]:
        """Gravest first, numbered."""
        caching = (warning for check in CHECKS if "caching" in check.applies_to for warning in self.checked(check))
        separate = warnings_about(self.apart, "separate")
        limiting = warnings_about(self.limiting, "limiting")
        found = together(itertools.chain(caching, separate, limiting))
        found.sort(key=lambda warning: d.KINDS.index(warning.kind))
        return [replace(warning, number=i) for i, warning in enumerate(found, 1)]

    def checked(self, check: Check) -> Iterator[RunWarning]:
        """What a check finds: group by group, where it looks at one at a time."""
        if check.scope == "run":
            return iter(check(self))
        return (warning for _, _, cells in each(self) for warning in doubts_of_group(cells)[check])

    @property
    def above_all(self) -> list[RunWarning]:
        """Doubts that stand above the answer: the run is void, or its own copies differ."""
        return [x for x in self.warnings if x.kind.voids or x.kind is d.TWINS_DIFFER or self.broke(x)]

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
        return any(x.kind.voids or self.broke(x) for x in self.warnings)

    def broke(self, warning: RunWarning) -> bool:
        return warning.kind is d.UNFINISHED and self.run.info.status == "failed"

    @property
    def passed(self) -> list[WarningKind]:
        """The checks that found nothing to doubt."""
        failed = {warning.kind.name for warning in self.warnings}
        return [kind for kind in d.KINDS if kind.name not in failed]

    def doubts_of(self, scenario: str, contender: str) -> list[RunWarning]:
        """Those that stand beside a row: of this scenario and contender, not of the whole run."""
        return [x for x in self.warnings if x.scenario == scenario and (not x.contenders or contender in x.contenders)]


def together(warnings: Iterable[RunWarning]) -> list[RunWarning]:
    """One doubt a kind and scenario, however many contenders it touches; remarks stand alone."""
    groups: dict[tuple[str, str | None, str], list[RunWarning]] = {}
    for warning in warnings:
        alone = warning.what if warning.kind is d.REMARK else ""
        groups.setdefault((warning.kind.name, warning.scenario, alone), []).append(warning)
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


def analyse(run: Run) -> Analysis:
    """Read the tables and judge. Raises RunFolderError where a table cannot be read."""
    whole = frames.cells(run)
    caching, limiting = ([c for c in whole if c.scenario.kind == kind] for kind in ("caching", "limiting"))
    judged, apart = ([c for c in caching if c.scenario.report_separately is aside] for aside in (False, True))
    return Analysis(
        run,
        judged,
        apart=Analysis(run, apart) if apart else None,
        limiting=Analysis(run, limiting) if limiting else None,
    )


@per_group
def doubts_of_group(cells: Sequence[Cell]) -> dict[Check, list[RunWarning]]:
    """What each check that looks at one group at a time finds in it."""
    alone = Results(cells[0].sample_cache.run, cells)
    return {check: list(check(alone)) for check in CHECKS if check.scope == "group"}
