"""JSON: text that every language and every engineer can read.

Good for: caches shared between languages, debugging by eye (`redis-cli GET user:1`).
Bad for: binary data, and types that JSON does not have: dates, decimals, UUIDs and numbers as keys of a dict become
text, and stay text when they are read, unless the reader knows the record's type. NaN is written as NaN, which is not
JSON: other readers refuse it.
Untrusted bytes: safe to read; nesting deeper than Python's recursion limit raises.
Source: RFC 8259; the article's serializer (P1, B3). Departures: the article calls `json.dumps` without options, which
refuses dates and decimals; here they are written as text, so that a row with a timestamp can be cached. The encoder is
built once, because `json.dumps` with any option builds one per call.
"""

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from stampede.patterns.serialization.serializer import Serializer


class Json(Serializer[Any]):
    summary = "JSON by the standard library, compact UTF-8"
    wire = "json"

    def __init__(self) -> None:
        self.encode = json.JSONEncoder(default=as_text, ensure_ascii=False, separators=(",", ":")).encode

    def dumps(self, value: Any) -> bytes:
        return self.encode(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


def as_text(value: object) -> str:
    """A value of a database row that JSON has no type for, as text. Raises TypeError."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
