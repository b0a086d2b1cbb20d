"""One sentence for each kind of record, by a rule that is printed beside it."""

import math
from dataclasses import dataclass

import numpy as np

from stampede.reports.output.formatting import number
from stampede.reports.statistics.comparison import compare
from stampede.reports.topics.serializers.serializer_analysis import has_schema, level
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts

HARDLY = 0.1

RULE = (
    "Of the serializers that carried every record of the kind unchanged, and that do not run what stands in the bytes, "
    "the one with the least encode + decode time. Those that the run cannot tell from it by 5 % (the interval of the "
    "paired ratio reaches below 1.05) share the first place; of them one without a schema is named, then the one with "
    "the fewest bytes. Where it needs a schema, the best one without is named too. If all that it saves over json is "
    "less than a tenth of a cache hit with json on this machine (GET and decode, without distance), the sentence says "
    "that the choice hardly shows."
)


@dataclass(frozen=True, kw_only=True)
class SerializerAdvice:
    record: str
    best: str
    """Empty: no serializer carries the record."""
    text: str


def advise(facts: SerializerFacts, record: str) -> SerializerAdvice:
    reference = facts.run.reference
    fit = [
        c
        for c in facts.serializers
        if facts.outcome(record, c.name)[0] == "same"
        and not c.config.get("runs_code", False)
        and np.isfinite(facts.us(record, c.name, "both")).any()
    ]
    if not fit:
        return SerializerAdvice(record=record, best="", text="No serializer carries this record unchanged.")
    best = first(facts, record, [c.name for c in fit])
    free = [c.name for c in fit if not has_schema(c)]
    cost, bytes_ = level(facts, record, best, "both"), facts.bytes_of(record, best)
    base = level(facts, record, reference, "both")
    text = (
        f"Take {best}: {number(cost.value)} µs to write and read back against json's {number(base.value)}, "
        f"{number(bytes_)} bytes against {number(facts.bytes_of(record, reference))}"
    )
    if best == reference:
        text = f"Take json: {number(cost.value)} µs to write and read back, and nothing that is as safe is faster"
    if has_schema(facts.contender(best)):
        text += "; its price: the record's fields are declared"
        if free:
            plain = first(facts, record, free)
            there = level(facts, record, plain, "both").value
            text += f" (without that: {plain}, {number(there)} µs)"
    hit, decode = hit_us(facts, record), level(facts, record, reference, "decode").value
    saved = decode - level(facts, record, best, "decode").value
    if math.isfinite(hit) and best != reference:
        share = saved / (hit + decode)
        hardly = "The choice hardly shows: it" if share < HARDLY else "It"
        text += f". {hardly} saves {100 * max(share, 0):.0f} % of a hit here, less over a network"
    return SerializerAdvice(record=record, best=best, text=text + ".")


def first(facts: SerializerFacts, record: str, names: list[str]) -> str:
    """The fastest; of those that cannot be told from it one without a schema, then the one with the fewest bytes."""
    fastest = min(names, key=lambda n: level(facts, record, n, "both").value)
    ties = []
    for name in names:
        c = compare(list(facts.us(record, name, "both")), list(facts.us(record, fastest, "both")))
        least = c.ratio.low if c.ratio is not None else c.low_seen
        if name == fastest or least < 1.05:
            ties.append(name)
    return min(ties, key=lambda n: (has_schema(facts.contender(n)), facts.bytes_of(record, n)))


def hit_us(facts: SerializerFacts, record: str) -> float:
    """A GET of json's bytes, without decoding; a record in other scripts takes that of its ASCII sibling."""
    return level(facts, record.removesuffix("-unicode"), facts.run.reference, "raw-get").value
