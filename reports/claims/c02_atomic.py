"""C2. Two readings are told apart. Where one atomic operation makes the whole decision (the article's limiter: one
MULTI), the claim is borne out if its window was certainly never exceeded, whoever called at once. Where each step is
atomic but a request takes several (cache-aside: GET, SELECT, SET; DEL on a write), one read that returned an old value
after the writer had been told is a race that was not prevented; none seen proves nothing. A races.json in the run
folder, of `make races`, adds the article's promises that it found broken without any adversary."""

from dataclasses import replace

from artefact.races import RACES_FILE, UNDISTURBED, RacesInfo, read_races
from reports.claims import c07_window
from reports.claims.c07_window import ARTICLE_LIMITER
from reports.claims.claim import Case, Claim, told
from reports.claims.where import REFERENCE, ran
from reports.judge import Judgement
from reports.statistics import Estimate

ARTICLE = ("cache-aside", "write-through", "refresh-ahead", "coalescing", ARTICLE_LIMITER)


def of_window(window: Case) -> Case:
    """What C7 says of the limiter."""
    return replace(window, condition="one atomic operation makes the whole decision")


def of_stale(contender: str, stale: Estimate, href: str = "") -> Case:
    condition = f"a request takes several atomic operations ({contender})"
    figure = f"{contender}, stale after told: {told(stale, '%')}"
    if stale.missing or stale.value == 0:
        why = stale.why or "no race was seen; make races tries every order"
        return Case(condition=condition, says="unclear", why=why, figure=figure, href=href)
    return Case(condition=condition, says="no", figure=figure, href=href)


def of_races(races: RacesInfo) -> list[Case]:
    """What every order of a few requests showed of the article's own, without any adversary."""
    found = []
    for v in races.verdicts:
        if v.contender in ARTICLE and v.verdict == "broken" and races.adversary_in(v.situation) == UNDISTURBED:
            figure = (
                f"{v.contender} in {v.situation}: {v.invariant} broken in {v.broken_in:,} of {v.schedules:,} orders"
            )
            found.append(Case(condition=f"every order may happen ({v.contender})", says="no", figure=figure))
    return found


def cases(judgement: Judgement) -> list[Case]:
    found = [of_window(case) for case in c07_window.cases(judgement) if case.says != "beside"]
    found += [
        of_stale(REFERENCE, judgement.figure(s.name, REFERENCE, "stale-after-told"), s.name)
        for s in judgement.scenarios
        if s.judge_at_rest and ran(judgement, s, REFERENCE)
    ]
    if (judgement.run.folder / RACES_FILE).is_file():
        found += of_races(read_races(judgement.run.folder))
    return found


CLAIM = Claim(
    row="C2",
    says="atomic operations prevent race conditions",
    rule=(
        "one operation decides: the limiter's window was certainly never exceeded; several: a single read that was "
        "stale after the writer had been told refutes it"
    ),
    cases=cases,
    command="make bench PLAN=standard, and make races, which tries every order",
)
