"""MessagePack: JSON's types in binary, shorter and faster, with bytes and timestamps besides.

Good for: records with binary fields, many small numbers, or a reader in another language.
Bad for: reading by eye; decimals and dates become text; dicts whose keys are no strings are written but, by default,
refused when read.
Untrusted bytes: safe to read; nesting beyond 1,024 levels and lengths beyond the data raise.
Source: msgpack.org; the article's second serializer (B3, A3). Departures: aware datetimes travel as MessagePack's own
timestamp (they come back in UTC), other dates and decimals as text; the bare `packb` refuses them all. Where the
record's type is known, all dates go as text and come back as they were.
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
    """What MessagePack has no type for, in its usual written form."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no MessagePack form")
