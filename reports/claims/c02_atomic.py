"""Claim C2: atomic operations prevent race conditions.

The claim has several readings, and each is a condition of its own. If one MULTI makes the whole decision (the article's
limiter), C7 decides whether its window was kept under concurrent calls. If each step is atomic but a request takes
several steps (cache-aside: GET, SELECT, SET; DEL on a write), one read that is stale after acknowledgement is a race
that was not prevented; if none was seen, the question is open. If the run explored races, the explorer tried every
order of a few requests: an invariant that breaks without any fault in one of the article's own patterns refutes the
claim, and a limiter whose whole decision is one script and that kept its bound in every order confirms it.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims import c07_window
from stampede.reports.claims.c07_window import ARTICLE_LIMITER
from stampede.reports.claims.claim import Case, Claim, with_interval
from stampede.reports.claims.lookup import REFERENCE, ran
from stampede.reports.output import formatting
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.races_json import NOT_EXERCISED, NOT_JUDGED, RACES_FILE, UNDISTURBED, RacesInfo, read_races

STALE = "stale-after-told"  # quoted
HREF = "races"
STEPS = "a request takes several atomic operations"
MULTI = f"one MULTI makes the whole decision, using the callers' clocks ({ARTICLE_LIMITER})"
ARTICLE_PATTERNS = ("cache-aside", "write-through", "refresh-ahead", "coalescing", ARTICLE_LIMITER)


def of_window(window: Case) -> Case:
    """The case of C7 about the limiter, under the condition of this claim."""
    return replace(window, condition=MULTI)


def unexplored(found: Sequence[Case]) -> list[Case]:
    """The cases of a run that explored no races. One limiter that exceeds its limit, with the callers' clocks, does not
    refute the claim: which order of steps did it is not known."""
    why = "no order of steps was explored: make races"
    return [replace(case, answer="unclear", why=why) if case.answer == "no" else case for case in found]


def of_stale(contender: str, stale: Estimate, href: str = "") -> Case:
    """The case about stale reads after acknowledgement."""
    condition = STEPS
    figure = f"{contender}, stale after acknowledgement: {with_interval(stale, '%')}"
    if stale.missing or stale.value == 0:
        why = stale.why or "no race was seen; make races tries every order"
        return Case(condition=condition, answer="unclear", why=why, figure=figure, href=href)
    return Case(condition=condition, answer="no", figure=figure, href=href)


def of_races(races: RacesInfo, scripted: Collection[str]) -> list[Case]:
    """The cases from the explored races without faults. `scripted`: limiters whose decision is one script."""
    broken: dict[str, list[str]] = {}
    for v in races.verdicts:
        if (
            v.verdict == "broken"
            and races.adversary_in(v.situation) == UNDISTURBED
            and not v.invariant.startswith("one-")
        ):
            broken.setdefault(v.contender, []).append(v.invariant)
    unjudged = {v.contender for v in races.verdicts if v.verdict == NOT_JUDGED}
    explored = {v.contender for v in races.verdicts if v.verdict != NOT_EXERCISED} - unjudged
    found = []
    for name in [name for name in ARTICLE_PATTERNS if name in broken]:
        figure = f"{name}: an order of a few requests breaks {formatting.listed(list(dict.fromkeys(broken[name])))}"
        found.append(Case(condition=MULTI if name == ARTICLE_LIMITER else STEPS, answer="no", figure=figure, href=HREF))
    kept = [name for name in scripted if name in explored and name not in broken]
    if kept:
        figure = f"{formatting.listed(kept)}: no order of a few calls breaks their bound"
        found.append(Case(condition="one script makes the whole decision", answer="yes", figure=figure, href=HREF))
    return found


def cases(analysis: Analysis) -> list[Case]:
    found = [of_window(case) for case in c07_window.cases(analysis) if case.answer != "informational"]
    found += [
        of_stale(REFERENCE, analysis.figure(s.name, REFERENCE, STALE), s.name)
        for s in analysis.scenarios
        if s.check_after_drain and ran(analysis, s, REFERENCE)
    ]
    if (analysis.run.folder / RACES_FILE).is_file():
        of_scripts = [c.name for c in analysis.run.info.contenders if c.family == "limiting" and c.script_commands]
        return found + of_races(read_races(analysis.run.folder), of_scripts)
    return unexplored(found)


CLAIM = Claim(
    row="C2",
    statement="atomic operations prevent race conditions",
    short="atomic operations prevent races",
    rule=(
        "one MULTI: as C7, if the run explored races; several operations: one read that is stale after acknowledgement "
        "refutes it; every order of a few requests: an invariant that breaks without a fault refutes it, a script that "
        "keeps its bound in every order confirms it"
    ),
    cases=cases,
    command="make bench PLAN=standard, and make races, which tries every order",
)
