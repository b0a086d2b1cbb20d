"""Claim C1: Redis reads and writes take less than a millisecond.

The article says “less than a millisecond” about a Redis operation. The rule therefore uses the service time of the bare
GET and SET: no pattern, no queue, the simulated RTT included. The median and the 99th percentile are two separate
conditions, at each simulated RTT.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, below, with_interval
from stampede.reports.claims.lookup import hot_scenarios, read_took, simulated_rtt, write_took
from stampede.reports.statistics.estimate import Estimate

LIMIT_MS = 1.0
BARE = "bare-get"


@dataclass(frozen=True, kw_only=True)
class TimedRequests:
    """A percentile of the service time of the bare GET or SET."""

    what: str
    """half of the reads, 99 % of the reads, or half of the writes"""
    rtt: str
    took_ms: Estimate
    href: str = ""


def cases_of(each: Sequence[TimedRequests]) -> list[Case]:
    """One case per percentile and simulated RTT."""
    found = []
    for x in each:
        answer, why = below(x.took_ms, LIMIT_MS)
        figure = f"{BARE}, {x.what}: {with_interval(x.took_ms, 'ms')}"
        found.append(Case(condition=f"{x.what} at {x.rtt}", answer=answer, why=why, figure=figure, href=x.href))
    return found


def cases(analysis: Analysis) -> list[Case]:
    found: dict[str, list[TimedRequests]] = {}
    for s in analysis.scenarios:
        cells = analysis.of(s.name, BARE)
        if not cells or s in hot_scenarios(analysis) or simulated_rtt(s) in found:
            continue
        half, most = read_took(cells)
        timed = {"half of the reads": half, "99 % of the reads": most, "half of the writes": write_took(cells)}
        found[simulated_rtt(s)] = [
            TimedRequests(what=what, rtt=simulated_rtt(s), took_ms=took, href=s.name)
            for what, took in timed.items()
            if not took.missing
        ]
    return cases_of([x for some in found.values() for x in some])


CLAIM = Claim(
    row="C1",
    statement="Redis reads and writes take less than a millisecond",
    short="Redis under 1 ms",
    rule=f"the whole interval of the time of a bare GET or SET is below {LIMIT_MS:g} ms: median and p99, at each RTT",
    cases=cases,
)
