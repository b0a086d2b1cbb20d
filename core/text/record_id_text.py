"""The text of a record's id in the name of its key: stable, escaped, and different for different ids of one table."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

READABLE = "@/+,="
"""Characters that stay as they are, as do letters, digits and `_.-~`. All others are percent-encoded (RFC 3986)."""
TEXT_PART = rb"[A-Za-z0-9_.~%@/+,=-]*"
INTEGER_PART = rb"-?\d+"


def id_text(record_id: object) -> str:
    """The id as text for a key's name; the columns of an id of several columns are joined by `:`.

    Ids that are equal have the same text, and ids of the same types that differ have different texts. A text holds no
    `:`, brace, space or control character.
    """
    convert = TEXT_OF.get(type(record_id))
    if convert is not None:
        return convert(record_id)
    if isinstance(record_id, tuple):
        return ":".join(map(id_text, record_id))
    for kind in type(record_id).__mro__:
        if kind in TEXT_OF:
            return TEXT_OF[kind](record_id)
    return escaped(str(record_id))


def escaped(text: str) -> str:
    """The text, percent-encoded as far as it is not readable in a key's name."""
    return text if text.isascii() and text.isalnum() else quote(text, safe=READABLE, errors="surrogatepass")


def decimal_text(value: Decimal) -> str:
    """A number without trailing zeros: PostgreSQL holds 1.0 and 1.00 for equal."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def instant_text(value: datetime) -> str:
    """An instant as ISO 8601; in UTC if it has a time zone, because sessions may differ in their zones."""
    if value.tzinfo is not None:
        try:
            value = value.astimezone(UTC)
        except OverflowError:  # the first and the last day of the calendar
            return escaped(value.isoformat())
    return escaped(value.isoformat())


TEXT_OF: Mapping[type, Callable[[Any], str]] = {
    int: str,
    str: escaped,
    UUID: str,
    bool: lambda value: "true" if value else "false",
    datetime: instant_text,
    date: date.isoformat,
    time: lambda value: escaped(value.isoformat()),
    timedelta: lambda value: escaped(str(value)),
    Decimal: decimal_text,
    float: lambda value: repr(value + 0.0),
    bytes: bytes.hex,
}
"""How the ids of each type are written."""


def record_in_key(entity: str, example: object) -> re.Pattern[bytes]:
    """Finds the record's id in a key's name: group 1 is its `id_text`. `example`: an id of the same table."""
    parts = example if isinstance(example, tuple) else (example,)
    shapes = [INTEGER_PART if type(part) is int else TEXT_PART for part in parts]
    return re.compile(rb"(?:^|[^A-Za-z0-9_.-])" + re.escape(entity.encode()) + rb":(" + rb":".join(shapes) + rb")")
