"""Fidelity: each value makes a round trip through each serializer and comes back the same, changed, or is refused."""

import math
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from stampede.patterns.serialization.schema.records import Address
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import NamedSerializer

Outcome = Literal["same", "refused", "changed"]
Build = Literal["untyped", "typed"]


class Color(Enum):
    RED = "red"


@dataclass(frozen=True, kw_only=True)
class FidelityCase:
    """A value and, for typed serializers, the declared type of its field."""

    name: str
    value: Any
    declared: Any
    message: str = ""
    """The Protocol Buffers message with such a field."""


@dataclass(frozen=True, kw_only=True)
class FidelityResult:
    """The result of one value."""

    build: Build
    case: str
    outcome: Outcome
    what: str
    """The value that came back instead, or the error and the step that raised it."""


UTC_TIME = datetime(2026, 3, 29, 1, 30, 15, 123456, tzinfo=UTC)
CASES = (
    FidelityCase(name="int", value=42, declared=int, message="IntField"),
    FidelityCase(name="int of 70 bits", value=2**70, declared=int, message="IntField"),
    FidelityCase(name="float", value=0.1, declared=float, message="FloatField"),
    FidelityCase(name="negative zero", value=-0.0, declared=float, message="FloatField"),
    FidelityCase(name="NaN", value=math.nan, declared=float, message="FloatField"),
    FidelityCase(name="infinity", value=math.inf, declared=float, message="FloatField"),
    FidelityCase(name="bool", value=True, declared=bool, message="BoolField"),
    FidelityCase(name="None", value=None, declared=str | None, message="OptionalField"),
    FidelityCase(name="str, ASCII", value="Ada", declared=str, message="StrField"),
    FidelityCase(name="str, other scripts", value="Zoë 東京 🚀", declared=str, message="StrField"),
    *(
        FidelityCase(name=f"str, {name}", value=text, declared=str, message="StrField")
        for name, text in {
            "empty": "",
            "digits": "42",
            "leading zeros": "007",
            "more digits than 64 bits": "12345678901234567890123",
            "a sign and digits": "-5",
            "an exponent": "1e5",
            "a decimal point": "1.50",
            "true": "true",
            "null": "null",
            "NaN": "NaN",
            "a date": "2026-03-29",
            "brackets": "[1]",
        }.items()
    ),
    FidelityCase(name="str, lone surrogate", value="\ud800", declared=str, message="StrField"),
    FidelityCase(name="bytes", value=b"\x00\xff", declared=bytes, message="BytesField"),
    FidelityCase(name="datetime in UTC", value=UTC_TIME, declared=datetime, message="DatetimeField"),
    FidelityCase(
        name="datetime at +02:00",
        value=UTC_TIME.astimezone(timezone(timedelta(hours=2))),
        declared=datetime,
        message="DatetimeField",
    ),
    FidelityCase(
        name="datetime, naive", value=UTC_TIME.replace(tzinfo=None), declared=datetime, message="DatetimeField"
    ),
    FidelityCase(name="date", value=date(2026, 3, 29), declared=date),
    FidelityCase(name="time", value=time(1, 30, 15), declared=time),
    FidelityCase(name="timedelta", value=timedelta(days=1, microseconds=1), declared=timedelta),
    FidelityCase(name="Decimal", value=Decimal("19.90"), declared=Decimal, message="DecimalField"),
    FidelityCase(name="UUID", value=UUID("12345678-1234-5678-1234-567812345678"), declared=UUID, message="UuidField"),
    FidelityCase(name="Enum", value=Color.RED, declared=Color, message="StrField"),
    FidelityCase(name="list", value=[1, 2], declared=list[int], message="ListField"),
    FidelityCase(name="tuple", value=(1, 2), declared=tuple[int, ...], message="TupleField"),
    FidelityCase(name="set", value={1, 2}, declared=set[int], message="SetField"),
    FidelityCase(name="dict with int keys", value={1: "a"}, declared=dict[int, str], message="IntKeysField"),
    FidelityCase(
        name="dataclass",
        value=Address(street="Main 1", city="Łódź", postcode=None, country="PL"),
        declared=Address,
        message="NestedField",
    ),
)


def fidelity(codec: NamedSerializer) -> list[FidelityResult]:
    """The results of every case, untyped (a value in a dict) and typed (a declared field).

    Untyped cases are left out for a serializer without an untyped form (protobuf).
    """
    results = []
    untyped = build(codec.serializer, dict)
    for case in CASES:
        if untyped is not None:
            results.append(round_trip(untyped, "untyped", case.name, {"value": case.value}, lambda d: d["value"]))
        results.append(typed_result(codec, case))
    return results


def build(serializer: type[Serializer[Any]], record_type: type[Any]) -> Serializer[Any] | None:
    try:
        return serializer.for_type(record_type)
    except Exception:  # noqa: BLE001 - the format cannot carry the type: the caller reports it
        return None


def typed_result(codec: NamedSerializer, case: FidelityCase) -> FidelityResult:
    field_type = record_class(case)
    try:
        serializer = codec.serializer.for_type(field_type)
    except Exception as error:  # noqa: BLE001 - any error is the finding
        return FidelityResult(build="typed", case=case.name, outcome="refused", what=f"when built: {error_line(error)}")
    return round_trip(serializer, "typed", case.name, field_type(value=case.value), lambda record: record.value)


def record_class(case: FidelityCase) -> type[Any]:
    """A dataclass with one field of the case's type, in this module so that pickle finds it."""
    name = "Holder" + "".join(c for c in case.name.title() if c.isalnum())
    made = make_dataclass(name, [("value", case.declared)], kw_only=True, namespace={"message": case.message or name})
    made.__module__ = __name__
    globals()[name] = made
    return made


def round_trip(
    serializer: Serializer[Any], build: Build, case: str, record: Any, value_of: Callable[[Any], Any]
) -> FidelityResult:
    """Write, read, and compare values and types, nested ones too."""
    sent = value_of(record)
    step = "when written"
    try:
        data = serializer.dumps(record)
        step = "when read"
        received = value_of(serializer.loads(data))
    except Exception as error:  # noqa: BLE001 - any error is the finding
        return FidelityResult(build=build, case=case, outcome="refused", what=f"{step}: {error_line(error)}")
    if alike(sent, received):
        return FidelityResult(build=build, case=case, outcome="same", what="")
    return FidelityResult(build=build, case=case, outcome="changed", what=f"{received!r}")


def alike(a: Any, b: Any) -> bool:
    """Whether both are equal in value and type. NaN equals NaN; zeros differ by sign; times by instant and offset."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, datetime):
        return bool(a == b) and a.utcoffset() == b.utcoffset()
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            alike(k, m) and alike(v, w) for (k, v), (m, w) in zip(a.items(), b.items(), strict=True)
        )
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b, strict=True))
    if hasattr(a, "__dataclass_fields__"):
        return alike(vars(a), vars(b))
    return bool(a == b)


def error_line(error: Exception) -> str:
    """The error as one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__
