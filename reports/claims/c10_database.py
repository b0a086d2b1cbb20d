"""Claim C10: caching reduces the database's load by 90 % or more.

Loads per read with a cache divided by loads per read without, in every scenario that ran both. The cache is
cache-aside, or coalescing, which avoids concurrent loads at an expiry. The result depends on how often an entry is read
before it expires or is written; the conditions therefore name reads, keys and TTL.
"""

import itertools

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.c06_one_fetch import COALESCING
from stampede.reports.claims.claim import Case, Claim, counted_below, with_interval
from stampede.reports.claims.lookup import REFERENCE, UNCACHED, ran, simulated_rtt
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ScenarioInfo

LEFT = 0.1


def of_loads(place: str, loads: Estimate, without: Estimate, href: str = "", contender: str = REFERENCE) -> Case:
    """The case of one scenario. `loads`, `without`: per 1,000 reads, with the cache and without."""
    answer, why = counted_below(loads, LEFT * without.value)
    figure = f"{contender}: {with_interval(loads)} loads per 1,000 reads; {UNCACHED} {with_interval(without)}"
    return Case(condition=f"{contender}, {place}", answer=answer, why=why, figure=figure, href=href)


def place(s: ScenarioInfo) -> str:
    """The condition: keys, reads and TTL."""
    w = s.workload
    keys = w.get("active_records") or w.get("records")
    popular = "one key" if keys == 1 else f"{keys:,} keys, Zipf {w['key_skew']:g}"
    reads = f"{100 * w['read_share']:g} % reads at {w['rate_per_s']:g}/s"
    return f"{popular}, {reads}, TTL {w['ttl_s']:g} s ({s.name}, {simulated_rtt(s)})"


def cases(analysis: Analysis) -> list[Case]:
    found = []
    for s, contender in itertools.product(analysis.scenarios, (REFERENCE, COALESCING)):
        if ran(analysis, s, contender, UNCACHED):
            with_, without = (analysis.figure(s.name, c, "loads-per-1000-reads") for c in (contender, UNCACHED))
            found.append(of_loads(place(s), with_, without, s.name, contender))
    return found


CLAIM = Claim(
    row="C10",
    statement="caching reduces the database's load by 90 % or more",
    short="90 % fewer queries",
    rule=f"the whole interval of the loads (or each of three rounds) is below {LEFT:g} of those of no-cache",
    cases=cases,
)
