"""Claim C13: warming avoids the cold start.

In a cold start the first second has a lower hit rate than later seconds. Warming avoids it if it closes at least nine
tenths of that gap in every round, and does not if it closes less than half in every round. Two rounds are enough,
because each round counts many reads.
"""

from collections.abc import Mapping, Sequence

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.timeseries import bins, due_of
from stampede.reports.claims.claim import Case, Claim
from stampede.reports.claims.lookup import REFERENCE
from stampede.reports.output import formatting
from stampede.reports.topics.faults.cold_start_section import BIN_S, ColdStart, steady_rate
from stampede.run_folder.schema import ScenarioInfo

AVOIDED = 0.9
NOT_AVOIDED = 0.5
LEAST_ROUNDS = 2
WARMED = "cache-aside-warmed"
Rates = Mapping[int, float]
"""Shares by round."""


def of_hits(place: str, cold: Rates, warmed: Rates, steady: Rates, href: str = "") -> Case:
    """The case of one scenario. Hit rates of the first second (cold, warmed) and of the rest of the window (steady)."""
    both = sorted(cold.keys() & warmed.keys() & steady.keys())
    closed = [(warmed[r] - cold[r]) / (steady[r] - cold[r]) for r in both if steady[r] > cold[r]]
    if len(closed) < LEAST_ROUNDS:
        why = f"{len(closed)} round{'s' * (len(closed) != 1)} with a cold start"
        return Case(condition=place, answer="unclear", why=why, figure=why, href=href)
    first, second, later = (100 * sum(x[r] for r in both) / len(both) for x in (cold, warmed, steady))
    share = "all" if min(closed) >= 1 else f"{formatting.number(min(closed))} to {formatting.number(max(closed))}"
    figure = (
        f"hits in the first second: {first:.0f} % cold, {second:.0f} % warmed, {later:.0f} % later; share of the gap "
        f"closed in {len(closed)} rounds: {share}"
    )
    if min(closed) >= AVOIDED:
        return Case(condition=place, answer="yes", figure=figure, href=href)
    if max(closed) < NOT_AVOIDED:
        return Case(condition=place, answer="no", figure=figure, href=href)
    why = f"some rounds closed less than {AVOIDED:g} of the gap, and some closed {NOT_AVOIDED:g} or more"
    return Case(condition=place, answer="unclear", why=why, figure=figure, href=href)


def starts(scenario: ScenarioInfo, cells: Sequence[Cell]) -> dict[int, ColdStart]:
    """The cold start of each round, by round number."""
    edges = bins(scenario.window_s, BIN_S)
    return {c.info.round: ColdStart(contender=c.contender, cells=[c], due=due_of([c]), edges=edges) for c in cells}


def first_hits(found: Mapping[int, ColdStart]) -> dict[int, float]:
    """Hit rate of the first second, by round number."""
    return {number: float(start.first_second()["hit"].mean()) for number, start in found.items()}


def cases(analysis: Analysis) -> list[Case]:
    separate = analysis.separate
    if separate is None:
        return []
    found = []
    for s in separate.scenarios:
        if s.cold and separate.of(s.name, REFERENCE) and separate.of(s.name, WARMED):
            cold, warmed = (starts(s, separate.of(s.name, name)) for name in (REFERENCE, WARMED))
            steady = {r: steady_rate([cold[r], warmed[r]]) for r in cold.keys() & warmed.keys()}
            found.append(of_hits(s.name, first_hits(cold), first_hits(warmed), steady, s.name))
    return found


CLAIM = Claim(
    row="C13",
    statement="warming avoids the cold start",
    short="warming avoids the cold start",
    rule=f"in every round it closes {AVOIDED:g} of the gap between the hit rate of the first second and the later one",
    cases=cases,
)
