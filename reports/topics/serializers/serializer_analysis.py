"""Comparisons of serializers. The comparisons are listed before any is made.

Schemaless serializers are compared with json, those with a schema with protobuf, and then those with a schema with
json.
"""

import math
from dataclasses import dataclass
from typing import Literal

from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import Estimate, median
from stampede.reports.statistics.rank_tests import holm
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE, Sentence, noise_floor, sentence
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts
from stampede.run_folder.schema import ContenderInfo

Group = Literal["A/A", "schemaless", "with a schema", "across"]
OPERATIONS = ("encode", "decode")
SCHEMA_REFERENCE = "protobuf"


@dataclass(frozen=True, kw_only=True)
class SerializerVerdict:
    """One comparison of one table."""

    record: str
    operation: str
    group: Group
    contender: str
    against: str
    comparison: Comparison
    adjusted_p: float
    m: float
    sentence: Sentence

    @property
    def spoken(self) -> str:
        """The verdict as text."""
        return f"same within ± {100 * self.m:.0f} %" if self.sentence == "same" else self.sentence


def has_schema(contender: ContenderInfo) -> bool:
    """Whether the serializer needs declared fields."""
    return bool(contender.config.get("schema", "none") != "none")


def pairs(facts: SerializerFacts) -> list[tuple[Group, str, str]]:
    """All comparisons of a table: (group, contender, against)."""
    reference = facts.run.reference
    found: list[tuple[Group, str, str]] = [("A/A", facts.aa_copy, reference)]
    with_schema = [c.name for c in facts.serializers if has_schema(c)]
    found += [("schemaless", c.name, reference) for c in facts.serializers if not has_schema(c) and c.name != reference]
    if SCHEMA_REFERENCE in with_schema:
        found += [("with a schema", name, SCHEMA_REFERENCE) for name in with_schema if name != SCHEMA_REFERENCE]
    return found + [("across", name, reference) for name in with_schema]


def verdicts(facts: SerializerFacts, record: str, operation: str) -> list[SerializerVerdict]:
    """The verdicts of a table. Holm's correction covers all but the A/A pair.

    The A/A pair uses a threshold of 5 %, not its own noise floor.
    """
    listed = [
        (
            group,
            name,
            against,
            compare(list(facts.us(record, name, operation)), list(facts.us(record, against, operation))),
        )
        for group, name, against in pairs(facts)
    ]
    listed = [row for row in listed if row[3].rounds]
    aa_pair = next((c for group, _, _, c in listed if group == "A/A"), None)
    m = noise_floor(aa_pair)
    adjusted = iter(holm([c.p for group, _, _, c in listed if group != "A/A"]))
    found = []
    for group, name, against, comparison in listed:
        p = comparison.p if group == "A/A" else next(adjusted)
        verdict = sentence(comparison, LEAST_DIFFERENCE if group == "A/A" else m, p, "lower")
        found.append(
            SerializerVerdict(
                record=record,
                operation=operation,
                group=group,
                contender=name,
                against=against,
                comparison=comparison,
                adjusted_p=p,
                m=m,
                sentence=verdict,
            )
        )
    return found


def level(facts: SerializerFacts, record: str, contender: str, operation: str) -> Estimate:
    """Microseconds per call: the median over rounds."""
    return median([float(v) for v in facts.us(record, contender, operation)])


def added(facts: SerializerFacts, record: str, contender: str, operation: str) -> Estimate:
    """Microseconds that a serializer adds to a SET or GET of raw bytes of the same length, paired by round."""
    difference = facts.us(record, contender, operation) - facts.us(record, contender, f"raw-{operation}")
    return median([float(v) for v in difference])


def ratio(facts: SerializerFacts, record: str, contender: str, against: str, operation: str) -> float:
    """Ratio to the reference's time; nan without one."""
    c = compare(list(facts.us(record, contender, operation)), list(facts.us(record, against, operation)))
    if c.ratio is not None:
        return c.ratio.estimate
    return math.sqrt(c.low_seen * c.high_seen) if c.rounds else math.nan
