"""What a figure differs by between two copies of one contender, and what it then tells of others. Pure.

The A/A check tests what is paired by round. A figure that stands beside others with an interval of its own (a level) is
held to its own rule here: the copies are one and the same, so what parts them is noise.

silent    the copies' own intervals have no value in common, and they differ by more than the least difference: by
          that figure nobody is told apart in that scenario, and it is no price and no reason
gap       how many times the one copy's figure the other's is: nothing nearer than that is told apart
worse     a price beside the contender that has a copy is one beside the worse of both
"""

import math
from dataclasses import dataclass

from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import Metric, find_metric
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import Estimate, missing, overlap
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE, noise_floor

NONE = missing("no copy ran")


@dataclass(frozen=True, kw_only=True)
class AAPair:
    """One figure of a contender and of its copy, in one scenario."""

    metric: Metric
    name: str = ""
    """Empty: no copy ran there, and nothing is known."""
    again: str = ""
    one: Estimate = NONE
    other: Estimate = NONE

    @property
    def gap(self) -> float:
        """At least 1; infinity where only one of both lies beyond the deadline."""
        if self.one.missing or self.other.missing or self.one.value == self.other.value:
            return 1.0
        low, high = sorted(figure.value + self.metric.resolution for figure in (self.one, self.other))
        return high / low if low > 0 else math.inf

    @property
    def silent(self) -> bool:
        """Whether the figure tells nobody apart."""
        seen_only = any(f.missing or f.why or f.level is None for f in (self.one, self.other))
        return not seen_only and not overlap(self.one, self.other) and self.gap > 1 + LEAST_DIFFERENCE

    def lowest(self, name: str, figure: Estimate) -> float:
        """The figure of a contender, or of the better of both copies where it is their original."""
        values = [figure.value] if name != self.name or self.other.missing else [figure.value, self.other.value]
        return min(values)

    def worst(self, name: str, figure: Estimate) -> tuple[str, Estimate]:
        """A contender and its figure, or the worse of both copies where it is their original."""
        worse = name == self.name and not self.other.missing and self.other.value > figure.value
        return (self.again, self.other) if worse else (name, figure)

    @property
    def told(self) -> str:
        """Both figures: "read response time p99: a 70 ms (60 – 90), its copy b 195 ms (156 – 359)"."""
        one, other = (
            f"{formatting.with_unit(f.value, self.metric.unit)} ({formatting.interval(f)})"
            for f in (self.one, self.other)
        )
        return f"{formatting.label(self.metric)}: {self.name} {one}, its copy {self.again} {other}"


def twins_of(figures: FigureSet, scenario: str, name: str) -> AAPair:
    """The copies that ran in a scenario, by one metric."""
    metric = find_metric(name)
    for c in figures.contenders:
        if c.kind == "aa-copy" and c.copy_of is not None and figures.ran(scenario, c.name):
            return AAPair(
                metric=metric,
                name=c.copy_of,
                again=c.name,
                one=figures.figure(scenario, c.copy_of, name),
                other=figures.figure(scenario, c.name, name),
            )
    return AAPair(metric=metric)


def floor_of(figures: FigureSet, scenario: str, name: str) -> float:
    """The noise floor of a figure by its level: a share; infinity where it tells nobody apart."""
    verdict, twins = figures.twins.get((scenario, name)), twins_of(figures, scenario, name)
    if twins.silent:
        return math.inf
    return max(noise_floor(verdict.comparison if verdict else None), twins.gap - 1)


def silent_of(figures: FigureSet, scenario: str, names: tuple[str, ...]) -> str:
    """Which of these figures tell nobody apart in a scenario, and why; empty: none."""
    found = [t for name in dict.fromkeys(names) if (t := twins_of(figures, scenario, name)).silent]
    if not found:
        return ""
    return (
        f"Tells nobody apart here, as two copies of one contender lie apart by it: {'; '.join(t.told for t in found)}"
    )
