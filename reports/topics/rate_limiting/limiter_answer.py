"""Summary sentences about limiters: which one to take. The facts are counts, so they need no intervals."""

import math
from collections.abc import Sequence

from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult
from stampede.run_folder.races_json import KEPT, NOT_GUARANTEED, RacesInfo

BOUND = "admits-at-most-its-bound"
"""The explorer's invariant."""
UNBROKEN = (KEPT, NOT_GUARANTEED)
"""The explorer's verdicts on a bound that was exercised and not broken."""


def answer(limiters: Sequence[LimiterResult], races: RacesInfo | None = None) -> str:
    """Which limiter to take. A limiter whose bound breaks in some order of concurrent calls is not recommended, even
    if this run's calls kept it.
    """
    rivals = [x for x in limiters if x.info.kind == "contender"]
    unbroken = [x for x in rivals if x.kept_strict != "broken"]
    racy = [x for x in unbroken if broken_by_order(races, x.info.name)]
    strict = [x for x in unbroken if x not in racy and guarantees_the_window(x)]
    eligible = [x for x in strict if not x.starves]
    fair = [x for x in eligible if x.starved[0] >= 0.9 * max((y.starved[0] for y in eligible), default=math.nan)]
    parts = []
    if fair:
        tried = races is not None and all(races.word(x.info.name, BOUND) in UNBROKEN for x in fair)
        names = formatting.listed([x.info.name for x in fair])
        parts.append(
            f"For at most L in any window: {names}; no window was certainly above L"
            f"{', and no tried order of concurrent calls breaks the bound' if tried else ''}. {shares(fair)}"
        )
    either = " either" if fair else ""
    parts += [f"{x.info.name} was not seen above L{either}, but {worst_off(x)}" for x in strict if x not in fair]
    parts += [
        f"{x.info.name} was not seen above L here, but an order of concurrent calls breaks its bound "
        f"({broken_by_order(races, x.info.name)}), and {worst_off(x)}"
        for x in racy
    ]
    weaker = [x for x in unbroken if x not in racy and x not in strict]
    if weaker:
        names = formatting.listed([f"{x.info.name} ({contract(x)})" for x in weaker])
        parts.append(f"Not seen above L here, although the contract is weaker: {names}")
    loose = [x for x in rivals if x.kept_strict == "broken" and x.kept != "broken"]
    if loose:
        parts.append(f"Above L in some window, within their own contract: {formatting.listed(times_limit(loose))}")
    broken = [x for x in rivals if x.kept == "broken"]
    if broken:
        parts.append(f"Broke their own contract: {formatting.listed(times_limit(broken))}")
    parts += [starving(x) for x in rivals if x.starves]
    return ". ".join(parts) + "." if parts else "No limiter ran."


def times_limit(limiters: Sequence[LimiterResult]) -> list[str]:
    """Each limiter with its fullest window in multiples of L."""
    return [f"{x.info.name} ({formatting.number(x.most_certain / x.limit)} × L)" for x in limiters]


def guarantees_the_window(x: LimiterResult) -> bool:
    """Whether its contract is at least as strict as L in any window."""
    return bool(x.contract["kind"] == "strict" and x.contract["limit"] <= x.limit)


def broken_by_order(races: RacesInfo | None, name: str) -> str:
    """How an order of concurrent calls breaks a limiter's bound; empty if no tried order does."""
    found = races.worst_first(name, BOUND) if races is not None else []
    return found[0].how if found and found[0].verdict == "broken" else ""


def shares(fair: Sequence[LimiterResult]) -> str:
    """Admitted over entitled calls: of all callers in the whole run, and the lowest ratio of one caller."""
    overall = formatting.number(min(x.got() for x in fair))
    least, profile = min(x.starved for x in fair)
    return (
        f"In the whole run, all callers together got {overall} of the calls that they were entitled to; the lowest "
        f"share of one caller at any instant after its first window was {formatting.number(least)} (caller profile "
        f"“{profile}”)"
    )


def worst_off(x: LimiterResult) -> str:
    """The lowest ratio of admitted to entitled calls of one caller, and the ratio of all."""
    low, profile = x.starved
    return (
        f"at its worst instant one caller (“{profile}”) had got only {formatting.number(low)} of the calls that it was "
        f"entitled to; all callers together got {formatting.number(x.got())} in the whole run"
    )


def starving(x: LimiterResult) -> str:
    """A sentence about a limiter that starves a steady caller slightly above the limit, with the counts."""
    found = x.starvation
    assert found is not None
    share = found.share
    what = "range of the callers" if share.level is None else f"{100 * share.level:.0f} % interval"
    return (
        f"{x.info.name} starves a steady caller at {found.multiple:g} × the limit: it admits {found.admitted} of the "
        f"{found.entitled} calls that its contract allows after the first window "
        f"({formatting.number(share.value)}; {formatting.interval(share)}, {what}; caller profile “{found.profile}”)"
    )


def contract(x: LimiterResult) -> str:
    """The limiter's contract as a formula."""
    c = x.contract
    if c["kind"] == "strict":
        return f"≤ {c['limit']} in any {c['window_s']:g} s"
    return f"≤ {c['capacity']} + {c['refill_per_s']:g} t"
