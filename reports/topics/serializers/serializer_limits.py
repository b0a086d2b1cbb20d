"""What limits a serializer: the types that it keeps, classes that change, hostile bytes, and what it needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from stampede.reports.topics.serializers.serializer_facts import SerializerFacts
from stampede.run_folder.schema import ContenderInfo

KEPT = "same"
SILENT = "changed"
RAN_CODE = "ran code"


@dataclass(frozen=True, kw_only=True)
class LimitsRow:
    """A serializer's row. Counts are "kept of tried"; "–" was not tried."""

    contender: ContenderInfo
    untyped: str
    """Values without a declared type that came back the same."""
    typed: str
    """Declared fields that came back the same."""
    silent: str
    """Values or fields that came back changed, without an error."""
    changes: str
    """Changes of the record's class after which the reader got the expected values."""
    safety: str
    """What hostile bytes did, in one or two words."""
    unsafe: bool
    needs: str
    """What it needs of the application, in a word or two."""


def limits(facts: SerializerFacts) -> list[LimitsRow]:
    """One row for each serializer, in the order of the run."""
    return [
        LimitsRow(
            contender=c,
            untyped=kept(facts.fidelity, c.name, build="untyped"),
            typed=kept(facts.fidelity, c.name, build="typed"),
            silent=silent(facts.fidelity, c.name),
            changes=kept(facts.changes, c.name),
            safety=safety(facts.attacks, c.name),
            unsafe=RAN_CODE in set(facts.attacks.loc[facts.attacks["reader"] == c.name, "verdict"]),
            needs=needs(c),
        )
        for c in facts.serializers
    ]


def kept(frame: pd.DataFrame, name: str, build: str = "") -> str:
    """How many of a serializer's cases ended as KEPT: "17 of 19"."""
    own = frame[frame["contender"] == name]
    if build:
        own = own[own["build"] == build]
    return f"{int((own['outcome'] == KEPT).sum())} of {len(own)}" if len(own) else "–"


def silent(frame: pd.DataFrame, name: str) -> str:
    """How many of its values changed without an error."""
    own = frame[frame["contender"] == name]
    return str(int((own["outcome"] == SILENT).sum())) if len(own) else "–"


def safety(attacks: pd.DataFrame, name: str) -> str:
    """What hostile bytes did: "runs code", or how many inputs it rejected."""
    own: Sequence[str] = attacks.loc[attacks["reader"] == name, "verdict"].tolist()
    if not own:
        return "–"
    if RAN_CODE in own:
        return "runs code"
    return f"rejected {own.count('raised')} of {len(own)}"


def needs(contender: ContenderInfo) -> str:
    """What the serializer needs of the application."""
    schema = contender.config.get("schema", "none")
    return {"none": "nothing", "reader": "declared fields", "both": "a schema at both ends"}.get(schema, str(schema))
