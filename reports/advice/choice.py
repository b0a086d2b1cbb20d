"""Who is taken by one figure, how certain that is, and what would have to change for another answer. Pure.

told apart    two figures are told apart where both have intervals, these have no value in common, and the larger
              lies more than the noise floor above the smaller. Two 95 % intervals that do not touch differ at
              about the 0.6 % level, so that eight such comparisons together err in at most 5 % of runs
tied          whoever is not told apart from the lowest
taken         of the tied, the lowest read p99, then the lowest p50, then the first in the order of the run
cannot tell   somebody else is tied: the one taken is a suggestion, not a finding
as seen       no interval stands behind the figures (fewer than six rounds): no verdict, whoever leads
turns         the figure at which the next would be taken: its own; cannot tell from where the intervals touch
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.statistics import MIN_ROUNDS, Estimate


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A contender that meets the needs, and the figure by which it is chosen: the lower, the better."""

    name: str
    figure: Estimate
    waits_ms: tuple[float, float] = (math.inf, math.inf)
    """Read p99 and p50; infinite where they are not known."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the rule says."""

    taken: Candidate | None = None
    """None: nobody has the figure."""
    tied: tuple[Candidate, ...] = ()
    """Others that are not told apart from the lowest, by figure."""
    beaten: tuple[Candidate, ...] = ()
    """Told apart from the lowest, by figure."""

    @property
    def next(self) -> Candidate | None:
        """The next best: of the tied, else of the beaten."""
        return next(iter((*self.tied, *self.beaten)), None)

    @property
    def seen_only(self) -> bool:
        """No interval stands behind it: no verdict."""
        looked_at = () if self.taken is None else (self.taken, *self.tied, *self.beaten[:1])
        return any(c.figure.level is None or c.figure.rounds < MIN_ROUNDS for c in looked_at)

    @property
    def sure(self) -> bool:
        """One is told apart from all others."""
        return self.taken is not None and not self.tied and not self.seen_only

    @property
    def turns_at(self) -> float | None:
        """How many times its figure the next one's is: from there on the next would be taken. None: no such number."""
        return (
            None if self.taken is None or self.next is None else times(self.next.figure.value, self.taken.figure.value)
        )

    @property
    def touches_at(self) -> float | None:
        """How many times its figure (and its interval with it) may grow until it cannot be told from the next."""
        if not self.sure or self.taken is None or self.next is None:
            return None
        return times(self.next.figure.low, self.taken.figure.high)


def choose(candidates: Sequence[Candidate], noise_floor: float) -> Choice:
    """The rule, over candidates in the order of the run."""
    known = [c for c in candidates if not c.figure.missing]
    if not known:
        return Choice()
    ranked = sorted(known, key=lambda c: c.figure.value)
    best = ranked[0].figure
    near = [c for c in ranked if tie(c.figure, best, noise_floor)]
    taken = min(near, key=lambda c: (*c.waits_ms, known.index(c)))
    return Choice(
        taken=taken,
        tied=tuple(c for c in near if c is not taken),
        beaten=tuple(c for c in ranked if c not in near),
    )


def tie(figure: Estimate, best: Estimate, noise_floor: float) -> bool:
    """Whether a figure is not told apart from the lowest. Without intervals: only where it is within the floor."""
    return overlap(figure, best) or figure.value <= best.value * (1 + noise_floor)


def overlap(a: Estimate, b: Estimate) -> bool:
    """Whether two intervals have a value in common; False where either is none."""
    return a.level is not None and b.level is not None and a.low <= b.high and b.low <= a.high


def times(a: float, b: float) -> float | None:
    """a over b; None where that is no number to act on."""
    return a / b if b > 0 and math.isfinite(a) and math.isfinite(b) else None
