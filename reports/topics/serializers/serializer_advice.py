"""Recommendation of a serializer for each kind of record, by the rule that the page prints."""

import math
from dataclasses import dataclass

import numpy as np

from stampede.reports.output.formatting import number
from stampede.reports.statistics.comparison import compare
from stampede.reports.topics.serializers.serializer_analysis import has_schema, level
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts

HARDLY = 0.1
"""Share of a cache hit below which a saving is called hardly noticeable."""

RULE = (
    "Eligible are the serializers that returned every record of the kind unchanged and do not execute code from the "
    "bytes. The one with the least encode + decode time is first. Serializers within 5 % of it (the interval of the "
    "paired ratio reaches below 1.05) tie with it; among ties, those without a schema are preferred, then the one with "
    "the fewest bytes. If the recommended serializer needs a schema, the best one without a schema is named too. If it "
    "saves less than a tenth of a cache hit with json on this machine (GET and decode, without a simulated RTT), the "
    "sentence says that the choice hardly matters."
)


@dataclass(frozen=True, kw_only=True)
class SerializerAdvice:
    record: str
    best: str
    """Name of the recommended serializer; empty if none returns the record unchanged."""
    text: str


def advise(facts: SerializerFacts, record: str) -> SerializerAdvice:
    """The recommendation for one kind of record, by RULE."""
    reference = facts.run.reference
    fit = [
        c
        for c in facts.serializers
        if facts.outcome(record, c.name)[0] == "same"
        and not c.config.get("runs_code", False)
        and np.isfinite(facts.us(record, c.name, "both")).any()
    ]
    if not fit:
        return SerializerAdvice(record=record, best="", text="No serializer returns this record unchanged.")
    best = first(facts, record, [c.name for c in fit])
    free = [c.name for c in fit if not has_schema(c)]
    cost, bytes_ = level(facts, record, best, "both"), facts.bytes_of(record, best)
    base = level(facts, record, reference, "both")
    text = (
        f"Take {best}: {number(cost.value)} µs to write and read back (json: {number(base.value)}), "
        f"{number(bytes_)} bytes (json: {number(facts.bytes_of(record, reference))})"
    )
    if best == reference:
        text = f"Take json: {number(cost.value)} µs to write and read back; no serializer that is as safe is faster"
    if has_schema(facts.contender(best)):
        text += "; it needs declared fields"
        if free:
            plain = first(facts, record, free)
            without_us = level(facts, record, plain, "both").value
            text += f" (without a schema: {plain}, {number(without_us)} µs)"
    hit, decode = hit_us(facts, record), level(facts, record, reference, "decode").value
    saved = decode - level(facts, record, best, "decode").value
    if math.isfinite(hit) and best != reference:
        share = saved / (hit + decode)
        hardly = "The choice hardly matters: it" if share < HARDLY else "It"
        text += f". {hardly} saves {100 * max(share, 0):.0f} % of a cache hit on this machine, less over a network"
    return SerializerAdvice(record=record, best=best, text=text + ".")


def first(facts: SerializerFacts, record: str, names: list[str]) -> str:
    """The fastest; among ties with it one without a schema, then the one with the fewest bytes."""
    fastest = min(names, key=lambda n: level(facts, record, n, "both").value)
    ties = []
    for name in names:
        c = compare(list(facts.us(record, name, "both")), list(facts.us(record, fastest, "both")))
        least = c.ratio.low if c.ratio is not None else c.low_seen
        if name == fastest or least < 1.05:
            ties.append(name)
    return min(ties, key=lambda n: (has_schema(facts.contender(n)), facts.bytes_of(record, n)))


def hit_us(facts: SerializerFacts, record: str) -> float:
    """Microseconds of a GET of json's bytes, without decoding. A record in other scripts uses its ASCII variant."""
    return level(facts, record.removesuffix("-unicode"), facts.run.reference, "raw-get").value
