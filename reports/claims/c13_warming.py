"""C13. Avoided means that in every round a warmed cache made at most a tenth of the loads of a cold one in the first
second; not avoided, that in every round it made more than half. Few rounds do: what is counted is far from luck."""

from collections.abc import Mapping, Sequence

from reports import words
from reports.claims.claim import Case, Claim
from reports.claims.where import REFERENCE
from reports.cold_start.cold_start import BIN_S
from reports.frames import Cell
from reports.judge import Judgement
from reports.over_time import bins, loads_in

AVOIDED = 0.1
NOT_AVOIDED = 0.5
LEAST_ROUNDS = 2
WARMED = "cache-aside-warmed"


def of_loads(place: str, cold: Mapping[int, float], warmed: Mapping[int, float], href: str = "") -> Case:
    """Loads in the first second, by round."""
    both = sorted(cold.keys() & warmed.keys())
    shares = [warmed[r] / cold[r] for r in both if cold[r]]
    if len(shares) < LEAST_ROUNDS:
        why = f"{len(shares)} round{'s' * (len(shares) != 1)} with loads"
        return Case(condition=place, says="unclear", why=why, figure=why, href=href)
    mean_cold, mean_warmed = (sum(x[r] for r in both) / len(both) for x in (cold, warmed))
    figure = (
        f"loads in the first second: {words.number(mean_cold)} cold, {words.number(mean_warmed)} warmed; at worst "
        f"{words.number(max(shares))} of them, in {len(shares)} rounds"
    )
    if max(shares) <= AVOIDED:
        return Case(condition=place, says="yes", figure=figure, href=href)
    if min(shares) > NOT_AVOIDED:
        return Case(condition=place, says="no", figure=figure, href=href)
    why = f"some rounds made more than {AVOIDED:g} of the loads, some at most {NOT_AVOIDED:g}"
    return Case(condition=place, says="unclear", why=why, figure=figure, href=href)


def first_second(cells: Sequence[Cell]) -> dict[int, float]:
    found = {}
    for cell in cells:
        edges = bins(cell.window_s, BIN_S)
        found[cell.info.round] = float(loads_in([cell], edges)[edges[:-1] < 1 - BIN_S / 2].sum())
    return found


def cases(judgement: Judgement) -> list[Case]:
    aside = judgement.apart
    if aside is None:
        return []
    found = []
    for s in aside.scenarios:
        if s.cold and aside.of(s.name, REFERENCE) and aside.of(s.name, WARMED):
            cold, warmed = (first_second(aside.of(s.name, name)) for name in (REFERENCE, WARMED))
            found.append(of_loads(s.name, cold, warmed, s.name))
    return found


CLAIM = Claim(
    row="C13",
    says="warming avoids the cold start",
    rule=f"in every round at most {AVOIDED:g} of the loads of a cold start, in the first second",
    cases=cases,
)
