"""Claim C3: cache-aside suffers a stampede when many requests hit a cold key.

In a stampede, one expiry causes more than one load: at least two on average, counted per expiry.
"""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, briefly, counted_below, opposite, with_interval
from stampede.reports.claims.lookup import REFERENCE, hot_scenarios, ran, simulated_rtt
from stampede.reports.statistics.estimate import Estimate

LEAST = 2.0


def of_loads(place: str, loads: Estimate, href: str = "") -> Case:
    """The case of one scenario."""
    answer, why = opposite(counted_below(loads, LEAST))
    figure = f"{REFERENCE}: {with_interval(loads)} queries per expiry"
    brief = f"{briefly(loads)} queries per expiry"
    return Case(condition=place, answer=answer, why=why, figure=figure, href=href, brief=brief)


def cases(analysis: Analysis) -> list[Case]:
    return [
        of_loads(
            f"{s.workload['rate_per_s']:g} reads/s, queries of {s.measured.get('load_ms', 0):.0f} ms, "
            f"at {simulated_rtt(s)}",
            analysis.figure(s.name, REFERENCE, "loads-per-expiry"),
            s.name,
        )
        for s in hot_scenarios(analysis)
        if ran(analysis, s, REFERENCE)
    ]


CLAIM = Claim(
    row="C3",
    statement="cache-aside suffers a stampede when many requests hit a cold key",
    short="cache-aside stampedes",
    rule=f"the whole interval of its queries per expiry is above {LEAST:g}",
    cases=cases,
)
