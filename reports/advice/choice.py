"""Who is taken by one figure, how certain that is, and what would have to change for another answer. Pure.

told apart    two figures are told apart where both have intervals, these have no value in common, and the larger
              lies more than the noise floor above the smaller. Two 95 % intervals that do not touch differ at
              about the 0.6 % level, so that eight such comparisons together err in at most 5 % of runs
tied          whoever is not told apart from the lowest
second        a second figure, where the situation has one: of the tied, only those stay that it does not tell apart
              from its lowest among them, by its own floor; whoever it puts behind is held to nobody any more
taken         of the tied, the lowest read p99, then the lowest p50, then the first in the order of the run
cannot tell   somebody else is tied: the one taken is a suggestion, not a finding
as seen       no interval stands behind the figures (fewer than six rounds): no verdict, whoever leads
turns         the figure at which the next would be taken: its own; cannot tell from where the intervals touch
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.statistics.estimate import MIN_ROUNDS, Estimate, overlap


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A contender that meets the needs, and the figure by which it is chosen: the lower, the better."""

    name: str
    figure: Estimate
    second: Estimate | None = None
    """What it is held to among those tied by the figure; None: nothing."""
    waits_ms: tuple[float, float] = (math.inf, math.inf)
    """Read p99 and p50; infinite where they are not known, or tell nobody apart."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the rule says."""

    taken: Candidate | None = None
    """None: nobody has the figure."""
    tied: tuple[Candidate, ...] = ()
    """Others that are not told apart from the lowest, by figure."""
    outdone: tuple[Candidate, ...] = ()
    """Not told apart from the lowest by the figure, but by the second figure; by that one."""
    beaten: tuple[Candidate, ...] = ()
    """Told apart from the lowest, by figure."""

    @property
    def next(self) -> Candidate | None:
        """The next best: of the tied, else of the outdone, else of the beaten."""
        return next(iter((*self.tied, *self.outdone, *self.beaten)), None)

    @property
    def by_second(self) -> bool:
        """Whether it is the second figure that parts the one taken from the next."""
        return not self.tied and bool(self.outdone)

    @property
    def parted(self) -> tuple[Estimate, Estimate] | None:
        """The figures that part the one taken from the next."""
        if self.taken is None or self.next is None:
            return None
        if self.by_second and self.taken.second is not None and self.next.second is not None:
            return self.taken.second, self.next.second
        return self.taken.figure, self.next.figure

    @property
    def seen_only(self) -> bool:
        """No interval stands behind it: no verdict."""
        looked_at = () if self.taken is None else (self.taken, *self.tied, *self.outdone, *self.beaten[:1])
        return any(
            f.level is None or f.rounds < MIN_ROUNDS for c in looked_at for f in (c.figure, c.second or c.figure)
        )

    @property
    def sure(self) -> bool:
        """One is told apart from all others."""
        return self.taken is not None and not self.tied and not self.seen_only

    @property
    def turns_at(self) -> float | None:
        """How many times its figure the next one's is: from there on the next would be taken. None: no such number."""
        return None if self.parted is None else times(self.parted[1].value, self.parted[0].value)

    @property
    def touches_at(self) -> float | None:
        """How many times its figure (and its interval with it) may grow until it cannot be told from the next."""
        return None if not self.sure or self.parted is None else times(self.parted[1].low, self.parted[0].high)


def choose(
    candidates: Sequence[Candidate],
    noise_floor: float,
    second_floor: float = math.inf,
    second_resolution: float = 0.0,
) -> Choice:
    """The rule, over candidates in the order of the run. A floor of infinity: that figure tells nobody apart. Whoever
    leads by the figure and is outdone by the second leads no more: the others are held to the next."""
    known = [c for c in candidates if not c.figure.missing]
    if not known:
        return Choice()
    pool, outdone = sorted(known, key=lambda c: c.figure.value), list[Candidate]()
    while True:
        near = [c for c in pool if tie(c.figure, pool[0].figure, noise_floor)]
        seconds = [c.second for c in near if c.second is not None]
        least = min(seconds, key=lambda figure: figure.value, default=None)
        behind = [c for c in near if c.second and least and not tie(c.second, least, second_floor, second_resolution)]
        if not behind:
            break
        outdone += behind
        pool = [c for c in pool if c not in behind]
    taken = min(near, key=lambda c: (*c.waits_ms, known.index(c)))
    return Choice(
        taken=taken,
        tied=tuple(c for c in near if c is not taken),
        outdone=tuple(sorted(outdone, key=lambda c: c.second.value if c.second else 0.0)),
        beaten=tuple(c for c in pool if c not in near),
    )


def tie(figure: Estimate, best: Estimate, noise_floor: float, resolution: float = 0.0) -> bool:
    """Whether a figure is not told apart from the lowest. Without intervals: only where it is within the floor."""
    within = figure.value + resolution <= (best.value + resolution) * (1 + noise_floor)
    return math.isinf(noise_floor) or overlap(figure, best) or within


def times(a: float, b: float) -> float | None:
    """a over b; None where that is no number to act on."""
    return a / b if b > 0 and math.isfinite(a) and math.isfinite(b) else None
