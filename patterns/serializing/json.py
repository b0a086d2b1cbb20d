"""JSON: text that every language and every engineer reads.

Good for: caches shared between languages, debugging by eye (`redis-cli GET user:1`).
Bad for: binary data, and types that JSON has no name for: dates, decimals and UUIDs become text on the way in
and stay text on the way out.
Source: RFC 8259; the article's serializer (P1, B3). Departure: the article calls `json.dumps` bare, which refuses
dates and decimals; here they are written as text, so that a row with a timestamp can be cached at all.
"""

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from patterns.serializing.base import Serializer


class Json(Serializer[Any]):
    summary = "standard library's json, compact UTF-8"

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value, default=as_text, ensure_ascii=False, separators=(",", ":")).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


def as_text(value: object) -> str:
    """What a database row may hold and JSON has no type for, in its usual written form."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
