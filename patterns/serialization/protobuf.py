"""Protocol Buffers: fields identified by number, from a schema that writer and reader compile.

Good for: records that teams and languages share, with a common schema that changes over years: unknown fields are
skipped, missing fields get their default.
Bad for: data without declared fields. Speed with Python objects: a message is not a record of the application, so every
read and write also pays for a conversion. Changed types: a field whose type changed may silently be read as its default
(only the writer refuses a value of another type).
Untrusted bytes: safe to read; nesting beyond 100 levels and lengths beyond the data raise.
Source: protobuf.dev; the article's fourth serializer (A3). The messages are in schema/records.proto, compiled by
`python -m grpc_tools.protoc -I. --python_out=. patterns/serialization/schema/records.proto`.
Departures: timestamps use the well-known type (and are UTC when they are read); decimals and UUIDs are text.
"""

from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Union
from uuid import UUID

from stampede.core.errors import ConfigError
from stampede.patterns.serialization.plain_values import declared, optional, parts
from stampede.patterns.serialization.schema import records_pb2
from stampede.patterns.serialization.serializer import Serializer

Convert = Callable[[Any], Any]


class Protobuf(Serializer[Any]):
    summary = "Protocol Buffers by protobuf (upb)"
    wire = "protobuf"
    schema = "both"

    def __init__(self, record_type: type[Any]) -> None:
        self.to_message, self.to_record = conversions(record_type)
        self.message = message_of(record_type)

    def dumps(self, value: Any) -> bytes:
        encoded: bytes = self.to_message(value).SerializeToString()
        return encoded

    def loads(self, data: bytes) -> Any:
        return self.to_record(self.message.FromString(data))

    @classmethod
    def for_type(cls, record_type: type[Any]) -> "Protobuf":
        return cls(record_type)


def message_of(record_type: type[Any]) -> Any:
    """The compiled message of the record's `message` attribute, else of its class name. Raises ConfigError."""
    name = getattr(record_type, "message", record_type.__name__)
    message = getattr(records_pb2, name, None)
    if message is None:
        raise ConfigError("record_type", name, "a dataclass whose message is in schema/records.proto")
    return message


def conversions(record_type: type[Any]) -> tuple[Convert, Convert]:
    """The conversions of a record to its message, and back. Raises ConfigError."""
    message = message_of(record_type)
    repeated = {f.name for f in message.DESCRIPTOR.fields if f.is_repeated}
    pairs = {name: of_type(hint) for name, hint in declared(record_type).items()}
    missing = sorted(set(pairs) - set(message.DESCRIPTOR.fields_by_name))
    if missing:
        raise ConfigError("record_type", record_type.__name__, f"message fields for {', '.join(missing)}")
    nullable = {n for n, h in declared(record_type).items() if parts(h)[0] is Union}

    def to_message(record: Any) -> Any:
        given = vars(record)
        return message(**{name: out(given[name]) if out else given[name] for name, (out, _) in pairs.items()})

    def to_record(found: Any) -> Any:
        return record_type(
            **{
                name: None
                if name in nullable and not found.HasField(name)
                else into(getattr(found, name))
                if into
                else getattr(found, name)
                for name, (_, into) in pairs.items()
            }
        )

    assert all(parts(h)[0] in (list, tuple, set, dict) for n, h in declared(record_type).items() if n in repeated)
    return to_message, to_record


def of_type(kind: Any) -> tuple[Convert | None, Convert | None]:
    """The conversions to the message's field, and back. None: none needed. Raises ConfigError for other types."""
    origin, arguments = parts(kind)
    if kind in (int, float, str, bytes, bool):
        return None, None
    if kind is datetime:
        return None, lambda stamp: stamp.ToDatetime(tzinfo=UTC)
    if kind in (Decimal, UUID):
        return str, kind
    if is_dataclass(kind):
        return conversions(kind)  # type: ignore[arg-type]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return (lambda member: member.value), kind
    if origin is Union:
        out, into = of_type(arguments[0])
        return optional(out), into
    if origin in (list, tuple, set):
        out, into = of_type(arguments[0])
        return each(out, list) if out else None, each(into, origin)
    if origin is dict:
        return None, dict
    raise ConfigError("record_type", getattr(kind, "__name__", kind), "a type that Protocol Buffers have")


def each(convert: Convert | None, into: Any) -> Convert:
    """The conversion of a list: each item, then the list itself."""
    if convert is None:
        return into  # type: ignore[no-any-return]
    return lambda items: into([convert(item) for item in items])
