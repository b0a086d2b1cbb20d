"""Row of the answer about many keys at once: MGET or a pipeline, and from how many keys on. Pure."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from stampede.reports.analysis.rows import Floats, Ints
from stampede.reports.output import formatting
from stampede.reports.recommend.answer_row import HIGH_SHARE, AnswerRow, Certainty, Effect, Price
from stampede.reports.recommend.rule import number_texts
from stampede.reports.recommend.rule.pick import LEAST_EFFECT
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.resampling import resampled_share
from stampede.reports.topics.experiments.pipelining_section import ALONE, NAME, Batch, batches, break_even, rtts

SIMPLICITY = ("MGET", "pipelined")
"""One command is simpler than a pipeline of commands."""
COMMAND = "make bench"
SHOWN = (10, 100)
"""The numbers of keys whose speed-up is printed."""


def many_keys_row(facts: pd.DataFrame) -> AnswerRow | None:
    """The row, at the largest simulated RTT; None if the experiment has no batches."""
    found = batches(facts)
    if not found:
        return None
    rtt = rtts(found)[-1]
    empty = AnswerRow(name="many-keys", question="Many keys at once", section=f"experiment-{NAME}", command=COMMAND)
    ways = {m: least for m in SIMPLICITY if (least := break_even(found, m, rtt)) is not None}
    rounds = min(b.time_ms.rounds for b in found)
    if not ways:
        short = f"{rounds} rounds, {MIN_ROUNDS} needed" if rounds < MIN_ROUNDS else ""
        return replace(empty, why=short or f"nothing was faster than {ALONE} at {rtt}")
    pick = next((m for m in ways if not much_slower(facts, m, rtt)), next(iter(ways)))
    share = resampled_share(rounds, lambda drawn: least_keys(facts, pick, rtt, drawn) == ways[pick])
    certainty: Certainty = "high" if share is not None and share >= HIGH_SHARE else "low"
    return replace(
        empty,
        command="",
        use=f"{name_of(pick)} from {ways[pick]} keys",
        effect=effect(found, pick, rtt),
        prices=(one_key_price(found, pick, rtt), *STATED[pick]),
        mechanism="no answer arrives before the last one",
        certainty=certainty,
        share=share,
        alternative=alternative(facts, pick, rtt, ways),
        minimum=LEAST_EFFECT,
        metric="time of the batch",
    )


STATED = {
    "MGET": (Price(text="in Redis Cluster all keys must be in one slot", kind="stated"),),
    "pipelined": (Price(text="all answers are held in memory until the last one", kind="stated"),),
}


def name_of(method: str) -> str:
    """The method as a word of the answer."""
    return {"pipelined": "a pipeline"}.get(method, method)


def log_times(facts: pd.DataFrame, method: str, rtt: str) -> pd.DataFrame:
    """Logarithms of the times in ms: a row for each number of keys, a column for each round."""
    own = facts[(facts["name"] == "batch") & (facts["variant"] == method) & (facts["parameter"] == rtt)]
    table: pd.DataFrame = own.pivot_table(index="at", columns="round", values="value", aggfunc="median").map(math.log)
    return table


def at_most_keys(facts: pd.DataFrame, method: str, rtt: str) -> tuple[float, list[float]]:
    """The largest number of keys, and the time of each round in ms."""
    last = log_times(facts, method, rtt).iloc[-1]
    return float(str(last.name)), [math.exp(x) for x in last.tolist()]


def least_keys(facts: pd.DataFrame, method: str, rtt: str, drawn: Ints) -> Floats:
    """For each row of drawn rounds: the smallest number of keys from which the method stays faster by the minimum.

    By the medians of the drawn rounds. Infinity: it is not faster at the largest number.
    """
    gaps = (log_times(facts, method, rtt) - log_times(facts, ALONE, rtt)).dropna(axis="columns")
    keys, table = gaps.index.to_numpy(dtype=np.float64), gaps.to_numpy(dtype=np.float64)
    faster = np.median(table[:, drawn], axis=2) <= np.log1p(-LEAST_EFFECT)
    stays = np.logical_and.accumulate(faster[::-1], axis=0).sum(axis=0)
    return np.asarray(np.append(keys, math.inf)[len(keys) - stays], dtype=np.float64)


def much_slower(facts: pd.DataFrame, method: str, rtt: str) -> bool:
    """Whether another method is faster by more than the minimum at the largest number of keys, significantly."""
    _, own = at_most_keys(facts, method, rtt)
    for other in (m for m in SIMPLICITY if m != method and len(log_times(facts, m, rtt))):
        ratio = compare(at_most_keys(facts, other, rtt)[1], own).ratio
        if ratio is not None and ratio.high < 1 and ratio.estimate < 1 - LEAST_EFFECT:
            return True
    return False


def batch_of(found: list[Batch], method: str, rtt: str, keys: int) -> Batch | None:
    """The batch of that method, RTT and number of keys; None if it was not measured."""
    return next((b for b in found if (b.method, b.rtt, b.reads) == (method, rtt, keys)), None)


def effect(found: list[Batch], pick: str, rtt: str) -> Effect:
    """The speed-up at the shown numbers of keys, or at the largest one measured."""
    most = max(b.reads for b in found if (b.method, b.rtt) == (pick, rtt))
    shown = [k for k in SHOWN if batch_of(found, pick, rtt, k) is not None] or [most]
    parts: list[str] = []
    change = (math.nan, math.nan, math.nan)
    for keys in shown:
        batch = batch_of(found, pick, rtt, keys)
        ratio = batch.against_alone.ratio if batch is not None and batch.against_alone is not None else None
        if ratio is None:
            continue
        speed = formatting.number(1 / ratio.estimate)
        times = f"{speed} times at {keys}" if parts else f"{speed} times as fast as {ALONE} at {keys} keys"
        parts.append(f"{times}{number_texts.between(1 / ratio.high, 1 / ratio.low)}")
        change = (ratio.estimate - 1, ratio.low - 1, ratio.high - 1)
    text = f"{', '.join(parts) or 'speed: not estimated'}; RTT {rtt}"
    return Effect(text=text, against=ALONE, change=change[0], low=change[1], high=change[2])


def one_key_price(found: list[Batch], pick: str, rtt: str) -> Price:
    """What the method costs for a single key."""
    batch = batch_of(found, pick, rtt, 1)
    difference = batch.against_alone.difference if batch is not None and batch.against_alone is not None else None
    if difference is None:
        return Price(text="time for one key: not estimated", kind="not estimated")
    low, high = difference.low, difference.high
    if low <= 0 <= high:
        bounds = f"{number_texts.signed(low)} – {number_texts.signed(high)} ms"
        brief = "no significant extra time for one key"
        return Price(text=f"{brief} ({bounds})", kind="none", brief=brief)
    time = number_texts.signed(difference.estimate, "ms")
    return Price(text=f"{time} for one key{number_texts.between(low, high)}", kind="measured")


def alternative(facts: pd.DataFrame, pick: str, rtt: str, ways: dict[str, int]) -> str:
    """The other method, with its time relative to the pick at the largest number of keys; empty if it is not faster."""
    for other in (m for m in ways if m != pick):
        most, own = at_most_keys(facts, pick, rtt)
        ratio = compare(at_most_keys(facts, other, rtt)[1], own).ratio
        if ratio is None:
            return f"{name_of(other)}, for different commands (time: not estimated)"
        span = f"{formatting.number(ratio.low)} – {formatting.number(ratio.high)}"
        return (
            f"{name_of(other)}, for different commands: × {formatting.number(ratio.estimate)} ({span}) of the time "
            f"at {most:g} keys"
        )
    return ""
