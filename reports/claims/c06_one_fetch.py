"""Claim C6: request coalescing lets only one request fetch.

“Only one” means that at most one expiry in four has a second load, counted per expiry. Thirteen expiries are enough
to exclude more. If the run explored races, the explorer also tried every order of two readers: an order with two loads
refutes the claim for that order, however rare the order is.
"""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, briefly, counted_below, with_interval
from stampede.reports.claims.lookup import hot_scenarios, ran, simulated_rtt
from stampede.reports.metrics.database_loads import episodes_of
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.races_json import RACES_FILE, UNDISTURBED, RacesInfo, read_races

MOST = 1.25
COALESCING = "coalescing"
ONE_LOAD = "one-load-per-miss"


def of_loads(place: str, loads: Estimate, more_than_one: int, expiries: int, href: str = "") -> Case:
    """The case of one scenario."""
    answer, why = counted_below(loads, MOST, of=expiries, least=1.0)
    several = f"{more_than_one} of {expiries} expiries had more than one"
    figure = f"{COALESCING}: {with_interval(loads)} queries per expiry; {several}"
    brief = f"{briefly(loads)} queries per expiry"
    return Case(condition=place, answer=answer, why=why, figure=figure, href=href, brief=brief)


def of_races(races: RacesInfo) -> list[Case]:
    """The case from the explored races without faults; none if no order had two loads."""
    mine = [
        v.verdict
        for v in races.verdicts
        if v.contender == COALESCING and v.invariant == ONE_LOAD and races.adversary_in(v.situation) == UNDISTURBED
    ]
    if "broken" not in mine:
        return []
    condition = "a reader looks before the fill and takes the lock after its release"
    figure = f"{COALESCING}: an order of two readers makes two queries"
    return [Case(condition=condition, answer="no", figure=figure, href="races")]


def cases(analysis: Analysis) -> list[Case]:
    found = []
    for s in hot_scenarios(analysis):
        if ran(analysis, s, COALESCING):
            each = [e.loads for cell in episodes_of(analysis.of(s.name, COALESCING)) for e in cell]
            loads = analysis.figure(s.name, COALESCING, "loads-per-expiry")
            found.append(
                of_loads(f"{s.name} at {simulated_rtt(s)}", loads, sum(n > 1 for n in each), len(each), s.name)
            )
    if (analysis.run.folder / RACES_FILE).is_file():
        found += of_races(read_races(analysis.run.folder))
    return found


CLAIM = Claim(
    row="C6",
    statement="request coalescing lets only one request fetch",
    short="coalescing: one query",
    rule=(
        f"the whole interval of its queries per expiry (or each of three rounds) is below {MOST:g}; if no expiry had a "
        "second query, 1 + 3/n of n expiries must be below it; an order of two readers with two queries refutes it"
    ),
    cases=cases,
)
