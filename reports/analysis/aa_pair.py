"""The difference between two A/A copies in one figure, and what follows for comparisons by it. Pure functions.

The A/A check tests comparisons that are paired by round. This module has the rule for levels, that is, for figures
that have an interval of their own. Both copies are the same contender, so any difference between them is noise.

ignored   the intervals of the copies do not overlap, and the figures differ by more than the least difference: the
          metric is ignored in that scenario
gap       the ratio of the larger figure to the smaller: differences between contenders below it are ignored
"""

import math
from dataclasses import dataclass

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import Estimate, missing, overlap
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE

NONE = missing("no copy ran")


@dataclass(frozen=True, kw_only=True)
class AAPair:
    """One figure of a contender and of its copy, in one scenario."""

    metric: Metric
    name: str = ""
    """Name of the original. Empty: no copy ran in the scenario."""
    again: str = ""
    """Name of the copy."""
    one: Estimate = NONE
    other: Estimate = NONE

    @property
    def gap(self) -> float:
        """Larger figure over smaller, at least 1; infinity if only one of both lies beyond the deadline."""
        if self.one.missing or self.other.missing or self.one.value == self.other.value:
            return 1.0
        low, high = sorted(figure.value + self.metric.resolution for figure in (self.one, self.other))
        return high / low if low > 0 else math.inf

    @property
    def ignored(self) -> bool:
        """Whether the metric is ignored in the scenario."""
        seen_only = any(f.missing or f.why or f.level is None for f in (self.one, self.other))
        return not seen_only and not overlap(self.one, self.other) and self.gap > 1 + LEAST_DIFFERENCE


def copy_in(figures: FigureSet, scenario: str) -> tuple[str, str] | None:
    """The names of a contender and of its copy that ran in a scenario; None if no copy ran."""
    for c in figures.contenders:
        if c.kind == "aa-copy" and c.copy_of is not None and figures.ran(scenario, c.name):
            return c.copy_of, c.name
    return None


def aa_pair_of(figures: FigureSet, scenario: str, name: str) -> AAPair:
    """The A/A copies of a scenario, compared by one metric."""
    metric, names = find_metric(name), copy_in(figures, scenario)
    if names is None:
        return AAPair(metric=metric)
    one, other = (figures.figure(scenario, who, name) for who in names)
    return AAPair(metric=metric, name=names[0], again=names[1], one=one, other=other)


def aa_comparison(figures: FigureSet, scenario: str, name: str) -> Comparison | None:
    """The A/A copies of a scenario, paired by round; None if no copy ran."""
    names = copy_in(figures, scenario)
    if names is None:
        return None
    original, copy = (figures.round_values(scenario, who, name) for who in names)
    both = sorted(copy.keys() & original.keys())
    return compare([copy[r] for r in both], [original[r] for r in both])
