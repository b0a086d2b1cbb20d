"""C13. A cold start is a first second with fewer hits than there will be. Warming avoids it where, in every round, it
closes nine tenths of that gap or more; it does not where in every round it closes less than half. Few rounds do: what
is counted is far from luck."""

from collections.abc import Mapping, Sequence

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.timeseries import bins, due_of
from stampede.reports.claims.claim import Case, Claim
from stampede.reports.claims.lookup import REFERENCE
from stampede.reports.output import formatting
from stampede.reports.topics.faults.cold_start_section import BIN_S, Start, steady_rate
from stampede.run_folder.schema import ScenarioInfo

AVOIDED = 0.9
NOT_AVOIDED = 0.5
LEAST_ROUNDS = 2
WARMED = "cache-aside-warmed"
Rates = Mapping[int, float]
"""Shares by round."""


def of_hits(place: str, cold: Rates, warmed: Rates, steady: Rates, href: str = "") -> Case:
    """Hit rates of the first second, and of the later part of the window."""
    both = sorted(cold.keys() & warmed.keys() & steady.keys())
    closed = [(warmed[r] - cold[r]) / (steady[r] - cold[r]) for r in both if steady[r] > cold[r]]
    if len(closed) < LEAST_ROUNDS:
        why = f"{len(closed)} round{'s' * (len(closed) != 1)} with a cold start"
        return Case(condition=place, says="unclear", why=why, figure=why, href=href)
    first, second, later = (100 * sum(x[r] for r in both) / len(both) for x in (cold, warmed, steady))
    share = "all" if min(closed) >= 1 else f"{formatting.number(min(closed))} to {formatting.number(max(closed))}"
    figure = (
        f"hits in the first second: {first:.0f} % cold, {second:.0f} % warmed, {later:.0f} % later; of the gap, "
        f"{share} closed in {len(closed)} rounds"
    )
    if min(closed) >= AVOIDED:
        return Case(condition=place, says="yes", figure=figure, href=href)
    if max(closed) < NOT_AVOIDED:
        return Case(condition=place, says="no", figure=figure, href=href)
    why = f"not every round closed {AVOIDED:g} of the gap, nor did all stay below {NOT_AVOIDED:g}"
    return Case(condition=place, says="unclear", why=why, figure=figure, href=href)


def starts(scenario: ScenarioInfo, cells: Sequence[Cell]) -> dict[int, Start]:
    """Each round by itself."""
    edges = bins(scenario.window_s, BIN_S)
    return {c.info.round: Start(contender=c.contender, cells=[c], due=due_of([c]), edges=edges) for c in cells}


def first_hits(found: Mapping[int, Start]) -> dict[int, float]:
    return {number: float(start.first_second()["hit"].mean()) for number, start in found.items()}


def cases(analysis: Analysis) -> list[Case]:
    aside = analysis.apart
    if aside is None:
        return []
    found = []
    for s in aside.scenarios:
        if s.cold and aside.of(s.name, REFERENCE) and aside.of(s.name, WARMED):
            cold, warmed = (starts(s, aside.of(s.name, name)) for name in (REFERENCE, WARMED))
            steady = {r: steady_rate([cold[r], warmed[r]]) for r in cold.keys() & warmed.keys()}
            found.append(of_hits(s.name, first_hits(cold), first_hits(warmed), steady, s.name))
    return found


CLAIM = Claim(
    row="C13",
    says="warming avoids the cold start",
    rule=f"in every round it closes {AVOIDED:g} of the gap between the first second's hit rate and the later one's",
    cases=cases,
)
