"""Selection by one metric: which contender it selects, how certain that is, and which change would select another.

distinguishable   both figures have intervals, these have no value in common, and the larger lies more than the noise
                  floor above the smaller. Two 95 % intervals that do not touch differ at about the 0.6 % level, so that
                  eight such comparisons together err in at most 5 % of runs
tied              contenders that are not distinguishable from the lowest
second metric     if the use case has one: among ties, keep those that it cannot distinguish from its lowest value among
                  them, by its own noise floor; drop the rest from all further comparisons
taken             among ties, the lowest read p99, then the lowest p50, then the first in the order of the run
cannot tell       others are tied: the selected contender is a suggestion, not a finding
as seen           the figures have no intervals (fewer than six rounds): no verdict, whichever leads
switch ratio      the next contender's figure over that of the selected one: above it the next would be taken
overlap ratio     the growth of the selected contender's figure at which the intervals touch: above it this run could
                  not distinguish the two
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.aa_pair import aa_pair_of, level_noise_floor
from stampede.reports.analysis.figure_set import FigureSet
from stampede.reports.metrics.metric import Metric, find_metric, metrics
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, overlap
from stampede.run_folder.schema import ContenderInfo

SECOND_FLOOR = 1.0
"""The second metric breaks a tie from a ratio of two on, after adding the metric's resolution to both values: a
difference of 0.7 ms in the median must not drop the contender with the lowest p99."""
COST_METRICS = ("read-p50", "write-p50", "database-ms-per-1000-reads", "commands-per-request", "stale-after-told")
"""The metrics searched for the main cost, in addition to the read p99 (the longest read, if that is not estimated)."""
LEAST_COST_RATIO = 1.25
"""The least ratio to the best at which a cost is named, the metric's resolution added to both sides."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An eligible contender with its value of the deciding metric. Lower is better."""

    name: str
    figure: Estimate
    second: Estimate | None = None
    """Its value of the second metric; None: unknown, or the use case has none."""
    waits_ms: tuple[float, float] = (math.inf, math.inf)
    """Read p99 and p50; infinite if they are unknown or ignored."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The contender that the rule selects, and all others by how they compare with the lowest."""

    taken: Candidate | None = None
    """None: no candidate has the figure."""
    tied: tuple[Candidate, ...] = ()
    """Others that are not distinguishable from the lowest, sorted by figure."""
    lost_tie_break: tuple[Candidate, ...] = ()
    """Not distinguishable from the lowest by the figure, but worse by the second; sorted by the second."""
    worse: tuple[Candidate, ...] = ()
    """Distinguishable from the lowest, sorted by figure."""

    @property
    def next(self) -> Candidate | None:
        """The next best: the first tied contender, else the first that lost the tie break, else the first worse one."""
        return next(iter((*self.tied, *self.lost_tie_break, *self.worse)), None)

    @property
    def by_second(self) -> bool:
        """Whether the second metric distinguishes the selected contender from the next."""
        return not self.tied and bool(self.lost_tie_break)

    @property
    def deciding_pair(self) -> tuple[Estimate, Estimate] | None:
        """The figures that distinguish the selected contender from the next: its own, and that of the next."""
        if self.taken is None or self.next is None:
            return None
        if self.by_second and self.taken.second is not None and self.next.second is not None:
            return self.taken.second, self.next.second
        return self.taken.figure, self.next.figure

    @property
    def seen_only(self) -> bool:
        """Whether a figure has no interval, so that there is no verdict."""
        compared = () if self.taken is None else (self.taken, *self.tied, *self.lost_tie_break, *self.worse[:1])
        return any(f.level is None or f.rounds < MIN_ROUNDS for c in compared for f in (c.figure, c.second or c.figure))

    @property
    def sure(self) -> bool:
        """Whether the selected contender is distinguishable from all others."""
        return self.taken is not None and not self.tied and not self.seen_only

    @property
    def switch_ratio(self) -> float | None:
        """The next contender's figure over that of the selected one. None: not a finite number."""
        if self.deciding_pair is None:
            return None
        mine, its = self.deciding_pair
        return ratio(its.value, mine.value)

    @property
    def overlap_ratio(self) -> float | None:
        """The factor of growth at which the two intervals touch. None: not sure now, or not a finite number."""
        if not self.sure or self.deciding_pair is None:
            return None
        mine, its = self.deciding_pair
        return ratio(its.low, mine.high)


def choose(
    candidates: Sequence[Candidate],
    noise_floor: float,
    second_floor: float = math.inf,
    second_resolution: float = 0.0,
) -> Choice:
    """Apply the rule to candidates in the order of the run. An infinite noise floor ties every candidate.

    If the candidate with the lowest figure loses the tie break, the others are compared with the next lowest.
    """
    known = [c for c in candidates if not c.figure.missing]
    if not known:
        return Choice()
    pool, lost = sorted(known, key=lambda c: c.figure.value), list[Candidate]()
    while True:
        near = [c for c in pool if tie(c.figure, pool[0].figure, noise_floor)]
        seconds = [c.second for c in near if c.second is not None]
        least = min(seconds, key=lambda figure: figure.value, default=None)
        dropped = [c for c in near if c.second and least and not tie(c.second, least, second_floor, second_resolution)]
        if not dropped:
            break
        lost += dropped
        pool = [c for c in pool if c not in dropped]
    taken = min(near, key=lambda c: (*c.waits_ms, known.index(c)))
    return Choice(
        taken=taken,
        tied=tuple(c for c in near if c is not taken),
        lost_tie_break=tuple(sorted(lost, key=lambda c: c.second.value if c.second else 0.0)),
        worse=tuple(c for c in pool if c not in near),
    )


def tie(figure: Estimate, best: Estimate, noise_floor: float, resolution: float = 0.0) -> bool:
    """Whether a figure is not distinguishable from the lowest. Without intervals: whether it lies within the floor."""
    within = figure.value + resolution <= (best.value + resolution) * (1 + noise_floor)
    return math.isinf(noise_floor) or overlap(figure, best) or within


def ratio(a: float, b: float) -> float | None:
    """a over b; None if it is not finite, or b is not positive."""
    return a / b if b > 0 and math.isfinite(a) and math.isfinite(b) else None


def select(
    figures: FigureSet,
    scenario: str,
    metric: Metric,
    contenders: Sequence[ContenderInfo],
    *,
    second: str = "",
    estimated_only: bool,
) -> Choice:
    """Apply the rule to contenders in the order of the run: by one metric, and by `second` if it is given.

    `estimated_only`: leave out contenders whose figure was seen and not estimated.
    """
    candidates = []
    for contender in contenders:
        figure = figures.figure(scenario, contender.name, metric.name)
        if figure.missing or (estimated_only and figure.why):
            continue
        other = figures.figure(scenario, contender.name, second) if second else None
        candidates.append(
            Candidate(
                name=contender.name,
                figure=figure,
                second=None if other is None or other.missing or other.why else other,
                waits_ms=waits_ms(figures, scenario, contender),
            )
        )
    floor = level_noise_floor(figures, scenario, metric.name)
    if not second:
        return choose(candidates, floor)
    second_floor = max(SECOND_FLOOR, level_noise_floor(figures, scenario, second))
    return choose(candidates, floor, second_floor, find_metric(second).resolution)


def waits_ms(figures: FigureSet, scenario: str, contender: ContenderInfo) -> tuple[float, float]:
    """Read p99 and p50 in milliseconds; infinite if they are unknown or ignored."""

    def wait_ms(name: str) -> float:
        value = figures.figure(scenario, contender.name, name).value
        return math.inf if math.isnan(value) or aa_pair_of(figures, scenario, name).ignored else value

    return wait_ms("read-p99"), wait_ms("read-p50")


def main_cost(
    figures: FigureSet, scenario: str, winner: ContenderInfo, others: Sequence[ContenderInfo]
) -> tuple[str, str]:
    """The metric in which the winner is worst compared with the others, and the users that it hurts.

    Both are empty if no cost reaches LEAST_COST_RATIO.
    """
    worst, cost, hurts = LEAST_COST_RATIO, "", ""
    p99 = figures.figure(scenario, winner.name, "read-p99")
    tail = "read-max" if p99.missing or p99.why else "read-p99"
    for metric in metrics():
        if metric.name not in (*COST_METRICS, tail):
            continue
        found = cost_by(figures, scenario, metric, winner, others)
        if found is not None and found[0] > worst:
            worst, cost = found
            hurts = metric.wrong_for
    return cost, hurts


def cost_by(
    figures: FigureSet, scenario: str, metric: Metric, winner: ContenderInfo, others: Sequence[ContenderInfo]
) -> tuple[float, str] | None:
    """The ratio of the winner's figure to the best of the others, and the text of that cost.

    None if the figures are not known or not distinguishable.
    """
    copies = aa_pair_of(figures, scenario, metric.name)
    mine = figures.figure(scenario, winner.name, metric.name)
    theirs = dict(copies.worst(c.name, figures.figure(scenario, c.name, metric.name)) for c in others)
    theirs = {name: figure for name, figure in theirs.items() if not figure.missing and not figure.why}
    if mine.missing or mine.why or not theirs or copies.ignored:
        return None
    name = min(theirs, key=lambda n: theirs[n].value)
    best = theirs[name]
    times = (copies.lowest(winner.name, mine) + metric.resolution) / (best.value + metric.resolution)
    if times <= copies.gap or overlap(mine, best):
        return None
    text = (
        f"{formatting.label(metric)} {formatting.with_unit(mine.value, metric.unit)}, against "
        f"{formatting.with_unit(best.value, metric.unit)} with {name}"
    )
    return times, f"{text}, as seen" if mine.level is None or best.level is None else text
