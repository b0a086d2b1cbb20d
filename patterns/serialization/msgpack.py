"""MessagePack: JSON's types in a binary format that is shorter and faster, plus bytes and timestamps.

Good for: records with binary fields or many small numbers, or readers in other languages.
Bad for: reading by eye. Decimals become text, and so do dates without a time zone. Dicts whose keys are not strings are
written but, by default, refused when they are read.
Untrusted bytes: safe to read; nesting beyond 1,024 levels and lengths beyond the data raise.
Source: msgpack.org; the article's second serializer (B3, A3). Departures: datetimes with a time zone become
MessagePack's timestamp (and are UTC when they are read), other dates and decimals become text; `packb` without options
refuses all of them. If the record's type is known, all dates are written as text and read as they were.
"""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgpack

from stampede.patterns.serialization.serializer import Serializer


class Msgpack(Serializer[Any]):
    summary = "MessagePack by msgpack (C)"
    wire = "msgpack"
    native = frozenset({bytes})

    def dumps(self, value: Any) -> bytes:
        packed: bytes = msgpack.packb(value, datetime=True, default=as_text)
        return packed

    def loads(self, data: bytes) -> Any:
        return msgpack.unpackb(data, timestamp=3)


def as_text(value: object) -> str:
    """A value that MessagePack has no type for, as text. Raises TypeError."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no MessagePack form")
