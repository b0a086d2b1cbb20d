"""The row about an outage of Redis: which contender serves users while Redis is down or hangs.

A contender survives if it served SERVED_SHARE of the requests due in every outage, in every round. Of those that do,
the simplest is taken.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import AnswerRow, Effect, Price, left_to
from stampede.reports.recommend.answer_sources import OutagesByContender, Sources
from stampede.reports.recommend.rule.simplicity import by_simplicity
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.topics.faults.outage_effects import OutageEffects, percent_served, served_range, share_served

SERVED_SHARE = 0.99
"""A contender survives an outage of Redis if it serves this share of the due requests in every outage and round."""


def outage_row(sources: Sources) -> AnswerRow | None:
    """The row; without an outage in the run, the command that measures it. None: the run has rate limiters only."""
    through = sources.outages
    empty = AnswerRow(name="outage", question="Redis fails or hangs", section="outages")
    if not through:
        if not sources.analysis.cells:
            return None
        return left_to("standard", empty)
    scenarios = list(dict.fromkeys(name_of(one) for some in through.values() for one in some))
    empty = replace(empty, scenario=scenarios[0], basis=rounds_text(through))
    alive = by_simplicity([some[0].contender for some in through.values() if survives(some, scenarios)])
    names = tuple(c.name for c in alive)
    others = "; ".join(f"{name}: {served_text(some)}" for name, some in through.items() if name not in names)
    if not alive:
        why = f"no contender served {100 * SERVED_SHARE:g} % of the requests in every round ({others})"
        return replace(empty, why=why)
    mine = through[names[0]]
    most = max(mine, key=lambda one: one.loads_per_s("outage"))
    during, before = (formatting.number(most.loads_per_s(phase)) for phase in ("outage", "before"))
    text = f"{served_text(mine)} of the requests served" + (f" ({others})" if others else "")
    return replace(
        empty,
        use=names[0],
        pick=names[0],
        effect=Effect(text=text, against="", change=math.nan, low=math.nan, high=math.nan, better="higher"),
        prices=(Price(text=f"{during} queries/s in {name_of(most)} instead of {before} before it", kind="measured"),),
        mechanism=alive[0].mechanism,
        certainty="high" if least_rounds(through) >= MIN_ROUNDS else "low",
        tied=names[1:],
    )


def survives(some: Sequence[OutageEffects], scenarios: Sequence[str]) -> bool:
    """Whether the contender ran in every outage and served enough requests in every round of each."""
    least = min(share for one in some for share in (one.served() or [share_served(one)]))
    return {name_of(one) for one in some} == set(scenarios) and least >= SERVED_SHARE


def name_of(outage: OutageEffects) -> str:
    """The scenario of an outage."""
    return outage.cells[0].scenario.name


def served_text(some: Sequence[OutageEffects]) -> str:
    """The served share of each outage with the range of its rounds: "18.8 % (17.9–19.4) in redis-killed"."""
    return formatting.listed(
        [
            " ".join(filter(None, (percent_served(share_served(one)), served_range(one), f"in {name_of(one)}")))
            for one in some
        ]
    )


def least_rounds(through: OutagesByContender) -> int:
    """The fewest rounds of any outage."""
    return min(len(one.served()) for some in through.values() for one in some)


def rounds_text(through: OutagesByContender) -> str:
    """On what the row is based: "3 rounds"."""
    rounds = least_rounds(through)
    return f"{rounds} round{'' if rounds == 1 else 's'}"
