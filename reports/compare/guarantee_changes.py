"""Guarantees at the gate: whether a run breaks one, and whether that is new compared with a base.

Two guarantees are checked: the bound of a rate limiter, and no stale read after a write was acknowledged. Both are
counted facts. A contender with a race breaks its guarantee in some runs and not in others. A break that the base does
not have is therefore a change only if chance does not explain it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.compare.compare_runs import rounds_of
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, limiter_results
from stampede.run_folder.schema import ContenderInfo

Ruling = Literal["pass", "fail", "cannot tell"]
STALE = "stale-after-told"
NO_STALE = "NO_STALE_AFTER_WRITE"
"""The guarantee that a stale read after an acknowledged write breaks."""
CHANCE = 0.01
"""A new break of a guarantee is a change if its probability by chance is at most this."""
CHANCE_OF_ROUNDS, CHANCE_OF_CALLERS = 0.05, 0.001
"""It is also a change if both probabilities are at most these: three rounds alone cannot reach CHANCE."""


@dataclass(frozen=True, kw_only=True)
class GateFinding:
    """One rule and its result."""

    ruling: Ruling
    rule: str
    what: str
    """The figures behind the result."""


@dataclass(frozen=True, kw_only=True)
class MeasuredGuarantee:
    """One guarantee of one contender in one scenario, and where the run broke it."""

    scenario: str
    contender: ContenderInfo
    name: str
    what: str
    """The measured figures, as text."""
    rounds: Sequence[bool]
    """For each round: whether it certainly broke the guarantee."""
    callers: Sequence[bool] = ()
    """For each caller in each round: likewise; empty if callers are not judged separately."""

    @property
    def broken(self) -> bool:
        """Whether any round broke the guarantee."""
        return any(self.rounds)

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the same guarantee in another run."""
        return self.scenario, self.contender.name, self.name


def of_guarantees(run: Analysis, base: Analysis | None, *, absolute: bool = False) -> Iterator[GateFinding]:
    """The finding for every guarantee of the run. With a base, a break fails the gate if it is new.

    Any break fails the gate without a base, for a contender from the user's own file, and if `absolute` is true.
    """
    known = {} if base is None else {g.key: g for g in guarantees(base)}
    for g in guarantees(run):
        rule = f"{g.scenario}, {g.contender.name}: {g.name}"
        if base is None or absolute or g.contender.file is not None:
            yield GateFinding(ruling="fail" if g.broken else "pass", rule=rule, what=g.what)
        else:
            ruling, change = of_change(g, known.get(g.key))
            yield GateFinding(ruling=ruling, rule=rule, what=f"{g.what}{change}")


def of_change(g: MeasuredGuarantee, base: MeasuredGuarantee | None) -> tuple[Ruling, str]:
    """The ruling on a guarantee of one of the suite's contenders against the base, and the reason."""
    if not g.broken:
        return "pass", ""
    if base is None:
        return "cannot tell", "; the base did not run it"
    if base.broken:
        return "pass", "; also broken in the base: no change"
    seen = f"; broken in {sum(g.rounds)} of {len(g.rounds)} rounds, in none of {len(base.rounds)} of the base"
    if new(g, base):
        return "fail", seen
    return "cannot tell", f"{seen}: too few to distinguish a change from a race that existed before"


def new(g: MeasuredGuarantee, base: MeasuredGuarantee) -> bool:
    """Whether chance does not explain that only the run broke the guarantee, if both had the same probability of it."""
    by_rounds = chance(sum(g.rounds), len(g.rounds), len(base.rounds))
    by_callers = chance(sum(g.callers), len(g.callers), len(base.callers)) if g.callers and base.callers else 1.0
    return by_rounds <= CHANCE or (by_rounds <= CHANCE_OF_ROUNDS and by_callers <= CHANCE_OF_CALLERS)


def chance(broken: int, of: int, base: int) -> float:
    """The probability that all broken items are the run's and none the base's: Fisher's exact test, one-sided."""
    return math.comb(of, broken) / math.comb(of + base, broken)


def guarantees(analysis: Analysis) -> Iterator[MeasuredGuarantee]:
    """The guarantees of a run's contenders that the run measured."""
    metric = find_metric(STALE)
    for scenario in analysis.scenarios:
        for c in analysis.run.info.contenders:
            if c.kind == "baseline" or NO_STALE not in c.guarantees:
                continue
            shares = [x for x in rounds_of(analysis, scenario.name, c.name, metric) if not math.isnan(x)]
            if shares:
                yield MeasuredGuarantee(
                    scenario=scenario.name,
                    contender=c,
                    name="no stale read after a write was acknowledged, as it guarantees",
                    what=f"{formatting.with_unit(max(shares), '%')} of the reads in the worst of {len(shares)} rounds",
                    rounds=[x > 0 for x in shares],
                )
    for limiter in limiter_results(analysis.limiting) if analysis.limiting is not None else ():
        if limiter.info.kind == "contender":
            yield of_limiter(limiter)


def of_limiter(x: LimiterResult) -> MeasuredGuarantee:
    """The guarantee of a rate limiter: its own contract."""
    broken = [(r, s.need_certain > x.bound + 1e-6) for r, s in x.subjects]
    rounds = sorted({cell.info.round for cell in x.cells})
    return MeasuredGuarantee(
        scenario=x.scenario.name,
        contender=x.info,
        name="its own contract",
        what=(
            f"worst window {x.most_certain} admitted of a limit of {x.limit}; its contract bounds "
            f"{formatting.number(x.need_certain)} by {formatting.number(x.bound)}: "
            f"{'broken' if x.kept == 'broken' else 'not broken'}"
        ),
        rounds=[any(b for r, b in broken if r == number) for number in rounds],
        callers=[b for _, b in broken],
    )
