"""What contenders guarantee, at the gate: by itself, or against a base, where only a change is a failure.

The bound of a rate limiter, and no stale read after a write that was acknowledged. Both are counted facts. A contender
with a race breaks its guarantee in some runs and not in others, so that a break that the base has not seen is a
change only where luck cannot explain it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.compare.compare_runs import rounds_of
from stampede.reports.metrics.metric import find_metric
from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterJudged
from stampede.reports.topics.rate_limiting.limiter_analysis import judged as judge_limiters
from stampede.run_folder.schema import ContenderInfo

Ruling = Literal["pass", "fail", "cannot tell"]
STALE = "stale-after-told"
TOLD_STALE = "NO_STALE_AFTER_WRITE"
"""The promise that a read after an acknowledged write breaks when it is stale."""
LUCK = 0.01
"""A chance. Where luck explains at most that much, a new break of a guarantee is a change."""
LUCK_OF_ROUNDS, LUCK_OF_CALLERS = 0.05, 0.001
"""Or where it explains at most that much by rounds, and that much by callers: three rounds cannot reach LUCK."""


@dataclass(frozen=True, kw_only=True)
class GateFinding:
    """One rule and how it was decided."""

    ruling: Ruling
    rule: str
    what: str
    """The figures, in words."""


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """What one contender guarantees in one scenario, and where it was broken."""

    scenario: str
    contender: ContenderInfo
    name: str
    what: str
    """What was seen, in words."""
    rounds: Sequence[bool]
    """Of each round: whether it was certainly broken there."""
    callers: Sequence[bool] = ()
    """Of each caller in each round, where callers are judged apart."""

    @property
    def broken(self) -> bool:
        return any(self.rounds)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.scenario, self.contender.name, self.name


def of_guarantees(run: Analysis, base: Analysis | None, *, absolute: bool = False) -> Iterator[GateFinding]:
    """Every guarantee of the run. Against a base a break is a failure where it is new.

    It is a failure by itself without a base, where the contender is the user's own file, and where `absolute` asks.
    """
    known = {} if base is None else {g.key: g for g in guarantees(base)}
    for g in guarantees(run):
        rule = f"{g.scenario}, {g.contender.name}: {g.name}"
        if base is None or absolute or g.contender.file is not None:
            yield GateFinding(ruling="fail" if g.broken else "pass", rule=rule, what=g.what)
        else:
            ruling, change = of_change(g, known.get(g.key))
            yield GateFinding(ruling=ruling, rule=rule, what=f"{g.what}{change}")


def of_change(g: Guarantee, base: Guarantee | None) -> tuple[Ruling, str]:
    """How a guarantee of the suite's own contender is judged against the base; why, in words."""
    if not g.broken:
        return "pass", ""
    if base is None:
        return "cannot tell", "; the base did not run it"
    if base.broken:
        return "pass", "; broken in the base, too: no change"
    seen = f"; broken in {sum(g.rounds)} of {len(g.rounds)} rounds, in none of {len(base.rounds)} of the base"
    if new(g, base):
        return "fail", seen
    return "cannot tell", f"{seen}: so few cannot tell a change from a race that was there before"


def new(g: Guarantee, base: Guarantee) -> bool:
    """Whether chance hardly explains that only the run broke it, if both had the same probability of it."""
    by_rounds = luck(sum(g.rounds), len(g.rounds), len(base.rounds))
    by_callers = luck(sum(g.callers), len(g.callers), len(base.callers)) if g.callers and base.callers else 1.0
    return by_rounds <= LUCK or (by_rounds <= LUCK_OF_ROUNDS and by_callers <= LUCK_OF_CALLERS)


def luck(broken: int, of: int, base: int) -> float:
    """The chance that all that is broken lies on the run's side and none on the base's: Fisher's exact test."""
    return math.comb(of, broken) / math.comb(of + base, broken)


def guarantees(analysis: Analysis) -> Iterator[Guarantee]:
    """What the contenders of a run guarantee, as far as it was looked at."""
    metric = find_metric(STALE)
    for scenario in analysis.scenarios:
        for c in analysis.run.info.contenders:
            if c.kind == "baseline" or TOLD_STALE not in c.guarantees:
                continue
            shares = [x for x in rounds_of(analysis, scenario.name, c.name, metric) if not math.isnan(x)]
            if shares:
                yield Guarantee(
                    scenario=scenario.name,
                    contender=c,
                    name="no stale read after a write was told, as it promises",
                    what=f"{formatting.with_unit(max(shares), '%')} of the reads in the worst of {len(shares)} rounds",
                    rounds=[x > 0 for x in shares],
                )
    for limiter in judge_limiters(analysis.limiting) if analysis.limiting is not None else ():
        if limiter.info.kind == "contender":
            yield of_limiter(limiter)


def of_limiter(x: LimiterJudged) -> Guarantee:
    broken = [(r, s.need_certain > x.bound + 1e-6) for r, s in x.subjects]
    rounds = sorted({cell.info.round for cell in x.cells})
    return Guarantee(
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
