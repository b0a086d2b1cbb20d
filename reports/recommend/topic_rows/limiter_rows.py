"""Rows of the answer about rate limiters: a strict limit, and a limit with bursts. Pure functions of the results."""

import math
from collections.abc import Sequence

import numpy as np

from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import AnswerRow, Certainty, Effect, Price
from stampede.reports.recommend.rule import number_texts
from stampede.reports.recommend.rule.certainty import certainty_of, same_pick_share
from stampede.reports.recommend.rule.pick import Candidates, common_rounds, minimum_effect
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.topics.rate_limiting.limiter_analysis import USUAL_LIMIT, LimiterResult
from stampede.reports.topics.rate_limiting.limiter_answer import (
    broken_by_order,
    guarantees_the_window,
    order_was_tested,
    starving,
)
from stampede.run_folder.races_json import RacesInfo

FEW_DECISIONS = 3000
"""From this many decisions without a violation on, at most 0.1 % can be wrong (95 %)."""
RESOLUTION_MS = 0.01
"""The smallest difference of the time per call that counts."""
NO_TIME = "no significant extra time"
COMMAND = "make bench"
RACES_COMMAND = "make races"


def strict_limit_row(limiters: Sequence[LimiterResult], races: RacesInfo | None = None) -> AnswerRow | None:
    """Which limiter never admits more than L calls in any window. None: no limiter ran."""
    rivals = contenders(limiters)
    if not rivals:
        return None
    excluded = {x.info.name: reason for x in rivals if (reason := not_strict(x, races))}
    return row_of(
        "strict-limit", "Strict rate limit", rivals, excluded, races, alternative=cheaper_and_looser(rivals, races)
    )


def burst_limit_row(limiters: Sequence[LimiterResult], races: RacesInfo | None = None) -> AnswerRow | None:
    """Which limiter bounds both a burst and the steady rate after it. None: no limiter ran."""
    rivals = contenders(limiters)
    if not rivals:
        return None
    excluded = {x.info.name: reason for x in rivals if (reason := no_burst_limit(x, races))}
    return row_of("burst-limit", "Rate limit with bursts", rivals, excluded, races)


def contenders(limiters: Sequence[LimiterResult]) -> list[LimiterResult]:
    """The limiters of the first scenario, without baselines and copies."""
    first = limiters[0].scenario.name if limiters else ""
    return [x for x in limiters if x.info.kind == "contender" and x.scenario.name == first and x.subjects]


def not_strict(x: LimiterResult, races: RacesInfo | None) -> str:
    """Why a limiter is not eligible for a strict limit; empty if it is."""
    if not guarantees_the_window(x):
        return f"its contract allows more: up to {most_in_a_window(x)} × L were admitted in one window"
    if x.kept_strict == "broken":
        return f"admitted {most_in_a_window(x)} × L in one window"
    if x.wrong.admitted:
        return f"admitted {x.wrong.admitted:,} calls although its limit was certainly used up"
    return broken_or_starving(x, races)


def no_burst_limit(x: LimiterResult, races: RacesInfo | None) -> str:
    """Why a limiter is not eligible for a limit with bursts; empty if it is."""
    if x.contract["kind"] != "bucket":
        return "its contract bounds the calls of a window, not a burst and the steady rate after it"
    if x.kept == "broken":
        return f"broke its own contract: up to {most_in_a_window(x)} × L in one window"
    return broken_or_starving(x, races)


def broken_or_starving(x: LimiterResult, races: RacesInfo | None) -> str:
    """Whether an order of concurrent calls breaks its bound, or it starves a steady caller; empty if neither."""
    how = broken_by_order(races, x.info.name)
    if how:
        return f"an order of concurrent calls breaks its bound: {how}"
    return starving(x) if x.starves else ""


def most_in_a_window(x: LimiterResult) -> str:
    """The fullest window, certain, in multiples of L."""
    return formatting.number(x.most_certain / x.limit)


def simplicity(x: LimiterResult) -> tuple[float, float]:
    """Fewer moving parts first, then fewer bytes of a caller. A limiter that states no parts comes last."""
    parts = x.info.moving_parts
    return (math.inf if parts is None else len(parts)), x.key_bytes_at(USUAL_LIMIT)


def row_of(
    name: str,
    question: str,
    rivals: Sequence[LimiterResult],
    excluded: dict[str, str],
    races: RacesInfo | None,
    alternative: str = "",
) -> AnswerRow:
    """The row: of the eligible limiters, the simplest that no other beats in time per call."""
    eligible = sorted((x for x in rivals if x.info.name not in excluded), key=simplicity)
    reasons, section = tuple(excluded.items()), rivals[0].scenario.name
    if not eligible:
        why = "no limiter of this run is eligible"
        return AnswerRow(name=name, question=question, section=section, why=why, excluded=reasons, command=COMMAND)
    candidates = Candidates(
        names=tuple(x.info.name for x in eligible),
        values=common_rounds([dict(x.time_ms) for x in eligible]),
        minimum=minimum_effect(None, RESOLUTION_MS),
    )
    pick = eligible[candidates.pick]
    certainty, share, basis = how_sure(pick, candidates)
    return AnswerRow(
        name=name,
        question=question,
        section=section,
        scenario=section,
        use=pick.info.name,
        effect=strict_effect(pick) if name == "strict-limit" else burst_effect(pick),
        prices=prices(pick),
        mechanism=pick.info.mechanism,
        certainty=certainty,
        share=share,
        basis=basis,
        tied=tuple(candidates.names[i] for i in candidates.tied) if candidates.rounds >= MIN_ROUNDS else (),
        alternative=alternative,
        reservations=() if order_was_tested(races, pick.info.name) else (f"races not tested: {RACES_COMMAND}",),
        excluded=reasons,
        minimum=candidates.required.share,
        metric="time per call",
    )


def how_sure(pick: LimiterResult, candidates: Candidates) -> tuple[Certainty, float | None, str]:
    """Certainty, share and basis. A single eligible limiter follows from the decisions, not from the rounds."""
    if len(candidates.names) > 1:
        share = same_pick_share(candidates)
        few = f"{candidates.rounds} rounds, {MIN_ROUNDS} needed" if share is None else ""
        return certainty_of(candidates, share), share, few
    return ("high" if pick.decisions >= FEW_DECISIONS else "low"), None, f"{pick.decisions:,} decisions"


def strict_effect(pick: LimiterResult) -> Effect:
    """No violation, and what that many decisions exclude (rule of three). Calls in flight at the ends of a window may
    leave a violation possible, and the text says so."""
    most, window_s = 100 * 3 / pick.decisions, float((pick.scenario.flood or {})["window_s"])
    confirmed = "confirmed " if pick.most_possible > pick.limit else ""
    text = (
        f"no {confirmed}violation in {pick.decisions:,} calls at a limit of {pick.limit} per {window_s:g} s "
        f"(95 % bound: {most:.2g} %)"
    )
    return Effect(text=text, against="the limit", change=math.nan, low=math.nan, high=math.nan)


def burst_effect(pick: LimiterResult) -> Effect:
    """The fullest window in multiples of L, from certainly to possibly admitted calls, and what the contract allows."""
    burst = int(pick.contract["capacity"])
    fullest = f"at most {most_in_a_window(pick)} × L in any window"
    if pick.most_possible > pick.most_certain:
        possible = formatting.number(pick.most_possible / pick.limit)
        fullest = f"{most_in_a_window(pick)} – {possible} × L in the fullest window"
    text = f"{fullest} (contract: bursts of {burst}, then {pick.contract['refill_per_s']:g} calls/s)"
    return Effect(text=text, against="the limit", change=math.nan, low=math.nan, high=math.nan)


def prices(pick: LimiterResult) -> tuple[Price, ...]:
    """Time per call, round trips and commands, and bytes per caller."""
    trips = counted(pick.round_trips, "round trip")
    if pick.info.script_commands:
        commands = f"{counted(pick.scripted_per_decision, 'command')} in a script"
    else:
        commands = counted(pick.sent_per_decision, "command")
    round_trips = Price(text=f"{trips} per call, {commands}", kind="measured", brief=f"{trips}, {commands}")
    return time_price(pick), bytes_price(pick), round_trips


def counted(number: float, noun: str) -> str:
    """A mean count with its noun: "1 round trip", "2.50 commands"."""
    text = f"{number:.0f}" if abs(number - round(number)) < 0.005 else formatting.number(number)
    return f"{text} {noun}{'' if text == '1' else 's'}"


def time_price(pick: LimiterResult) -> Price:
    """Time per call above that of an empty script, paired by round."""
    what = "per call over an empty script"
    added = pick.latency.difference if pick.latency is not None else None
    each = pick.latency_rounds_ms
    if added is not None:
        estimate, low, high, note = added.estimate, added.low, added.high, ""
    elif len(each):
        estimate, low, high = float(np.median(each)), float(each.min()), float(each.max())
        note = f"range of {len(each)} round{'' if len(each) == 1 else 's'}"
    else:
        return Price(text=f"time {what}: not estimated", kind="not estimated")
    if low <= 0 <= high:
        bounds = f"{number_texts.signed(low)} – {number_texts.signed(high)} ms{', ' if note else ''}{note}"
        return Price(text=f"{NO_TIME} {what} ({bounds})", kind="none", brief=f"{NO_TIME} per call")
    time, span = number_texts.signed(estimate, "ms"), number_texts.between(low, high)
    full = number_texts.between(low, high, note)
    return Price(text=f"{time} {what}{full}", kind="measured", brief=f"{time} {what}{span}")


def bytes_price(pick: LimiterResult) -> Price:
    """Bytes per caller at the run's limit and at the usual one."""
    if math.isnan(pick.largest_key_bytes):
        return Price(text="memory: not estimated", kind="not estimated")
    here = f"{pick.largest_key_bytes:,.0f} bytes per caller"
    if not pick.key_grows:
        return Price(text=f"{here} at any limit", kind="measured")
    text = f"{here} at a limit of {pick.limit}"
    if pick.limit == USUAL_LIMIT:
        return Price(text=text, kind="measured")
    more = f"about {rounded(pick.key_bytes_at(USUAL_LIMIT)):,}"
    return Price(
        text=f"{text}, {more} at {USUAL_LIMIT} (extrapolated)",
        kind="measured",
        brief=f"{here}, {more} at a limit of {USUAL_LIMIT}",
    )


def rounded(value: float) -> int:
    """An extrapolated number with two significant digits."""
    return int(float(f"{value:.2g}"))


def cheaper_and_looser(rivals: Sequence[LimiterResult], races: RacesInfo | None) -> str:
    """The limiter with the fewest bytes that may exceed L and kept its contract; empty if there is none."""
    looser = [
        x for x in rivals if not guarantees_the_window(x) and x.kept != "broken" and not broken_or_starving(x, races)
    ]
    strict = [x for x in rivals if not not_strict(x, races)]
    if not looser or not strict:
        return ""
    best = min(looser, key=lambda x: x.key_bytes_at(USUAL_LIMIT))
    text = f"{best.info.name}: {bytes_price(best).text}"
    difference = time_difference(best, min(strict, key=simplicity))
    return f"{text}, {difference}, but up to {most_in_a_window(best)} × L in one window"


def time_difference(x: LimiterResult, y: LimiterResult) -> str:
    """The time per call of one limiter minus that of another, paired by round."""
    both = sorted(x.time_ms.keys() & y.time_ms.keys())
    c = compare([x.time_ms[r] for r in both], [y.time_ms[r] for r in both])
    if c.difference is None:
        return f"difference in time per call: no verdict ({len(both)} rounds, {MIN_ROUNDS} needed)"
    d = c.difference
    if d.low <= 0 <= d.high:
        return "no significant difference in time per call"
    bounds = f"{number_texts.signed(d.low)} to {number_texts.signed(d.high)}"
    return f"{number_texts.signed(d.estimate, 'ms')} per call ({bounds})"
