"""Claim C7: the sliding window limiter admits at most the limit per window.

A window is exceeded if more calls than the limit were certainly admitted in it, that is, with their whole intervals
inside the window. It is kept if even the possible admissions, those with any part inside it, do not exceed the limit.
Otherwise the case is unclear. The share that callers got of their entitlement is shown for information, because the
article's log counts refused calls too.
"""

import math

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, CaseAnswer, Claim
from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, limiter_results

ARTICLE_LIMITER = "sliding-window"
TOO_OFTEN = "steady 1.1 ×"


def of_window(place: str, most: int, possible: int, limit: int, decisions: int, href: str = "") -> Case:
    """The case of one scenario. `most`, `possible`: most calls admitted in a window, certainly and possibly."""
    figure = f"{ARTICLE_LIMITER} in {place}: at most {most} of {limit} certainly admitted ({possible} possibly)"
    if not decisions:
        return Case(condition=place, answer="unclear", why="there were no calls", figure=figure, href=href)
    figure += f", {decisions:,} decisions"
    brief = f"at most {most} calls admitted in a window, limit {limit}"
    if most <= limit < possible:
        why = "calls in flight at the ends of a window may count in it or not"
        return Case(condition=place, answer="unclear", why=why, figure=figure, href=href)
    answer: CaseAnswer = "yes" if most <= limit else "no"
    return Case(condition=place, answer=answer, figure=figure, href=href, brief=brief)


def starvation(x: LimiterResult) -> Case | None:
    """The informational case: the share that frequent callers got of their entitlement."""
    got = x.got(TOO_OFTEN)
    lowest, whose = x.starved
    if math.isnan(got) or math.isnan(lowest):
        return None
    figure = (
        f"callers at {TOO_OFTEN} the limit got {formatting.number(got)} of their entitlement; the lowest share is "
        f"{formatting.number(lowest)} ({whose})"
    )
    return Case(condition="", answer="informational", figure=figure, href=x.scenario.name)


def cases(analysis: Analysis) -> list[Case]:
    if analysis.limiting is None:
        return []
    found: list[Case] = []
    for x in limiter_results(analysis.limiting):
        if x.info.name == ARTICLE_LIMITER:
            place = x.scenario.name
            found.append(of_window(place, x.most_certain, x.most_possible, x.limit, x.decisions, place))
            informational = starvation(x)
            found += [informational] if informational is not None else []
    return found


CLAIM = Claim(
    row="C7",
    statement="the sliding window limiter admits at most the limit per window",
    short="sliding window keeps its limit",
    rule="no rolling window has more possible admissions than the limit; more certain ones than the limit refute it",
    cases=cases,
    command="make bench",
)
