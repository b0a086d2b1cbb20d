"""The part of an analysis that the recommendation uses: figures, comparisons, scenarios and contenders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stampede.reports.analysis.results import Verdict
from stampede.reports.statistics.estimate import Estimate, missing
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

FigureKey = tuple[str, str, str]
"""Scenario, contender, metric."""


class FigureSet(Protocol):
    """The figures of a run by scenario, contender and metric, and the other inputs of the recommendation rule."""

    @property
    def contenders(self) -> Sequence[ContenderInfo]:
        """All contenders, in the order of the run."""

    @property
    def scenarios(self) -> Sequence[ScenarioInfo]:
        """The scenarios that were measured."""

    @property
    def figures(self) -> Mapping[FigureKey, Estimate]:
        """Every figure that was measured."""

    @property
    def aa_pairs(self) -> Mapping[tuple[str, str], Verdict]:
        """By scenario and metric: the comparison of the two A/A copies."""

    @property
    def verdicts(self) -> Mapping[FigureKey, Verdict]:
        """The comparison of each contender with the reference."""

    @property
    def reference(self) -> str:
        """Name of the reference contender."""

    @property
    def rounds(self) -> int:
        """Number of rounds that every contender finished."""

    @property
    def void(self) -> bool:
        """Whether the run is invalid. If so, the report recommends nothing."""

    @property
    def limiters_only(self) -> bool:
        """Whether the run measured rate limiters and no caching contender."""

    def figure(self, scenario: str, contender: str, metric: str) -> Estimate:
        """The figure; a missing estimate if the contender did not run in the scenario."""

    def round_values(self, scenario: str, contender: str, metric: str) -> Mapping[int, float]:
        """The value of each round, by round, of a metric that is compared or priced; empty if it did not run."""

    def ran(self, scenario: str, contender: str) -> bool:
        """Whether the contender finished a cell of the scenario."""

    def returns_no_record(self, scenario: str, contender: ContenderInfo) -> bool:
        """Whether a read of the contender returned no record although the record exists."""


@dataclass(frozen=True, kw_only=True)
class PlainFigures:
    """A FigureSet of plain numbers, without a run folder."""

    contenders: Sequence[ContenderInfo]
    scenarios: Sequence[ScenarioInfo]
    figures: Mapping[FigureKey, Estimate]
    aa_pairs: Mapping[tuple[str, str], Verdict] = field(default_factory=dict)
    verdicts: Mapping[FigureKey, Verdict] = field(default_factory=dict)
    values: Mapping[FigureKey, Sequence[float]] = field(default_factory=dict)
    """The values of the rounds, from round 1."""
    reference: str = ""
    rounds: int = 0
    void: bool = False
    limiters_only: bool = False
    denying: frozenset[tuple[str, str]] = frozenset()
    """(scenario, contender) pairs in which a read returned no record although the record exists."""

    def figure(self, scenario: str, contender: str, metric: str) -> Estimate:
        """The figure; a missing estimate if none was given."""
        return self.figures.get((scenario, contender, metric), missing("did not run"))

    def round_values(self, scenario: str, contender: str, metric: str) -> Mapping[int, float]:
        """The values of the rounds; empty if none were given."""
        return dict(enumerate(self.values.get((scenario, contender, metric), ()), 1))

    def ran(self, scenario: str, contender: str) -> bool:
        """Whether the contender has a figure in the scenario."""
        return any(key[:2] == (scenario, contender) for key in self.figures)

    def returns_no_record(self, scenario: str, contender: ContenderInfo) -> bool:
        """Whether the pair is in `denying`."""
        return (scenario, contender.name) in self.denying
