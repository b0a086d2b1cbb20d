"""The analysis of a run: its results and its warnings."""

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
from stampede.run_folder import run_warnings
from stampede.run_folder.read import Run
from stampede.run_folder.run_warnings import RunWarning, WarningKind
from stampede.run_folder.schema import ContenderInfo

T = TypeVar("T")


@dataclass(frozen=True)
class Analysis(Results):
    """All results and warnings of one run. The report turns them into text."""

    separate: "Analysis | None" = None
    limiting: "Analysis | None" = None
    computed: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """Cache of `once`: results by the function that computed them."""

    def once(self, make: "Callable[[Analysis], T]") -> T:
        """The result of that function for this analysis. The function is called the first time only."""
        if make not in self.computed:
            self.computed[make] = make(self)
        result: T = self.computed[make]
        return result

    @cached_property
    def warnings(self) -> list[RunWarning]:
        """All warnings, most serious first, numbered from 1."""
        caching = (warning for check in CHECKS if "caching" in check.applies_to for warning in self.checked(check))
        separate = warnings_about(self.separate, "separate")
        limiting = warnings_about(self.limiting, "limiting")
        found = merged(itertools.chain(caching, separate, limiting))
        found.sort(key=lambda warning: run_warnings.KINDS.index(warning.kind))
        return [replace(warning, number=i) for i, warning in enumerate(found, 1)]

    def checked(self, check: Check) -> Iterator[RunWarning]:
        """The warnings of one check. Checks of scope "group" run once per group."""
        if check.scope == "run":
            return iter(check(self))
        return (warning for _, _, cells in each(self) for warning in group_warnings(cells)[check])

    @property
    def top_warnings(self) -> list[RunWarning]:
        """Warnings that the report prints above the headline: the run is void, or the A/A copies may differ by more
        than LEAST_EFFECT, so that noise could decide an answer."""
        return [x for x in self.warnings if x.kind.voids or self.broke(x) or copies_differ_much(x)]

    @property
    def limiters_only(self) -> bool:
        """Whether the run measured rate limiters and no caching contender."""
        return self.limiting is not None and not self.cells

    def returns_no_record(self, scenario: str, contender: ContenderInfo) -> bool:
        """Whether a read of the contender returned no record although the record exists."""
        return denies(self, scenario, contender)

    @property
    def void(self) -> bool:
        """Whether the run is invalid: a contender was faster than its bound, or the harness failed."""
        return any(x.kind.voids or self.broke(x) for x in self.warnings)

    def broke(self, warning: RunWarning) -> bool:
        """Whether the warning says that the harness failed."""
        return warning.kind is run_warnings.UNFINISHED and self.run.info.status == "failed"

    @property
    def passed(self) -> list[WarningKind]:
        """The kinds of warnings that this run does not have."""
        failed = {warning.kind.name for warning in self.warnings}
        return [kind for kind in run_warnings.KINDS if kind.name not in failed]

    def warnings_of(self, scenario: str, contender: str) -> list[RunWarning]:
        """The warnings of one row: those of this scenario that concern this contender alone."""
        return [x for x in self.warnings if x.scenario == scenario and list(x.contenders) == [contender]]

    def shared_warnings(self, scenario: str) -> list[RunWarning]:
        """The warnings of this scenario that concern several contenders, or all of it."""
        return [x for x in self.warnings if x.scenario == scenario and len(x.contenders) != 1]


LEAST_EFFECT = 0.10
"""The smallest effect that justifies another pattern: 10 %."""


def copies_differ_much(warning: RunWarning) -> bool:
    """Whether the A/A copies differ significantly, and their interval reaches beyond LEAST_EFFECT."""
    return warning.kind is run_warnings.COPIES_DIFFER and warning.size > LEAST_EFFECT


def merged(warnings: Iterable[RunWarning]) -> list[RunWarning]:
    """One warning per kind and scenario, for all contenders concerned; remarks are not merged."""
    groups: dict[tuple[str, str | None, str], list[RunWarning]] = {}
    for warning in warnings:
        alone = warning.what if warning.kind is run_warnings.REMARK else ""
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
                size=max(x.size for x in group),
            )
        )
    return found


def analyse(run: Run) -> Analysis:
    """Read and analyse the tables of a run. Raises RunFolderError if a table cannot be read."""
    whole = frames.cells(run)
    caching, limiting = ([c for c in whole if c.scenario.kind == kind] for kind in ("caching", "limiting"))
    compared, separate = ([c for c in caching if c.scenario.report_separately is flag] for flag in (False, True))
    return Analysis(
        run,
        compared,
        separate=Analysis(run, separate) if separate else None,
        limiting=Analysis(run, limiting) if limiting else None,
    )


@per_group
def group_warnings(cells: Sequence[Cell]) -> dict[Check, list[RunWarning]]:
    """The warnings of each check of scope "group" about one group."""
    group = Results(cells[0].sample_cache.run, cells)
    return {check: list(check(group)) for check in CHECKS if check.scope == "group"}
