"""What a check is: a function of a run's results that yields warnings, and what it looks at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from stampede.reports.analysis.results import Results
from stampede.run_folder.run_warnings import RunWarning, WarningKind

Scope = Literal["run", "group"]
"""run: all results at once. group: the rounds of one contender in one scenario at a time."""
Part = Literal["caching", "separate", "limiting"]
"""Which results: of caching scenarios, of scenarios that are reported separately, of limiting scenarios.

Few checks apply to separate ones: their subject is errors, late answers and loads.
"""


@dataclass(frozen=True, eq=False)
class Check:
    """A check, with the kinds of warnings that it yields."""

    find: Callable[[Results], Iterable[RunWarning]]
    kinds: tuple[WarningKind, ...]
    scope: Scope
    applies_to: tuple[Part, ...]

    def __call__(self, results: Results) -> Iterable[RunWarning]:
        """Every warning about those results."""
        return self.find(results)


def check(
    *kinds: WarningKind, scope: Scope, applies_to: tuple[Part, ...] = ("caching",)
) -> Callable[[Callable[[Results], Iterable[RunWarning]]], Check]:
    """Make a check of a function. It is found by being there, in a module that stampede.reports.checks.all_checks names."""

    def made(find: Callable[[Results], Iterable[RunWarning]]) -> Check:
        return Check(find=find, kinds=kinds, scope=scope, applies_to=applies_to)

    return made
