"""Claim C11: caching cuts response times from hundreds of milliseconds to single digits.

Two parts, both measured: the median read without a cache takes hundreds of milliseconds (100 or more), and the median
hit takes single digits (below 10). The result depends on the cost of a query. If no read without a cache takes that
long in any scenario, the run cannot tell. The median read is a hit from a hit rate of one half on: the figure names the
TTL at which cache-aside has that rate by theory; theory decides no verdict.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, below, briefly, opposite, with_interval
from stampede.reports.claims.lookup import REFERENCE, UNCACHED, hit_wait, ran, simulated_rtt
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.theory.hit_model import plain_model
from stampede.run_folder.schema import ScenarioInfo

FROM_MS = 100.0
TO_MS = 10.0
HALF = 0.5
"""From this hit rate on, the median read is a hit."""


@dataclass(frozen=True, kw_only=True)
class ResponsePair:
    """Response times in one scenario: without a cache, and of hits."""

    place: str
    without_ms: Estimate
    hit_ms: Estimate
    href: str = ""
    by_theory: str = ""
    """From which TTL the median read is a hit; empty if the model does not apply."""


def cases_of(pairs: Sequence[ResponsePair]) -> list[Case]:
    """One case per scenario."""
    any_slow = any(opposite(below(x.without_ms, FROM_MS))[0] == "yes" for x in pairs)
    found = []
    for x in pairs:
        begins, ends = opposite(below(x.without_ms, FROM_MS)), below(x.hit_ms, TO_MS)
        parts = [
            f"{UNCACHED} p50 {with_interval(x.without_ms, 'ms')}",
            f"a hit of {REFERENCE} {with_interval(x.hit_ms, 'ms')}",
            *([x.by_theory] if x.by_theory else []),
        ]
        figure = "; ".join(parts)
        answer, why = next((half for half in (begins, ends) if half[0] == "no"), ("yes", ""))
        if answer == "yes":
            answer, why = next((half for half in (begins, ends) if half[0] == "unclear"), ("yes", ""))
        if begins[0] == "no" and ends[0] == "yes" and not any_slow:
            answer, why = "unclear", "no read without a cache took hundreds of milliseconds in this run"
        brief = f"{briefly(x.without_ms, 'ms')} without a cache, {briefly(x.hit_ms, 'ms')} for a hit"
        if why:
            brief = f"no-cache p50 is {briefly(x.without_ms, 'ms')}" if begins[0] != "yes" else why
        found.append(Case(condition=x.place, answer=answer, why=why, figure=figure, href=x.href, brief=brief))
    return found


def place(s: ScenarioInfo) -> str:
    """The condition: query time and TTL."""
    ttl = formatting.duration(s.workload["ttl_s"])
    return f"a query takes {s.measured.get('load_ms', 0):.0f} ms, TTL {ttl} ({s.name}, {simulated_rtt(s)})"


def hits_from(analysis: Analysis, scenario: ScenarioInfo) -> str:
    """The TTL from which the median read is a hit by theory; empty if the model does not apply."""
    model = plain_model(analysis, scenario)
    if model is None:
        return ""
    ttl_s = model.ttl_for(HALF)
    if math.isinf(ttl_s):
        return "by theory the median read is a hit at no TTL at this rate, because writes delete entries"
    return f"by theory the median read is a hit from a TTL of {formatting.duration(ttl_s)} at this rate"


def cases(analysis: Analysis) -> list[Case]:
    return cases_of(
        [
            ResponsePair(
                place=place(s),
                without_ms=analysis.figure(s.name, UNCACHED, "read-p50"),
                hit_ms=hit_wait(analysis.of(s.name, REFERENCE)),
                href=s.name,
                by_theory=hits_from(analysis, s),
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
