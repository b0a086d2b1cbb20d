"""Schema changes: new code reads old bytes from the cache; in a rolling deployment, old code also reads new bytes.

Pickle stores the name of a class, so both versions take the same name in this module, one after the other.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, make_dataclass
from typing import Any, Literal

from stampede.loadtests.serializers.fidelity import Outcome, alike, error_line
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import NamedSerializer

Direction = Literal["old bytes, new code", "new bytes, old code"]
Fields = Mapping[str, tuple[type[Any], Any]]
"""Name to (type, default)."""

BEFORE: Fields = {"id": (int, MISSING), "name": (str, ""), "visits": (int, 0)}
BEFORE_VALUES = {"id": 7, "name": "Zoë", "visits": 3}


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the record's class, and the values that the other side should read."""

    name: str
    message: str
    """The changed Protocol Buffers message."""
    fields: Fields
    values: Mapping[str, Any]
    new_reads: Mapping[str, Any]
    """The values that new code should read from the old record."""
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
    """The result of one side reading the other's bytes. "same": all expected values were read."""

    change: str
    direction: Direction
    outcome: Outcome
    what: str


def schema_changes(codec: NamedSerializer) -> list[SchemaChangeResult]:
    """Every change in both directions; "refused" if the serializer cannot carry the record."""
    found = []
    for change in CHANGES:
        for direction, expected in (
            ("old bytes, new code", change.new_reads),
            ("new bytes, old code", change.old_reads),
        ):
            outcome, what = read_across(codec.serializer, change, direction, expected)  # type: ignore[arg-type]
            found.append(SchemaChangeResult(change=change.name, direction=direction, outcome=outcome, what=what))  # type: ignore[arg-type]
    return found


def read_across(
    serializer: type[Serializer[Any]], change: Change, direction: Direction, expected: Mapping[str, Any]
) -> tuple[Outcome, str]:
    old = (BEFORE, "Account", BEFORE_VALUES)
    new = (change.fields, change.message, change.values)
    writer, reader = (old, new) if direction == "old bytes, new code" else (new, old)
    try:
        record_type = deploy(writer[0], writer[1])
        data = serializer.for_type(record_type).dumps(record_type(**writer[2]))
        read = serializer.for_type(deploy(reader[0], reader[1])).loads(data)
    except Exception as error:  # noqa: BLE001 - any error is the finding
        return "refused", error_line(error)
    missing = object()
    received = {name: getattr(read, name, missing) for name in expected}
    missing_fields = [name for name, value in received.items() if value is missing]
    if missing_fields:
        return "changed", f"without {', '.join(missing_fields)}: fails on first use"
    if alike(dict(expected), received):
        return "same", ""
    return "changed", ", ".join(f"{n} = {v!r}" for n, v in received.items() if not alike(v, expected[n]))


def deploy(fields: Fields, message: str) -> type[Any]:
    """Make this version of the class the current Account."""
    declared = [
        (n, kind) if default is MISSING else (n, kind, field(default=default)) for n, (kind, default) in fields.items()
    ]
    record_type = make_dataclass("Account", declared, kw_only=True, namespace={"message": message})
    record_type.__module__ = __name__
    globals()["Account"] = record_type
    return record_type
