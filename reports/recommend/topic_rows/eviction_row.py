"""Row of the answer about eviction policies, by sequence of keys. noeviction is never recommended. Pure."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from stampede.reports.analysis.rows import Bools, Ints
from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import HIGH_SHARE, AnswerRow, Certainty, Effect, Price
from stampede.reports.recommend.rule import number_texts
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.resampling import resampled_share
from stampede.reports.topics.experiments.eviction_results import (
    REFUSING,
    USUAL,
    PolicyResult,
    blind_lru,
    by_sequence,
    eviction_results,
)
from stampede.reports.topics.experiments.eviction_section import NAME

LFU_PRICE = Price(text="LFU follows a change of popularity only after minutes", kind="stated")
QUERY_PRICE = Price(text="an evicted entry costs a query when it is read again", kind="stated")

CLOCK = "Redis' LRU clock of 1 s is too coarse here for"

LONGEST = 90
"""The longest text of the effect."""


def eviction_row(facts: pd.DataFrame) -> AnswerRow | None:
    """The row; None if the usual policy did not run.

    A sequence on which entries stay for too few ticks of Redis' LRU clock says nothing about LRU, and is left out.
    """
    results = eviction_results(facts)
    if not any(r.policy == USUAL for r in results):
        return None
    blind = {r.sequence for r in blind_lru(results) if r.policy == USUAL}
    judged = [r for r in results if r.sequence not in blind]
    if not judged:
        return AnswerRow(
            name="eviction",
            question="Eviction",
            section=f"experiment-{NAME}",
            why=f"{CLOCK} every sequence of keys",
            command="make bench PLAN=standard",
        )
    groups = by_sequence(judged)
    picks = {sequence: policy_for(own) for sequence, own in groups.items()}
    policies = sorted(set(picks.values()), key=lambda p: p != USUAL)
    rounds = min(len(r.rounds) for r in judged)
    share = resampled_share(
        rounds, lambda drawn: np.all([again(groups[s], p, drawn) for s, p in picks.items()], axis=0)
    )
    return AnswerRow(
        name="eviction",
        question="Eviction",
        section=f"experiment-{NAME}",
        use=" or ".join(policies),
        effect=effect(groups, picks),
        prices=(LFU_PRICE, QUERY_PRICE) if any("lfu" in p for p in policies) else (QUERY_PRICE,),
        certainty=certainty(judged, picks, share),
        share=share,
        basis="" if share is not None else f"{rounds} round{'s' * (rounds != 1)}, {MIN_ROUNDS} needed",
        tied=tied(judged, policies),
        reservations=(f"{CLOCK} {formatting.listed(sorted(blind))}; those sequences decide nothing",) if blind else (),
        excluded=refusing(results),
        metric="hit rate",
    )


def policy_for(own: Sequence[PolicyResult]) -> str:
    """The policy for one sequence: the usual one, unless another has a higher hit rate by more than the minimum."""
    better = [r for r in own if r.verdict == "better" and r.policy != REFUSING]
    return max(better, key=lambda r: r.hit_rate.value).policy if better else USUAL


def gains(own: Sequence[PolicyResult]) -> tuple[list[str], np.typing.NDArray[np.float64]]:
    """The policies that may be recommended, and their hit rates minus the usual one's: [policy, round]."""
    fit = [r for r in own if r.policy != REFUSING]
    base = next(r for r in fit if r.policy == USUAL)
    rates = {r.policy: {o.round: o.hit_rate for o in r.rounds} for r in fit}
    rounds = sorted(set.intersection(*(set(each) for each in rates.values())))
    usual = np.array([rates[base.policy][n] for n in rounds])
    return [r.policy for r in fit], np.array([[rates[r.policy][n] for n in rounds] for r in fit]) - usual


def again(own: Sequence[PolicyResult], policy: str, drawn: Ints) -> Bools:
    """For each row of drawn rounds, whether the same policy comes out for the sequence, by the estimates."""
    names, table = gains(own)
    least = next(r.least for r in own if r.policy == USUAL)
    middle = np.median(table[:, drawn % table.shape[1]], axis=2)
    best = np.where(middle.max(axis=0) >= least, np.argmax(middle, axis=0), names.index(USUAL))
    return np.asarray(best == names.index(policy))


def effect(groups: dict[str, list[PolicyResult]], picks: dict[str, str]) -> Effect:
    """The difference in points where another policy is better than the usual one, and the sequences where none is."""
    better = [f"{s}: {short_name(p)} {gain(groups[s], p)}" for s, p in picks.items() if p != USUAL]
    same = [s for s, p in picks.items() if p == USUAL and any(r.against_usual for r in groups[s])]
    least = max((r.least for s in same for r in groups[s]), default=0.0)
    none = f"no policy is {100 * least:.0f} points better"
    parts = [f"{', '.join(same)}: {none}", *better] if same else better
    if same and len("; ".join(parts)) > LONGEST:
        parts[0] = f"{len(same)} of {len(picks)} sequences: {none}"
    text = "; ".join(parts) or "difference in hit rate: not estimated"
    return Effect(text=text, against=USUAL, change=math.nan, low=math.nan, high=math.nan, better="higher")


def gain(own: Sequence[PolicyResult], policy: str) -> str:
    """The difference of a policy from the usual one in points of hit rate: "+22 points (20 – 24)"."""
    r = next(r for r in own if r.policy == policy)
    test = r.against_usual.difference if r.against_usual is not None else None
    if test is None:
        return "not estimated"
    low, high = (f"{100 * bound:.0f}".replace("-", number_texts.MINUS) for bound in (test.low, test.high))
    return f"{100 * test.estimate:+.0f} points{'' if low == high else f' ({low} – {high})'}"


def short_name(policy: str) -> str:
    """A policy without the prefix that most of them have: "LFU"."""
    name = policy.removeprefix("allkeys-")
    return name.upper() if name in ("lru", "lfu") else name


def certainty(results: Sequence[PolicyResult], picks: dict[str, str], share: float | None) -> Certainty:
    """high, tied or low, as defined in AnswerRow."""
    if share is None or share < HIGH_SHARE:
        return "low"
    for r in results:
        test = r.against_usual.difference if r.against_usual is not None else None
        open_ = test is not None and test.high >= r.least and r.policy != REFUSING
        if open_ and picks[r.sequence] == USUAL:
            return "tied"
    return "high"


def tied(results: Sequence[PolicyResult], policies: Sequence[str]) -> tuple[str, ...]:
    """Policies that are tied with the usual one on every sequence."""
    names = dict.fromkeys(r.policy for r in results if r.policy not in (REFUSING, *policies))
    return tuple(n for n in names if all(r.verdict == "tied" for r in results if r.policy == n))


def refusing(results: Sequence[PolicyResult]) -> tuple[tuple[str, str], ...]:
    """noeviction, with the writes that it refused."""
    own = [r for r in results if r.policy == REFUSING]
    if not own:
        return ()
    refused, requests = sum(r.refused for r in own), sum(r.requests for r in own)
    return ((REFUSING, f"refused {refused:,} writes of {requests:,} requests"),)
