"""The pick: the simplest candidate that no other beats by more than the minimum effect. Pure functions of round values.

One statistic serves every comparison: the ratio of two candidates in each round, its Hodges–Lehmann estimate and its
exact signed-rank test (reports/statistics/comparison.py). If a value is zero, the difference replaces the ratio.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from stampede.reports.analysis.rows import Bools, Floats, Ints
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL, holm
from stampede.reports.statistics.verdict import noise_floor

LEAST_EFFECT = 0.10
"""A decrease of 10 % is the smallest that justifies another pattern."""
MOST_MINIMUM = 0.50
"""A metric whose minimum effect is larger cannot decide."""
FEW_ROUNDS_EFFECT = 0.50
"""With fewer than MIN_ROUNDS rounds nothing is significant, and only half of the value or less counts as better."""
SIGNIFICANT = 1 - PAIRED_LEVEL + 1e-12


@dataclass(frozen=True, kw_only=True)
class Minimum:
    """The smallest decrease that counts."""

    share: float
    """As a share of the larger value, 0 to 1."""
    difference: float
    """In the unit of the metric, for pairs with a zero, which have no ratio."""

    def exceeded_by(self, estimate: Floats, *, ratio: bool) -> Bools:
        """Whether estimated shifts (of logarithms, if `ratio`) are decreases of more than the minimum."""
        return np.asarray(estimate < (math.log1p(-self.share) if ratio else -self.difference))


def minimum_effect(copies: Comparison | None, difference: float) -> Minimum:
    """The larger of 10 % and what two A/A copies may differ by: the farther end of their interval.

    `difference`: the smallest difference that counts, in the unit of the metric.
    """
    share = max(LEAST_EFFECT, 1 - 1 / (1 + noise_floor(copies)))
    shift = copies.difference if copies is not None and copies.ratio is None else None
    return Minimum(share=share, difference=difference if shift is None else max(difference, abs(shift.low), shift.high))


def centre(differences: Floats, drawn: Ints | None = None) -> Floats:
    """The Hodges–Lehmann estimate, the median of the means of all pairs of values, for each row of drawn rounds.

    Without `drawn`: of the rounds themselves, as one row.
    """
    rows = np.arange(len(differences))[None] if drawn is None else drawn
    i, j = np.triu_indices(rows.shape[1])
    means = np.add.outer(differences, differences) / 2
    return np.asarray(np.median(means[rows[:, i], rows[:, j]], axis=1))


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The candidates of a question, simplest first, with the values of the rounds that all of them finished."""

    names: tuple[str, ...]
    values: Floats
    """[candidate, round]; lower is better."""
    minimum: Minimum

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return int(self.values.shape[1])

    @property
    def required(self) -> Minimum:
        """The smallest decrease that counts in this many rounds."""
        if self.rounds >= MIN_ROUNDS:
            return self.minimum
        return replace(self.minimum, share=max(self.minimum.share, FEW_ROUNDS_EFFECT))

    def has_ratio(self, i: int, j: int) -> bool:
        """Whether two candidates have a ratio in every round."""
        return bool(np.all(self.values[[i, j]] > 0))

    def shifts(self, i: int, j: int, drawn: Ints) -> Floats:
        """The estimated shift of candidate i against j for each row of drawn rounds."""
        if self.has_ratio(i, j):
            rounds = np.log(self.values[i]) - np.log(self.values[j])
        else:
            rounds = self.values[i] - self.values[j]
        return centre(rounds, drawn)

    def beats(self, drawn: Ints) -> Bools:
        """[row, i, j]: whether candidate i is better than j by more than the minimum, in each row of drawn rounds."""
        k = len(self.names)
        found = np.zeros((len(drawn), k, k), dtype=bool)
        for i in range(k):
            for j in range(i):
                shift, ratio = self.shifts(i, j, drawn), self.has_ratio(i, j)
                found[:, i, j] = self.required.exceeded_by(shift, ratio=ratio)
                found[:, j, i] = self.required.exceeded_by(-shift, ratio=ratio)
        return found

    @cached_property
    def comparisons(self) -> dict[tuple[int, int], Comparison]:
        """Every candidate against every other, paired by round."""
        k = range(len(self.names))
        return {(i, j): compare(list(self.values[i]), list(self.values[j])) for i in k for j in k if i != j}

    @cached_property
    def adjusted(self) -> dict[tuple[int, int], float]:
        """The p-values of the comparisons. Holm's correction covers all comparisons with one candidate."""
        found: dict[tuple[int, int], float] = {}
        for j in range(len(self.names)):
            pairs = [(i, j) for i in range(len(self.names)) if i != j]
            found |= zip(pairs, holm([self.comparisons[pair].p for pair in pairs]), strict=True)
        return found

    def significant(self, i: int, j: int) -> bool:
        """Whether two candidates differ significantly. False with fewer than MIN_ROUNDS rounds."""
        return self.rounds >= MIN_ROUNDS and self.adjusted[i, j] <= SIGNIFICANT

    @cached_property
    def pick(self) -> int:
        """The simplest candidate that no other beats by more than the minimum, significantly.

        With fewer than MIN_ROUNDS rounds nothing is significant: the estimates decide, and the minimum is at least
        FEW_ROUNDS_EFFECT.
        """
        beats = self.beats(np.arange(self.rounds)[None])
        if self.rounds >= MIN_ROUNDS:
            for i, j in self.comparisons:
                beats[0, i, j] &= self.significant(i, j)
        return int(simplest_not_beaten(beats)[0])

    @cached_property
    def tied(self) -> tuple[int, ...]:
        """The candidates that neither beat the pick by more than the minimum nor are beaten so by it."""
        beats = self.beats(np.arange(self.rounds)[None])[0]
        others = [i for i in range(len(self.names)) if i != self.pick]
        return tuple(i for i in others if not beats[self.pick, i] and not (beats[i, self.pick]))

    def noise_decides(self) -> bool:
        """Whether the metric is too noisy to decide.

        Either the minimum is above MOST_MINIMUM, or the simplest candidate is picked only because the A/A copies raise
        the minimum: by the estimates, another one is better by more than LEAST_EFFECT.
        """
        if self.rounds < MIN_ROUNDS or self.minimum.share <= LEAST_EFFECT:
            return False
        if self.minimum.share > MOST_MINIMUM:
            return True
        usual = replace(self, minimum=replace(self.minimum, share=LEAST_EFFECT))
        by_estimates = simplest_not_beaten(usual.beats(np.arange(self.rounds)[None]))[0]
        return bool(self.pick == 0 and by_estimates != 0)

    def may_be_beaten(self) -> bool:
        """Whether an interval leaves open that another candidate is better than the pick by more than the minimum."""
        for i in range(len(self.names)):
            if i == self.pick:
                continue
            found = self.comparisons[i, self.pick]
            test = found.ratio or found.difference
            low = math.nan if test is None else math.log(test.low) if found.ratio else test.low
            if math.isnan(low) or self.minimum.exceeded_by(np.array(low), ratio=found.ratio is not None):
                return True
        return False


def simplest_not_beaten(beats: Bools) -> Ints:
    """For each row of [row, i, j], the first j that no i beats; if all are beaten, the one that beats most."""
    beaten = beats.any(axis=1)
    first, most = np.argmin(beaten, axis=1), np.argmax(beats.sum(axis=2), axis=1)
    return np.asarray(np.where(np.all(beaten, axis=1), most, first))


def common_rounds(by_name: Sequence[dict[int, float]]) -> Floats:
    """The values of the rounds in which every one of them has a finite value."""
    rounds = sorted(set.intersection(*({r for r, v in own.items() if math.isfinite(v)} for own in by_name)))
    return np.array([[own[r] for r in rounds] for own in by_name], dtype=np.float64)
