"""C3. A stampede is more than one load for one expiry: at least two on average. Counted, an expiry at a time."""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, counted_below, opposite, told
from stampede.reports.claims.lookup import REFERENCE, distance, hot_scenarios, ran
from stampede.reports.statistics.estimate import Estimate

LEAST = 2.0


def of_loads(place: str, loads: Estimate, href: str = "") -> Case:
    says, why = opposite(counted_below(loads, LEAST))
    return Case(condition=place, says=says, why=why, figure=f"{REFERENCE}: {told(loads)} loads an expiry", href=href)


def cases(analysis: Analysis) -> list[Case]:
    return [
        of_loads(
            f"{s.workload['rate_per_s']:g} reads/s, loads of {s.measured.get('load_ms', 0):.0f} ms, at {distance(s)}",
            analysis.figure(s.name, REFERENCE, "loads-per-expiry"),
            s.name,
        )
        for s in hot_scenarios(analysis)
        if ran(analysis, s, REFERENCE)
    ]


CLAIM = Claim(
    row="C3",
    says="cache-aside suffers a stampede when many requests hit a cold key",
    rule=f"the whole interval of its loads an expiry lies above {LEAST:g}",
    cases=cases,
)
