"""C7. A window is exceeded if more calls than the limit were certainly admitted in it: their whole intervals inside; it
was not if no more were even possibly admitted. What callers got of what they were entitled to stands beside: the
article's log counts refused calls too."""

import math

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim
from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterJudged
from stampede.reports.topics.rate_limiting.limiter_analysis import judged as judge_limiters

ARTICLE_LIMITER = "sliding-window"
TOO_OFTEN = "steady 1.1 ×"


def of_window(place: str, most: int, possible: int, limit: int, decisions: int, href: str = "") -> Case:
    figure = f"{ARTICLE_LIMITER} in {place}: at most {most} of {limit} certainly admitted ({possible} possibly)"
    if not decisions:
        return Case(condition=place, says="unclear", why="nobody called", figure=figure, href=href)
    figure += f", {decisions:,} decisions"
    if most <= limit < possible:
        why = "calls in flight at a window's ends leave it open"
        return Case(condition=place, says="unclear", why=why, figure=figure, href=href)
    return Case(condition=place, says="yes" if most <= limit else "no", figure=figure, href=href)


def starvation(x: LimiterJudged) -> Case | None:
    got = x.got(TOO_OFTEN)
    lowest, whose = x.starved
    if math.isnan(got) or math.isnan(lowest):
        return None
    figure = (
        f"whoever calls at {TOO_OFTEN} the limit got {formatting.number(got)} of what it was entitled to; at the least "
        f"{formatting.number(lowest)} ({whose})"
    )
    return Case(condition="", says="beside", figure=figure, href=x.scenario.name)


def cases(analysis: Analysis) -> list[Case]:
    if analysis.limiting is None:
        return []
    found: list[Case] = []
    for x in judge_limiters(analysis.limiting):
        if x.info.name == ARTICLE_LIMITER:
            place = x.scenario.name
            found.append(of_window(place, x.most_certain, x.most_possible, x.limit, x.decisions, place))
            beside = starvation(x)
            found += [beside] if beside is not None else []
    return found


CLAIM = Claim(
    row="C7",
    says="the sliding window limiter admits at most `limit` per `window`",
    rule="no rolling window held more admissions than the limit, even possibly; certainly more refutes it",
    cases=cases,
    command="make bench",
)
