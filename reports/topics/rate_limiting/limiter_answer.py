"""Which limiter to take, in words: counted facts, so that no interval is needed; times are in the table."""

import math
from collections.abc import Sequence

from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterJudged
from stampede.run_folder.races_json import KEPT, NOT_GUARANTEED, RacesInfo

BOUND = "admits-at-most-its-bound"
"""The explorer's invariant."""
JUDGED = (KEPT, NOT_GUARANTEED)
"""What the explorer says of a bound that orders of calls put to the test and did not break."""


def answer(limiters: Sequence[LimiterJudged], races: RacesInfo | None = None) -> str:
    """What to take. A bound that an order of concurrent calls breaks is none, however lucky this run's calls were."""
    rivals = [x for x in limiters if x.info.kind == "contender"]
    unbroken = [x for x in rivals if x.kept_strict != "broken"]
    racy = [x for x in unbroken if broken_by_order(races, x.info.name)]
    strict = [x for x in unbroken if x not in racy and promises_the_window(x)]
    able = [x for x in strict if not x.starves]
    fair = [x for x in able if x.starved[0] >= 0.9 * max((y.starved[0] for y in able), default=math.nan)]
    parts = []
    if fair:
        tried = races is not None and all(races.word(x.info.name, BOUND) in JUDGED for x in fair)
        names = formatting.listed([x.info.name for x in fair])
        parts.append(
            f"For at most L in any window: {names}; nothing above L was certainly seen"
            f"{', and no order of concurrent calls that was tried breaks it' if tried else ''}. {shares(fair)}"
        )
    either = " either" if fair else ""
    parts += [f"{x.info.name} was not seen above L{either}, but {worst_off(x)}" for x in strict if x not in fair]
    parts += [
        f"{x.info.name} was not seen above L here, but an order of concurrent calls breaks its bound "
        f"({broken_by_order(races, x.info.name)}); and {worst_off(x)}"
        for x in racy
    ]
    promised_less = [x for x in unbroken if x not in racy and x not in strict]
    if promised_less:
        names = formatting.listed([f"{x.info.name} ({contract(x)})" for x in promised_less])
        parts.append(f"Not seen above L here, though promised less: {names}")
    loose = [x for x in rivals if x.kept_strict == "broken" and x.kept != "broken"]
    if loose:
        told = [f"{x.info.name} ({formatting.number(x.most_certain / x.limit)} × L)" for x in loose]
        parts.append(f"Above L in some window, within what they promise: {formatting.listed(told)}")
    broken = [x for x in rivals if x.kept == "broken"]
    if broken:
        told = [f"{x.info.name} ({formatting.number(x.most_certain / x.limit)} × L)" for x in broken]
        parts.append(f"Broke the bound stated for them: {formatting.listed(told)}")
    parts += [starving(x) for x in rivals if x.starves]
    return ". ".join(parts) + "." if parts else "No limiter ran."


def promises_the_window(x: LimiterJudged) -> bool:
    return bool(x.contract["kind"] == "strict" and x.contract["limit"] <= x.limit)


def broken_by_order(races: RacesInfo | None, name: str) -> str:
    """How an order of concurrent calls breaks a limiter's bound; empty where none that was tried does."""
    found = races.worst_first(name, BOUND) if races is not None else []
    return found[0].how if found and found[0].verdict == "broken" else ""


def shares(fair: Sequence[LimiterJudged]) -> str:
    """What callers got of what they were entitled to: all together in the whole run, and whoever had least, when."""
    together = formatting.number(min(x.got() for x in fair))
    least, whose = min(x.starved for x in fair)
    return (
        f"Of what callers were entitled to, all together got {together} in the whole run; the least that one had got "
        f"by any instant after its first window was {formatting.number(least)} (it calls “{whose}”)"
    )


def worst_off(x: LimiterJudged) -> str:
    low, whose = x.starved
    return (
        f"one caller (“{whose}”) had got only {formatting.number(low)} of what it was entitled to by its worst instant, all "
        f"together {formatting.number(x.got())} in the whole run"
    )


def starving(x: LimiterJudged) -> str:
    """That a limiter keeps a steady caller out who asks a little too often; with the counts."""
    found = x.starvation
    assert found is not None
    share = found.share
    what = "range of the callers" if share.level is None else f"{100 * share.level:.0f} % interval"
    return (
        f"{x.info.name} starves a steady caller at {found.multiple:g} × the limit: {found.admitted} of "
        f"{found.entitled} calls admitted that its contract allows after the first window "
        f"({formatting.number(share.value)}; {formatting.interval(share)}, {what}; it calls “{found.profile}”)"
    )


def contract(x: LimiterJudged) -> str:
    c = x.contract
    if c["kind"] == "strict":
        return f"≤ {c['limit']} in any {c['window_s']:g} s"
    return f"≤ {c['capacity']} + {c['refill_per_s']:g} t"
