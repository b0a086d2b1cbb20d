"""A record's class changes while the cache is full: old bytes meet new code, and in a rolling deployment the reverse.

Pickle stores where a class is found, so both versions stand, one after the other, under the same name in this module.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, make_dataclass
from typing import Any, Literal

from stampede.loadtests.serializers.fidelity import Outcome, alike, said
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import Codec

Direction = Literal["old bytes, new code", "new bytes, old code"]
Fields = Mapping[str, tuple[type[Any], Any]]
"""Name to (type, default)."""

BEFORE: Fields = {"id": (int, MISSING), "name": (str, ""), "visits": (int, 0)}
BEFORE_VALUES = {"id": 7, "name": "Zoë", "visits": 3}


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the record's class, and what the other side should read."""

    name: str
    message: str
    """The changed Protocol Buffers message."""
    fields: Fields
    values: Mapping[str, Any]
    new_reads: Mapping[str, Any]
    """What new code should make of the old record: nothing lost that it asks for."""
    old_reads: Mapping[str, Any]


CHANGES = (
    Change(
        name="field added, with a default",
        message="AccountAdded",
        fields={**BEFORE, "plan": (str, "")},
        values={**BEFORE_VALUES, "plan": "pro"},
        new_reads={**BEFORE_VALUES, "plan": ""},
        old_reads=BEFORE_VALUES,
    ),
    Change(
        name="field added, required",
        message="AccountAdded",
        fields={**BEFORE, "plan": (str, MISSING)},
        values={**BEFORE_VALUES, "plan": "pro"},
        new_reads={**BEFORE_VALUES, "plan": "pro"},
        old_reads=BEFORE_VALUES,
    ),
    Change(
        name="field removed",
        message="AccountRemoved",
        fields={"id": BEFORE["id"], "name": BEFORE["name"]},
        values={"id": 7, "name": "Zoë"},
        new_reads={"id": 7, "name": "Zoë"},
        old_reads={"id": 7, "name": "Zoë", "visits": 0},
    ),
    Change(
        name="field renamed",
        message="AccountRenamed",
        fields={"id": BEFORE["id"], "full_name": (str, ""), "visits": BEFORE["visits"]},
        values={"id": 7, "full_name": "Zoë", "visits": 3},
        new_reads={"id": 7, "full_name": "Zoë", "visits": 3},
        old_reads=BEFORE_VALUES,
    ),
    Change(
        name="field retyped, int to str",
        message="AccountRetyped",
        fields={"id": BEFORE["id"], "name": BEFORE["name"], "visits": (str, "")},
        values={"id": 7, "name": "Zoë", "visits": "3"},
        new_reads={"id": 7, "name": "Zoë", "visits": "3"},
        old_reads=BEFORE_VALUES,
    ),
)


@dataclass(frozen=True, kw_only=True)
class SchemaChangeResult:
    """What one side made of the other's bytes. same: all that it should read is there."""

    change: str
    direction: Direction
    outcome: Outcome
    what: str


def schema_changes(codec: Codec) -> list[SchemaChangeResult]:
    """Every change, both ways. A serializer that cannot carry the record at all: refused."""
    found = []
    for change in CHANGES:
        for direction, wanted in (
            ("old bytes, new code", change.new_reads),
            ("new bytes, old code", change.old_reads),
        ):
            outcome, what = across(codec.serializer, change, direction, wanted)  # type: ignore[arg-type]
            found.append(SchemaChangeResult(change=change.name, direction=direction, outcome=outcome, what=what))  # type: ignore[arg-type]
    return found


def across(
    serializer: type[Serializer[Any]], change: Change, direction: Direction, wanted: Mapping[str, Any]
) -> tuple[Outcome, str]:
    old = (BEFORE, "Account", BEFORE_VALUES)
    new = (change.fields, change.message, change.values)
    writer, reader = (old, new) if direction == "old bytes, new code" else (new, old)
    try:
        record_type = deploy(writer[0], writer[1])
        data = serializer.for_type(record_type).dumps(record_type(**writer[2]))
        read = serializer.for_type(deploy(reader[0], reader[1])).loads(data)
    except Exception as error:  # noqa: BLE001 - any error is the finding
        return "refused", said(error)
    missing = object()
    got = {name: getattr(read, name, missing) for name in wanted}
    lost = [name for name, value in got.items() if value is missing]
    if lost:
        return "changed", f"without {', '.join(lost)}: fails when it is used"
    if alike(dict(wanted), got):
        return "same", ""
    return "changed", ", ".join(f"{n} = {v!r}" for n, v in got.items() if not alike(v, wanted[n]))


def deploy(fields: Fields, message: str) -> type[Any]:
    """This version of the class takes the name Account."""
    declared = [
        (n, kind) if default is MISSING else (n, kind, field(default=default)) for n, (kind, default) in fields.items()
    ]
    made = make_dataclass("Account", declared, kw_only=True, namespace={"message": message})
    made.__module__ = __name__
    globals()["Account"] = made
    return made
