"""The figures of a run, and the verdict of each comparison with the reference."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from stampede.reports.analysis.frames import Cell, per_group
from stampede.reports.analysis.time_scale import scale_preserved
from stampede.reports.metrics.metric import Metric, metrics
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, missing
from stampede.reports.statistics.rank_tests import holm
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE, Sentence, noise_floor, sentence
from stampede.run_folder.read import Run
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A contender compared with the reference by one metric. An A/A copy is compared with its original."""

    scenario: str
    contender: str
    against: str
    metric: Metric
    comparison: Comparison
    m: float
    """Noise floor, as a share."""
    adjusted_p: float
    sentence: Sentence


@per_group
def figures_of(cells: Sequence[Cell]) -> dict[str, Estimate]:
    """The figure of every metric for one contender in one scenario."""
    return {metric.name: metric.estimate(cells) for metric in metrics()}


@per_group
def values_of(cells: Sequence[Cell]) -> dict[str, list[float]]:
    """The figure of each round, for the metrics that are compared round by round."""
    return {metric.name: [metric.of_cell(cell) for cell in cells] for metric in metrics() if metric.paired}


@dataclass(frozen=True)
class Results:
    """Figures and comparisons, computed from the cells of a run."""

    run: Run
    cells: Sequence[Cell]
    """Cells of caching scenarios."""
    separate: "Results | None" = None
    """Results of the fault scenarios of the run (outages, cold starts, queues), which are reported separately."""
    limiting: "Results | None" = None
    """Cells of the rate limiters of the run. stampede.reports.topics.rate_limiting analyses them."""

    @cached_property
    def groups(self) -> dict[tuple[str, str], list[Cell]]:
        """The measured cells of each (scenario, contender), by round."""
        found: dict[tuple[str, str], list[Cell]] = {}
        for cell in sorted(self.cells, key=lambda c: (c.info.round, c.info.id)):
            found.setdefault((cell.info.scenario, cell.info.contender), []).append(cell)
        return found

    def of(self, scenario: str, contender: str) -> list[Cell]:
        """The measured cells of a contender in a scenario, by round."""
        return self.groups.get((scenario, contender), [])

    @property
    def scenarios(self) -> list[ScenarioInfo]:
        """The scenarios with a measured cell."""
        seen = {scenario for scenario, _ in self.groups}
        return [s for s in self.run.info.scenarios if s.name in seen]

    @cached_property
    def figures(self) -> dict[tuple[str, str, str], Estimate]:
        """The figure over the rounds, by (scenario, contender, metric)."""
        found = {}
        for s, c in itertools.product(self.scenarios, self.run.info.contenders):
            for name, estimate in figures_of(self.of(s.name, c.name)).items():
                found[s.name, c.name, name] = estimate
        return found

    def figure(self, scenario: str, contender: str, metric: str) -> Estimate:
        """The figure; a missing estimate if the contender did not run in the scenario."""
        return self.figures.get((scenario, contender, metric), missing("did not run"))

    def ran(self, scenario: str, contender: str) -> bool:
        """Whether the contender finished a cell of the scenario."""
        return bool(self.of(scenario, contender))

    @property
    def contenders(self) -> list[ContenderInfo]:
        """All contenders, in the order of the run."""
        return self.run.info.contenders

    @property
    def reference(self) -> str:
        """Name of the reference contender."""
        return self.run.info.reference

    @property
    def rounds(self) -> int:
        """The smallest number of rounds that any (scenario, contender) finished; 0 without cells.

        Baselines do not count, because the no-op does not run in every round.
        """
        return min((len(cells) for cells in self.groups.values() if cells[0].contender.kind != "baseline"), default=0)

    def round_values(self, scenario: str, contender: str, metric: str) -> dict[int, float]:
        """The value of each round, by round, of a metric that is compared or priced."""
        cells = self.of(scenario, contender)
        return {cell.info.round: value for cell, value in zip(cells, values_of(cells)[metric], strict=True)}

    def paired(self, scenario: str, contender: str, against: str, metric: Metric) -> Comparison:
        """Two contenders compared by one metric, paired by round."""
        mine, other = (self.round_values(scenario, name, metric.name) for name in (contender, against))
        both = sorted(mine.keys() & other.keys())
        return compare([mine[r] for r in both], [other[r] for r in both])

    @cached_property
    def aa_pairs(self) -> dict[tuple[str, str], Verdict]:
        """The verdict on the A/A pair, by (scenario, metric). Holm's correction covers the A/A pairs of one scenario.

        Over two scenarios and eight rounds, even the smallest possible p would not be significant.
        """
        rows = []
        for s, c, m in itertools.product(self.scenarios, self.run.info.contenders, metrics()):
            if c.kind == "aa-copy" and c.copy_of is not None and m.compared:
                rows.append((s.name, c, m, self.paired(s.name, c.name, c.copy_of, m)))
        tested = [row for row in rows if row[3].rounds >= MIN_ROUNDS]
        adjusted: dict[int, float] = {}
        for _, table in itertools.groupby(tested, key=lambda row: row[0]):
            comparisons = [row[3] for row in table]
            adjusted |= zip(map(id, comparisons), holm([c.p for c in comparisons]), strict=True)
        found = {}
        for scenario, aa_copy, metric, comparison in rows:
            p = adjusted.get(id(comparison), 1.0)
            found[scenario, metric.name] = Verdict(
                scenario=scenario,
                contender=aa_copy.name,
                against=str(aa_copy.copy_of),
                metric=metric,
                comparison=comparison,
                m=noise_floor(comparison),
                adjusted_p=p,
                sentence=sentence(comparison, LEAST_DIFFERENCE, p, metric.better or "lower"),
            )
        return found

    @cached_property
    def comparable(self) -> dict[str, list[ContenderInfo]]:
        """By scenario: the contenders that are compared with the reference, in the order of the run."""
        contenders = [c for c in self.run.info.contenders if c.kind == "contender"]
        found = {}
        for s in self.scenarios:
            preserved = [c for c in contenders if not scale_preserved(c, s)]
            has_reference = any(c.name == self.reference for c in preserved)
            found[s.name] = [c for c in preserved if c.name != self.reference] if has_reference else []
        return found

    @cached_property
    def verdicts(self) -> dict[tuple[str, str, str], Verdict]:
        """Each contender compared with the reference, by (scenario, contender, metric).

        Holm's correction covers the rows of one metric in one scenario. Contenders whose times do not keep their scale
        there are not compared.
        """
        found = {}
        for s, m in itertools.product(self.scenarios, [m for m in metrics() if m.compared]):
            rivals = self.comparable[s.name]
            comparisons = [self.paired(s.name, c.name, self.reference, m) for c in rivals]
            tested = [c for c in comparisons if c.rounds >= MIN_ROUNDS]
            adjusted = dict(zip([id(c) for c in tested], holm([c.p for c in tested]), strict=True))
            aa_copy = self.aa_pairs.get((s.name, m.name))
            floor = noise_floor(aa_copy.comparison if aa_copy else None)
            for rival, comparison in zip(rivals, comparisons, strict=True):
                if not self.of(s.name, rival.name):  # it did not run in this scenario
                    continue
                p = adjusted.get(id(comparison), 1.0)
                found[s.name, rival.name, m.name] = Verdict(
                    scenario=s.name,
                    contender=rival.name,
                    against=self.reference,
                    metric=m,
                    comparison=comparison,
                    m=floor,
                    adjusted_p=p,
                    sentence=sentence(comparison, floor, p, m.better or "lower"),
                )
        return found


def each(results: Results) -> Iterator[tuple[str, ContenderInfo, list[Cell]]]:
    """Each scenario and contender with measured cells, and those cells."""
    for scenario, contender in itertools.product(results.scenarios, results.run.info.contenders):
        cells = results.of(scenario.name, contender.name)
        if cells:
            yield scenario.name, contender, cells
