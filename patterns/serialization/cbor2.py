"""CBOR: binary like MessagePack, an Internet standard, with tags for dates, decimals, UUIDs and sets.

Good for: records whose types must survive without a schema: decimals and timestamps keep their types.
Bad for: speed, with this Python library; datetimes without a time zone (refused).
Untrusted bytes: safe to read; nesting beyond 400 levels and lengths beyond the data raise.
Source: RFC 8949; github.com/agronholm/cbor2. Departures: none.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import cbor2

from stampede.patterns.serialization.serializer import Serializer


class Cbor2(Serializer[Any]):
    summary = "CBOR by cbor2"
    wire = "cbor"
    native = frozenset({bytes, datetime, Decimal, UUID})

    def dumps(self, value: Any) -> bytes:
        return cbor2.dumps(value)

    def loads(self, data: bytes) -> Any:
        return cbor2.loads(data)
