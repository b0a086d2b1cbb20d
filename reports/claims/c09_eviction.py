"""Claim C9: allkeys-lru is usually the best eviction policy.

For each sequence of keys: no if another policy has a higher hit rate by more than the minimum, paired by round, with
Holm's correction; yes if the whole interval of every other policy's lead is below the minimum; otherwise unclear.
noeviction is left out, because it refuses writes. A sequence is unclear too if entries stay for so few ticks of Redis'
LRU clock that it cannot order them.
"""

from collections.abc import Sequence

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, CaseAnswer, Claim
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.topics.experiments.eviction_results import (
    REFUSING,
    USUAL,
    PolicyResult,
    blind_lru,
    by_sequence,
    eviction_results,
)
from stampede.reports.topics.experiments.eviction_section import MINIMUM, NAME, percent, points


def cases_of(results: Sequence[PolicyResult]) -> list[Case]:
    """One case per sequence of keys."""
    blind = {r.sequence for r in blind_lru(results) if r.policy == USUAL}
    found = []
    for sequence, own in by_sequence(results).items():
        usual = next((r for r in own if r.policy == USUAL), None)
        others = [r for r in own if r.policy not in (USUAL, REFUSING)]
        if usual is None or not others:
            continue
        best = max(others, key=lambda r: r.hit_rate.value)
        lead = f", {points(best)}" if points(best) else ""
        figure = f"{sequence}: {USUAL} {percent(usual.hit_rate)} hits, {best.policy} {percent(best.hit_rate)}{lead}"
        answer, why = decided(others)
        brief = f"{sequence}: {best.policy}{lead}"
        if sequence in blind:
            brief = f"{sequence}: entries stayed too briefly for Redis' LRU clock"
            answer, why = "unclear", "entries stayed for too few ticks of the LRU clock; the longer form has more"
        condition, href = f"keys are {sequence}", f"experiment-{NAME}"
        found.append(Case(condition=condition, answer=answer, why=why, figure=figure, href=href, brief=brief))
    return found


def decided(others: Sequence[PolicyResult]) -> tuple[CaseAnswer, str]:
    """Whether the usual policy is the best or tied with the best, and why that is unclear."""
    if any(r.verdict == "better" for r in others):
        return "no", ""
    for r in others:
        test = r.against_usual.difference if r.against_usual is not None else None
        if test is None:
            return "unclear", f"{len(r.rounds)} round{'s' * (len(r.rounds) != 1)}; a comparison needs {MIN_ROUNDS}"
        if test.high >= r.least:
            return "unclear", f"{r.policy} may be better by {100 * r.least:.1f} points or more"
    return "yes", ""


def cases(analysis: Analysis) -> list[Case]:
    for info in analysis.run.info.experiments:
        if info.name == NAME and info.status == "done":
            return cases_of(eviction_results(analysis.run.experiment(NAME)))
    return []


CLAIM = Claim(
    row="C9",
    statement="allkeys-lru is usually the best eviction policy",
    short="allkeys-lru is best",
    rule=f"for each sequence of keys, no other policy's hit rate is higher by {MINIMUM}, paired by round",
    cases=cases,
)
