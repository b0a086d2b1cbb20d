"""C11. Two halves, each measured: a read without a cache takes hundreds of milliseconds (100 or more at the median),
and a read that hits takes single digits (below 10 at the median). What separates is what a load costs. A run in which
no read without a cache takes so long cannot tell: nothing had hundreds of milliseconds to lose."""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, below, opposite, told
from stampede.reports.claims.lookup import REFERENCE, UNCACHED, distance, hit_wait, ran
from stampede.reports.statistics.estimate import Estimate

FROM_MS = 100.0
TO_MS = 10.0


@dataclass(frozen=True, kw_only=True)
class ResponsePair:
    place: str
    without_ms: Estimate
    hit_ms: Estimate
    href: str = ""


def judged(pairs: Sequence[ResponsePair]) -> list[Case]:
    dear = any(opposite(below(x.without_ms, FROM_MS))[0] == "yes" for x in pairs)
    found = []
    for x in pairs:
        begins, ends = opposite(below(x.without_ms, FROM_MS)), below(x.hit_ms, TO_MS)
        figure = f"{UNCACHED} p50 {told(x.without_ms, 'ms')}; a hit of {REFERENCE} {told(x.hit_ms, 'ms')}"
        says, why = next((half for half in (begins, ends) if half[0] == "no"), ("yes", ""))
        if says == "yes":
            says, why = next((half for half in (begins, ends) if half[0] == "unclear"), ("yes", ""))
        if begins[0] == "no" and ends[0] == "yes" and not dear:
            says, why = "unclear", "no read without a cache took hundreds of milliseconds in this run"
        found.append(Case(condition=x.place, says=says, why=why, figure=figure, href=x.href))
    return found


def cases(analysis: Analysis) -> list[Case]:
    return judged(
        [
            ResponsePair(
                place=f"a load takes {s.measured.get('load_ms', 0):.0f} ms ({s.name}, {distance(s)})",
                without_ms=analysis.figure(s.name, UNCACHED, "read-p50"),
                hit_ms=hit_wait(analysis.of(s.name, REFERENCE)),
                href=s.name,
            )
            for s in analysis.scenarios
            if ran(analysis, s, REFERENCE, UNCACHED)
        ]
    )


CLAIM = Claim(
    row="C11",
    says="caching cuts response times from hundreds of milliseconds to single digits",
    rule=f"no-cache's median lies above {FROM_MS:g} ms and a hit's below {TO_MS:g} ms, whole intervals",
    cases=cases,
)
