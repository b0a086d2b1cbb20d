"""Which serializer to use for each kind of record, what it saves, its price, and how sure that is. Pure.

json is the simplest: it is part of Python, a person can read it, and it needs no declared fields. Another serializer is
used if it saves a time that matters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.output.formatting import number
from stampede.reports.recommend.answer_row import HIGH_SHARE, Certainty
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import Estimate, Floats, median
from stampede.reports.statistics.resampling import resampled_share
from stampede.reports.topics.serializers.serializer_analysis import has_schema, level
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts
from stampede.run_folder.schema import ContenderInfo

WORTH_MS = 0.1
"""A saving per write and read that matters: a tenth of a GET of 1 ms."""
TIE = 0.05
"""Serializers whose times differ by less tie."""
MOST_WORDS = 12

RULE = (
    "Eligible are the serializers that returned every record of the kind unchanged and do not execute code from the "
    f"bytes. The one with the least encode + decode time is first; those within {100 * TIE:.0f} % of it (the interval "
    f"of the paired ratio reaches below {1 + TIE:g}) tie with it. Among ties, one without a schema comes first, then "
    f"the one with the fewest bytes. It is used if it saves at least {WORTH_MS:g} ms per write and read, a tenth of a "
    "GET of 1 ms; otherwise json, the simplest. How sure: the share of resamples of the rounds with the same answer."
)


@dataclass(frozen=True, kw_only=True)
class SerializerAdvice:
    """The answer for one kind of record."""

    record: str
    bytes: float
    """Mean size as JSON."""
    use: str
    """Name of the serializer to use; empty if none returns the record unchanged."""
    best: str
    """The one with the least time; `use` is json where it saves too little."""
    saved_us: Estimate
    """What `best` saves per write and read against json, paired by round, in microseconds."""
    share_of_hit: float
    """The part of it that a cache hit saves, over GET and decode with json on this machine; nan if not measured."""
    price: str
    certainty: Certainty
    share: float | None
    """The share of resamples with the same answer. None: too few rounds."""

    @property
    def worth(self) -> bool:
        """Whether another serializer than json is used."""
        return bool(self.use) and self.use == self.best and self.saved_us.value >= 1e3 * WORTH_MS


def advise(facts: SerializerFacts, record: str) -> SerializerAdvice:
    """The answer for one kind of record, by RULE."""
    reference = facts.run.reference
    fit = eligible(facts, record)
    size = facts.bytes_of(record, reference)
    if not fit:
        none = Estimate(value=math.nan)
        return SerializerAdvice(
            record=record,
            bytes=size,
            use="",
            best="",
            saved_us=none,
            share_of_hit=math.nan,
            price="no serializer returns this record unchanged",
            certainty="low",
            share=None,
        )
    names = [c.name for c in fit]
    best = first(facts, record, names)
    saved = saved_estimate(facts, record, best)
    worth = best != reference and saved.value >= 1e3 * WORTH_MS
    use = best if worth else reference if reference in names else best
    share = same_answer_share(facts, record, fit, use)
    open_ = worth and any(ties(facts, record, n, best) for n in names if n != best)
    sure: Certainty = "low" if share is None or share < HIGH_SHARE else "tied" if open_ else "high"
    return SerializerAdvice(
        record=record,
        bytes=size,
        use=use,
        best=best,
        saved_us=saved,
        share_of_hit=share_of_hit(facts, record, best),
        price=price(facts, record, use, fit),
        certainty=sure,
        share=share,
    )


def eligible(facts: SerializerFacts, record: str) -> list[ContenderInfo]:
    """The serializers that returned the records unchanged, run no code, and were timed."""
    return [
        c
        for c in facts.serializers
        if facts.outcome(record, c.name)[0] == "same"
        and not c.config.get("runs_code", False)
        and np.isfinite(facts.us(record, c.name, "both")).any()
    ]


def first(facts: SerializerFacts, record: str, names: Sequence[str]) -> str:
    """The fastest; among ties with it one without a schema, then the one with the fewest bytes."""
    fastest = min(names, key=lambda n: level(facts, record, n, "both").value)
    tied = [n for n in names if n == fastest or ties(facts, record, n, fastest)]
    return min(tied, key=lambda n: (has_schema(facts.contender(n)), facts.bytes_of(record, n)))


def ties(facts: SerializerFacts, record: str, name: str, fastest: str) -> bool:
    """Whether the interval of the paired ratio to the fastest one reaches below 1 + TIE."""
    c = compared(facts, record, name, fastest)
    return (c.ratio.low if c.ratio is not None else c.low_seen) < 1 + TIE


def compared(facts: SerializerFacts, record: str, name: str, other: str) -> Comparison:
    """Encode + decode of one serializer against another's, paired by round."""
    return compare(list(facts.us(record, name, "both")), list(facts.us(record, other, "both")))


def saved_estimate(facts: SerializerFacts, record: str, best: str) -> Estimate:
    """json's encode + decode time minus that of another serializer, in µs: the paired estimate with its interval."""
    saved = facts.us(record, facts.run.reference, "both") - facts.us(record, best, "both")
    shift = compared(facts, record, facts.run.reference, best).difference
    if shift is None:
        return median([float(x) for x in saved])
    return Estimate(value=shift.estimate, low=shift.low, high=shift.high, level=shift.level, rounds=shift.rounds)


def share_of_hit(facts: SerializerFacts, record: str, best: str) -> float:
    """The decode time that a hit saves over GET and decode with json. A record in other scripts: its ASCII variant."""
    reference = facts.run.reference
    get = level(facts, record.removesuffix("-unicode"), reference, "raw-get").value
    decode = level(facts, record, reference, "decode").value
    return (decode - level(facts, record, best, "decode").value) / (get + decode)


def price(facts: SerializerFacts, record: str, use: str, fit: Sequence[ContenderInfo]) -> str:
    """What the serializer costs against json: bytes, a schema, readability."""
    reference = facts.run.reference
    if use == reference:
        return "none: the simplest"
    info = facts.contender(use)
    parts = [] if info.config.get("wire") == "json" else ["not human-readable"]
    if has_schema(info):
        without = [c.name for c in fit if not has_schema(c)]
        plain = first(facts, record, without) if without else ""
        parts.append("declared fields" + f" (without: {plain})" * bool(plain))
    change = facts.bytes_of(record, use) / facts.bytes_of(record, reference) - 1
    if change > TIE:
        parts.append(f"{100 * change:.0f} % more bytes")
    return ", ".join(parts) or "one more library"


def same_answer_share(facts: SerializerFacts, record: str, fit: Sequence[ContenderInfo], use: str) -> float | None:
    """The share of resamples of the rounds in which the rule, with medians instead of tests, gives the same answer."""
    names, reference = [c.name for c in fit], facts.run.reference
    times = np.array([facts.us(record, n, "both") for n in names])
    times = times[:, np.isfinite(times).all(axis=0)]
    order = [(has_schema(c), facts.bytes_of(record, c.name)) for c in fit]

    def same(drawn: np.typing.NDArray[np.int64]) -> np.typing.NDArray[np.bool_]:
        middle = np.median(times[:, drawn], axis=2)
        return np.array([answer_of(each, names, order, reference) == use for each in middle.T])

    return resampled_share(times.shape[1], same)


def answer_of(middle_us: Floats, names: Sequence[str], order: Sequence[tuple[bool, float]], reference: str) -> str:
    """The serializer to use by one time for each, in µs. `order` decides ties."""
    near = [i for i in range(len(names)) if middle_us[i] < (1 + TIE) * middle_us.min()]
    best = min(near, key=lambda i: order[i])
    if reference not in names:
        return names[best]
    saved = middle_us[names.index(reference)] - middle_us[best]
    return names[best] if saved >= 1e3 * WORTH_MS else reference


def headline(answers: Sequence[SerializerAdvice]) -> str:
    """The answer for all kinds of record, in at most MOST_WORDS words."""
    known = [a for a in answers if a.use]
    worth, rest = [a for a in known if a.worth], [a for a in known if not a.worth]
    if not known:
        return "This run gives no answer."
    if not worth:
        return f"Keep JSON: no serializer saves {WORTH_MS:g} ms per write and read."
    uses = [a.use for a in worth]
    use = max(dict.fromkeys(uses), key=uses.count)
    least = min(a.bytes for a in worth)
    if not rest:
        return f"Use {use}."
    if all(a.bytes < least for a in rest):
        return f"Keep JSON below {size_text(least)}; use {use} above."
    return f"Keep JSON for small records; use {use} for large ones."


def size_text(size_bytes: float) -> str:
    """A size: "686 bytes", "3 KB", "44 KB"."""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} bytes"
    return f"{size_bytes / 1000:.2g} KB" if size_bytes < 100_000 else f"{size_bytes / 1000:.0f} KB"


def saving_text(answer: SerializerAdvice) -> str:
    """What the best one saves, with its interval: "233 µs (228 – 240)"."""
    e = answer.saved_us
    if e.missing or answer.best in ("", "json"):
        return "–"
    return f"{number(e.value)} µs ({number(e.low)} – {number(e.high)})"
