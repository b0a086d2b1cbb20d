"""C6. Only one: at most one expiry in twenty sees a second load. Counted, an expiry at a time."""

from reports.claims.claim import Case, Claim, counted_below, told
from reports.claims.where import distance, hot_scenarios, ran
from reports.judge import Judgement
from reports.metrics.loads import episodes_of
from reports.statistics import Estimate

MOST = 1.05
COALESCING = "coalescing"


def of_loads(place: str, loads: Estimate, more_than_one: int = 0, expiries: int = 0, href: str = "") -> Case:
    says, why = counted_below(loads, MOST)
    figure = f"{COALESCING}: {told(loads)} loads an expiry; {more_than_one} of {expiries} expiries saw more than one"
    return Case(condition=place, says=says, why=why, figure=figure, href=href)


def cases(judgement: Judgement) -> list[Case]:
    found = []
    for s in hot_scenarios(judgement):
        if ran(judgement, s, COALESCING):
            each = [e.loads for cell in episodes_of(judgement.of(s.name, COALESCING)) for e in cell]
            loads = judgement.figure(s.name, COALESCING, "loads-per-expiry")
            found.append(of_loads(f"{s.name} at {distance(s)}", loads, sum(n > 1 for n in each), len(each), s.name))
    return found


CLAIM = Claim(
    row="C6",
    says="request coalescing lets only one request fetch",
    rule=f"the whole interval of its loads an expiry (or each of three rounds) lies below {MOST:g}",
    cases=cases,
)
