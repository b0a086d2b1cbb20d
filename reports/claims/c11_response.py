"""Claim C11: caching cuts response times from hundreds of milliseconds to single digits.

Two parts, both measured: the median read without a cache takes hundreds of milliseconds (100 or more), and the median
hit takes single digits (below 10). The result depends on the cost of a load. If no read without a cache takes that long
in any scenario, the run cannot tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, below, opposite, with_interval
from stampede.reports.claims.lookup import REFERENCE, UNCACHED, hit_wait, ran, simulated_rtt
from stampede.reports.statistics.estimate import Estimate

FROM_MS = 100.0
TO_MS = 10.0


@dataclass(frozen=True, kw_only=True)
class ResponsePair:
    """Response times in one scenario: without a cache, and of hits."""

    place: str
    without_ms: Estimate
    hit_ms: Estimate
    href: str = ""


def cases_of(pairs: Sequence[ResponsePair]) -> list[Case]:
    """One case per scenario."""
    any_slow = any(opposite(below(x.without_ms, FROM_MS))[0] == "yes" for x in pairs)
    found = []
    for x in pairs:
        begins, ends = opposite(below(x.without_ms, FROM_MS)), below(x.hit_ms, TO_MS)
        figure = (
            f"{UNCACHED} p50 {with_interval(x.without_ms, 'ms')}; a hit of {REFERENCE} {with_interval(x.hit_ms, 'ms')}"
        )
        answer, why = next((half for half in (begins, ends) if half[0] == "no"), ("yes", ""))
        if answer == "yes":
            answer, why = next((half for half in (begins, ends) if half[0] == "unclear"), ("yes", ""))
        if begins[0] == "no" and ends[0] == "yes" and not any_slow:
            answer, why = "unclear", "no read without a cache took hundreds of milliseconds in this run"
        found.append(Case(condition=x.place, answer=answer, why=why, figure=figure, href=x.href))
    return found


def cases(analysis: Analysis) -> list[Case]:
    return cases_of(
        [
            ResponsePair(
                place=f"a load takes {s.measured.get('load_ms', 0):.0f} ms ({s.name}, {simulated_rtt(s)})",
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
    statement="caching cuts response times from hundreds of milliseconds to single digits",
    short="response times drop to single digits",
    rule=f"the median of no-cache is above {FROM_MS:g} ms and that of a hit below {TO_MS:g} ms, with whole intervals",
    cases=cases,
)
