"""C9. On each sequence of keys: allkeys-lru is the best policy, or within two points of hit rate of it; it is not where
it is twice as far behind, for a sampling policy moves by two points from run to run. Where entries stay for so few
ticks of Redis' LRU clock that it can hardly tell them apart, that sequence says nothing."""

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


def judged(seen: Sequence[Outcome]) -> list[Case]:
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
            why = "an entry stayed for too few ticks of the LRU clock; the longer form gives it more"
            found.append(Case(says="unclear", why=why, **case))
            continue
        lead = best.hit_rate - usual.hit_rate
        if CLOSE < lead <= 2 * CLOSE:
            why = f"{100 * lead:.1f} points behind; two runs differ by {100 * CLOSE:g}"
            found.append(Case(says="unclear", why=why, **case))
        else:
            found.append(Case(says="yes" if lead <= CLOSE else "no", **case))
    return found


def cases(analysis: Analysis) -> list[Case]:
    for info in analysis.run.info.experiments:
        if info.name == NAME and info.status == "done":
            return judged(outcomes(analysis.run.experiment(NAME)))
    return []


CLAIM = Claim(
    row="C9",
    says="allkeys-lru is usually the best eviction policy",
    rule=(
        f"its hit rate is within {100 * CLOSE:g} points of the best policy's, on each sequence of keys; more than "
        f"{200 * CLOSE:g} behind refutes it"
    ),
    cases=cases,
)
