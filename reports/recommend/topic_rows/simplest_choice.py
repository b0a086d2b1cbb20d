"""The simplest contender that no other beats by more than the minimum effect. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stampede.reports.recommend.answer_row import HIGH_SHARE, Certainty
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import PAIRED_LEVEL, holm
from stampede.reports.statistics.resampling import same_choice_share

MINIMUM = 0.1
"""The smallest change of a time that counts, as a share."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A contender, and how sure it is that it is the one to use."""

    name: str
    certainty: Certainty | None
    """None: there was only one candidate, so the rounds decide nothing."""
    share: float | None
    """The share of resamples with the same choice. None: one candidate, or too few rounds."""
    tied: tuple[str, ...]
    """Candidates that are neither better nor worse by more than the minimum."""
    minimum: float = MINIMUM


def choose(values: Mapping[str, Mapping[int, float]]) -> Choice:
    """The choice among candidates, simplest first, by a positive value per round; lower is better.

    A candidate is beaten if another is better by more than the minimum, in the paired estimate, and significantly so
    (Holm's correction over all pairs with that candidate).
    """
    names = list(values)
    rounds = sorted(set.intersection(*(set(own) for own in values.values())))
    table = np.log([[values[n][r] for r in rounds] for n in names])
    if len(names) == 1:
        return Choice(name=names[0], certainty=None, share=None, tied=())
    chosen = next((i for i in range(len(names)) if not beaten(table, i)), len(names) - 1)
    near = (n for i, n in enumerate(names) if i != chosen and abs(gap(table, i, chosen)) <= np.log1p(MINIMUM))
    tied = tuple(near) if len(rounds) >= MIN_ROUNDS else ()
    share = same_choice_share(
        len(rounds), lambda drawn: np.array([nearest(table[:, row]) for row in drawn], dtype=np.float64)
    )
    if share is None or share < HIGH_SHARE or nearest(table) != chosen:
        certainty: Certainty = "low"
    else:
        certainty = "tied" if could_be_better(table, chosen) else "high"
    return Choice(name=names[chosen], certainty=certainty, share=share, tied=tied)


LogTable = npt.NDArray[np.float64]
"""Logarithms of the values: a row for each candidate, a column for each round."""


def gap(table: LogTable, i: int, j: int) -> float:
    """The median of the paired log ratios of candidate i to candidate j; 0 without rounds."""
    return float(np.median(table[i] - table[j])) if table.shape[1] else 0.0


def nearest(table: LogTable) -> int:
    """The choice by the estimates alone: the first candidate that no other beats by more than the minimum."""
    limit, count = -np.log1p(MINIMUM), len(table)
    fit = (i for i in range(count) if all(gap(table, j, i) >= limit for j in range(count)))
    return next(fit, count - 1)


def beaten(table: LogTable, i: int) -> bool:
    """Whether another candidate is better than i by more than the minimum, significantly."""
    others = [j for j in range(len(table)) if j != i]
    found = [compare(list(np.exp(table[j])), list(np.exp(table[i]))) for j in others]
    adjusted = holm([c.p for c in found])
    return any(
        c.ratio is not None and c.ratio.estimate < 1 / (1 + MINIMUM) and p <= 1 - PAIRED_LEVEL + 1e-12
        for c, p in zip(found, adjusted, strict=True)
    )


def could_be_better(table: LogTable, i: int) -> bool:
    """Whether the interval of some other candidate leaves open that it is better by more than the minimum."""
    if table.shape[1] < MIN_ROUNDS:
        return True
    ratios = [compare(list(np.exp(table[j])), list(np.exp(table[i]))).ratio for j in range(len(table)) if j != i]
    return any(ratio is None or ratio.low < 1 / (1 + MINIMUM) for ratio in ratios)
