"""Claim C10: caching reduces the database's load by 90 % or more.

Queries per read with a cache divided by queries per read without, in every scenario that ran both, at the TTL of the
run. The cache is cache-aside, or coalescing, which avoids concurrent queries at an expiry. The result depends on how
often an entry is read before it expires or is written; the conditions therefore name reads, keys and TTL. The TTLs of
the transfer points are measured too, and compared with no-cache in the scenario that they repeat. For cache-aside the
figure names the TTL from which the claim holds by theory; theory decides no verdict.
"""

import itertools
import math

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.c06_one_fetch import COALESCING
from stampede.reports.claims.claim import Case, Claim, counted_below, with_interval
from stampede.reports.claims.lookup import REFERENCE, UNCACHED, hot_scenarios, ran, simulated_rtt
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.theory.hit_model import plain_model
from stampede.reports.topics.theory.transfer_points import is_transfer_point
from stampede.run_folder.schema import ScenarioInfo

LEFT = 0.1
EACH_READ = Estimate(value=1000.0, how="without a cache, each read is one query")
"""Queries per 1,000 reads on one hot key if no-cache did not run there."""


def of_loads(
    place: str,
    loads: Estimate,
    without: Estimate,
    *,
    href: str = "",
    contender: str = REFERENCE,
    by_theory: str = "",
    ttl_s: float = math.nan,
    from_ttl_s: float = math.nan,
    leads: bool = False,
) -> Case:
    """The case of one scenario. `loads`, `without`: per 1,000 reads, with the cache and without."""
    answer, why = counted_below(loads, LEFT * without.value)
    measured = f"{contender}: {with_interval(loads)} queries per 1,000 reads"
    figure = f"{measured}{', ' if by_theory else ''}{by_theory}; {UNCACHED} {with_interval(without)}"
    brief = f"{contender}: {fewer(loads, without)}"
    if leads:
        brief = f"{fewer(loads, without)} at a TTL of {formatting.duration(ttl_s)}"
        if math.isfinite(from_ttl_s):
            brief += f"; 90 % from {formatting.duration(from_ttl_s)} by theory"
    condition = f"{contender}, {place}"
    return Case(condition=condition, answer=answer, why=why, figure=figure, href=href, brief=brief, leads=leads)


def fewer(loads: Estimate, without: Estimate) -> str:
    """The queries that the cache saves, for example "88 % fewer"."""
    return formatting.MISSING if loads.missing else f"{100 * (1 - loads.value / without.value):.0f} % fewer"


def place(s: ScenarioInfo) -> str:
    """The condition: keys, reads and TTL."""
    w = s.workload
    keys = w.get("active_records") or w.get("records")
    skew = "recorded popularity" if s.trace else f"Zipf {w['key_skew']:g}"
    popular = "one key" if keys == 1 else f"{keys:,} keys, {skew}"
    reads = f"{100 * w['read_share']:g} % reads at {w['rate_per_s']:g}/s"
    return f"{popular}, {reads}, TTL {formatting.duration(w['ttl_s'])} ({s.name}, {simulated_rtt(s)})"


def holds_from_s(analysis: Analysis, scenario: ScenarioInfo) -> float:
    """The TTL in seconds from which the claim holds for cache-aside by theory.

    Infinite if writes prevent it at every TTL; NaN if the model does not apply.
    """
    model = plain_model(analysis, scenario)
    return math.nan if model is None or is_transfer_point(scenario) else model.ttl_for(1 - LEFT)


def theory_text(ttl_s: float) -> str:
    """The TTL from which the claim holds, as text; empty if the model does not apply."""
    if math.isnan(ttl_s):
        return ""
    if math.isinf(ttl_s):
        return "by theory the claim holds at no TTL at this rate, because writes delete entries"
    return f"by theory the claim holds from a TTL of {formatting.duration(ttl_s)} at this rate"


def cases(analysis: Analysis) -> list[Case]:
    found = []
    for s, contender in itertools.product(analysis.scenarios, (REFERENCE, COALESCING)):
        uncached_in = s.variant_of if is_transfer_point(s) else s.name
        hot = s in hot_scenarios(analysis)
        if ran(analysis, s, contender) and (hot or analysis.of(uncached_in, UNCACHED)):
            from_ttl_s = holds_from_s(analysis, s) if contender == REFERENCE else math.nan
            with_ = analysis.figure(s.name, contender, "loads-per-1000-reads")
            without = analysis.figure(uncached_in, UNCACHED, "loads-per-1000-reads")
            case = of_loads(
                place(s),
                with_,
                EACH_READ if without.missing else without,
                href=s.name,
                contender=contender,
                by_theory=theory_text(from_ttl_s),
                ttl_s=s.workload["ttl_s"],
                from_ttl_s=from_ttl_s,
                leads=contender == REFERENCE and not (hot or s.variant_of),
            )
            found.append(case)
    return found


CLAIM = Claim(
    row="C10",
    statement="caching reduces the database's load by 90 % or more",
    short="90 % fewer queries",
    rule=(
        f"the whole interval of the queries (or each of three rounds) is below {LEFT:g} of those of no-cache, at the "
        "TTL of the run"
    ),
    cases=cases,
)
