"""The definition of a check: a function of a run's results that yields warnings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from stampede.reports.analysis.results import Results
from stampede.run_folder.run_warnings import RunWarning, WarningKind

Scope = Literal["run", "group"]
"""run: the check needs all results at once. group: it needs the rounds of one contender in one scenario."""
Part = Literal["caching", "separate", "limiting"]
"""Results of caching scenarios, of scenarios that are reported separately, or of limiting scenarios.

Few checks apply to separate scenarios, because errors, late answers and loads are what these scenarios show.
"""


@dataclass(frozen=True, eq=False)
class Check:
    """A check and the kinds of warnings that it yields."""

    find: Callable[[Results], Iterable[RunWarning]]
    kinds: tuple[WarningKind, ...]
    scope: Scope
    applies_to: tuple[Part, ...]

    def __call__(self, results: Results) -> Iterable[RunWarning]:
        """All warnings about those results."""
        return self.find(results)


def check(
    *kinds: WarningKind, scope: Scope, applies_to: tuple[Part, ...] = ("caching",)
) -> Callable[[Callable[[Results], Iterable[RunWarning]]], Check]:
    """Decorator that makes a check of a function. Its module must be listed in stampede.reports.checks.all_checks."""

    def decorate(find: Callable[[Results], Iterable[RunWarning]]) -> Check:
        return Check(find=find, kinds=kinds, scope=scope, applies_to=applies_to)

    return decorate
