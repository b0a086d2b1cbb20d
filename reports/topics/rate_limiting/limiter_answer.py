"""Verdicts on limiters, and the sentence above their table. The facts are counts, so they need no intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stampede.reports.output import formatting
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult
from stampede.run_folder.races_json import KEPT, NOT_GUARANTEED, RacesInfo

BOUND = "admits-at-most-its-bound"
"""The explorer's invariant."""
UNBROKEN = (KEPT, NOT_GUARANTEED)
"""The explorer's verdicts on a bound that was exercised and not broken."""

KINDS = ("strict", "looser", "wrong")
"""Kinds of verdicts, in the order of the sentence."""


def answer(limiters: Sequence[LimiterResult], races: RacesInfo | None = None) -> str:
    """One sentence: which limiters keep the limit in every window, which exceed it, and which starve a caller."""
    rivals = [x for x in limiters if x.info.kind == "contender"]
    groups: dict[str, list[str]] = {}
    found = [(verdict_of(x, races), x.info.name) for x in rivals]
    for verdict, name in sorted(found, key=lambda pair: KINDS.index(pair[0].kind)):
        groups.setdefault(verdict.sentence, []).append(name)
    parts = [f"{formatting.listed(names)} {does}" for does, names in groups.items()]
    return f"{'; '.join(parts)}." if parts else "No limiter ran."


@dataclass(frozen=True, kw_only=True)
class LimiterVerdict:
    """What a limiter did, in a word for the table, in a sentence without its subject, and for the plane's marks."""

    word: str
    sentence: str
    kind: Literal["strict", "looser", "wrong"]
    """One of KINDS."""
    detail: str = ""
    """The finding behind the word; empty if the word says it all."""


def verdict_of(x: LimiterResult, races: RacesInfo | None) -> LimiterVerdict:
    """The verdict by the first line that applies: it breaks its contract, an order of calls breaks it, it starves a
    caller, it keeps L in any window, its contract allows more than L.
    """
    how = broken_by_order(races, x.info.name)
    if x.kept == "broken" and x.starves:
        word, does = "breaks its contract, starves callers", "broke the contract and starves a steady caller"
        return LimiterVerdict(word=word, sentence=does, kind="wrong", detail=starving(x))
    if x.kept == "broken":
        return LimiterVerdict(word="breaks its contract", sentence="broke the contract", kind="wrong")
    if how:
        word, does = "breaks under concurrent calls", "breaks under some order of concurrent calls"
        return LimiterVerdict(word=word, sentence=does, kind="wrong", detail=how)
    if x.starves:
        return LimiterVerdict(
            word="starves callers", sentence="starves a steady caller", kind="wrong", detail=starving(x)
        )
    if x.kept_strict != "broken" and guarantees_the_window(x):
        certain = x.most_possible <= x.limit
        if certain:
            return LimiterVerdict(word="keeps the limit", sentence="kept the limit in every window", kind="strict")
        word, does = "no confirmed violation", "has no confirmed violation of the limit"
        return LimiterVerdict(word=word, sentence=does, kind="strict")
    most = formatting.number(allowed_in_a_window(x) / x.limit).removesuffix(".00")
    return LimiterVerdict(
        word=f"up to {most} × L by contract", sentence=f"may admit up to {most} × L in a window", kind="looser"
    )


def allowed_in_a_window(x: LimiterResult) -> float:
    """The most calls that the limiter's own contract allows in a window of the scenario."""
    c = x.contract
    if c["kind"] == "bucket":
        return float(c["capacity"] + c["refill_per_s"] * x.window_s)
    return float(c["limit"] * math.ceil(x.window_s / c["window_s"] - 1e-9))


def guarantees_the_window(x: LimiterResult) -> bool:
    """Whether its contract is at least as strict as L in any window."""
    return bool(x.contract["kind"] == "strict" and x.contract["limit"] <= x.limit)


def order_was_tested(races: RacesInfo | None, name: str) -> bool:
    """Whether the explorer tried orders of concurrent calls of the limiter and none broke its bound."""
    return races is not None and races.word(name, BOUND) in UNBROKEN


def broken_by_order(races: RacesInfo | None, name: str) -> str:
    """How an order of concurrent calls breaks a limiter's bound; empty if no tried order does."""
    found = races.worst_first(name, BOUND) if races is not None else []
    return found[0].how if found and found[0].verdict == "broken" else ""


def starving(x: LimiterResult) -> str:
    """A sentence about a limiter that starves a steady caller slightly above the limit, with the counts."""
    found = x.starvation
    assert found is not None
    share = found.share
    between = formatting.interval(share)
    what = "range of the callers" if share.level is None else f"{100 * share.level:.0f} % interval"
    return (
        f"{x.info.name} starves a steady caller at {found.multiple:g} × the limit: it admits {found.admitted} of the "
        f"{found.entitled} calls that its contract allows after the first window "
        f"({formatting.number(share.value)}{f'; {between}, {what}' if between else ''}; caller profile "
        f"“{found.profile}”)"
    )


def contract(x: LimiterResult) -> str:
    """The limiter's contract as a formula."""
    c = x.contract
    if c["kind"] == "strict":
        return f"≤ {c['limit']} in any {c['window_s']:g} s"
    return f"≤ {c['capacity']} + {c['refill_per_s']:g} t"
