"""Claim C9: allkeys-lru is usually the best eviction policy.

For each sequence of keys: yes if the hit rate of allkeys-lru is within two points of the best policy's; no if it is
more than four points lower. Sampling policies vary by two points from run to run, so anything between is unclear. A
sequence is unclear too if entries stay for so few ticks of Redis' LRU clock that it cannot order them.
"""

from collections.abc import Sequence

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim
from stampede.reports.topics.experiments.eviction_section import (
    CLOSE,
    NAME,
    USUAL,
    Outcome,
    blind_lru,
    by_sequence,
    outcomes,
)


def cases_of(seen: Sequence[Outcome]) -> list[Case]:
    """One case per sequence of keys."""
    blind = {o.sequence for o in blind_lru(list(seen)) if o.policy == USUAL}
    found = []
    for sequence, own in by_sequence(list(seen)).items():
        usual = next((o for o in own if o.policy == USUAL), None)
        if usual is None:
            continue
        best = max(own, key=lambda o: o.hit_rate)
        figure = f"{sequence}: {USUAL} {100 * usual.hit_rate:.1f} % hits, {best.policy} {100 * best.hit_rate:.1f} %"
        case = {"condition": f"keys are {sequence}", "figure": figure, "href": f"experiment-{NAME}"}
        if sequence in blind:
            why = "entries stayed for too few ticks of the LRU clock; the longer form has more"
            found.append(Case(answer="unclear", why=why, **case))
            continue
        lead = best.hit_rate - usual.hit_rate
        if CLOSE < lead <= 2 * CLOSE:
            why = f"{100 * lead:.1f} points lower; two runs differ by {100 * CLOSE:g}"
            found.append(Case(answer="unclear", why=why, **case))
        else:
            found.append(Case(answer="yes" if lead <= CLOSE else "no", **case))
    return found


def cases(analysis: Analysis) -> list[Case]:
    for info in analysis.run.info.experiments:
        if info.name == NAME and info.status == "done":
            return cases_of(outcomes(analysis.run.experiment(NAME)))
    return []


CLAIM = Claim(
    row="C9",
    statement="allkeys-lru is usually the best eviction policy",
    short="allkeys-lru is best",
    rule=(
        f"its hit rate is within {100 * CLOSE:g} points of the best policy's, for each sequence of keys; more than "
        f"{200 * CLOSE:g} points lower refutes it"
    ),
    cases=cases,
)
