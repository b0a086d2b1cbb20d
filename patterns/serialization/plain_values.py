"""Converts records to plain values and back, by the fields that a dataclass declares.

Plain values are dict, list, str, int, float, bool and None. A type that a format does not have becomes text: dates in
ISO 8601, decimals and UUIDs as written, bytes in base64. The conversions of a type are built once, as a list of (field,
conversion), so that no type is looked up for each record. The reader is tolerant: it drops unknown fields and gives
missing fields their default.
"""

import types
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

Convert = Callable[[Any], Any]

AS_TEXT: dict[type, tuple[Convert, Convert]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (time.isoformat, time.fromisoformat),
    timedelta: (timedelta.total_seconds, lambda seconds: timedelta(seconds=seconds)),
    Decimal: (str, Decimal),
    UUID: (str, UUID),
    bytes: (lambda data: b64encode(data).decode("ascii"), b64decode),
}
"""Type to its two conversions: to a plain value, and back."""


def as_plain(value: Any) -> Any:
    """The plain form of a value that a format has no type for. Libraries that traverse records call it."""
    if type(value) in AS_TEXT:
        return AS_TEXT[type(value)][0](value)
    if isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no plain form")


def plain_from(kind: Any, native: Collection[type]) -> Convert:
    """The conversion of a record to a plain value. `native`: types that the format has."""
    return outward(kind, native) or (lambda value: value)


def record_from(kind: Any, native: Collection[type]) -> Convert:
    """The conversion of a plain value to a record. It raises the error of the type's constructor for a wrong value."""
    return inward(kind, native) or (lambda value: value)


def outward(kind: Any, native: Collection[type]) -> Convert | None:
    """The conversion of that type to a plain value. None: the value is plain already."""
    origin, arguments = parts(kind)
    if kind in native:
        return None
    if kind in AS_TEXT:
        return AS_TEXT[kind][0]
    if is_dataclass(kind):
        return outward_dataclass(kind, native)  # type: ignore[arg-type]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda member: member.value
    if origin is Union:
        return optional(outward(arguments[0], native))
    if origin in (list, tuple, set, frozenset):
        return outward_items(origin, outward(arguments[0], native), native)
    if origin is dict:
        inner = outward(arguments[1], native)
        return None if inner is None else lambda value: {k: inner(v) for k, v in value.items()}
    return None


def outward_items(origin: Any, inner: Convert | None, native: Collection[type]) -> Convert | None:
    if inner is not None:
        return lambda value: [inner(item) for item in value]
    return list if origin in (set, frozenset) and origin not in native else None


def outward_dataclass(kind: type, native: Collection[type]) -> Convert:
    changed = [(name, f) for name, hint in declared(kind).items() if (f := outward(hint, native)) is not None]
    if not changed:
        return vars  # the record's own dict; serializers do not change it

    def to_plain(value: Any) -> dict[str, Any]:
        plain: dict[str, Any] = vars(value).copy()
        for name, convert in changed:
            plain[name] = convert(plain[name])
        return plain

    return to_plain


def inward(kind: Any, native: Collection[type]) -> Convert | None:
    """The conversion of a plain value to that type. None: the value stays the same."""
    origin, arguments = parts(kind)
    if kind in native:
        return None
    if kind in AS_TEXT:
        return AS_TEXT[kind][1]
    if is_dataclass(kind):
        return inward_dataclass(kind, native)  # type: ignore[arg-type]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if origin is Union:
        return optional(inward(arguments[0], native))
    if origin in (list, tuple, set, frozenset):
        return inward_items(origin, inward(arguments[0], native))
    if origin is dict:
        return inward_dict(arguments[0], inward(arguments[1], native))
    return None


def inward_items(origin: Any, inner: Convert | None) -> Convert | None:
    if origin is list:
        return None if inner is None else lambda value: [inner(item) for item in value]
    if inner is None:
        return origin  # type: ignore[no-any-return]
    return lambda value: origin(inner(item) for item in value)


def inward_dict(key: Any, inner: Convert | None) -> Convert | None:
    if key is int:  # keys in JSON are text
        return lambda value: {int(k): v if inner is None else inner(v) for k, v in value.items()}
    return None if inner is None else lambda value: {k: inner(v) for k, v in value.items()}


def inward_dataclass(kind: type, native: Collection[type]) -> Convert:
    hints = declared(kind)
    changed = [(name, f) for name, hint in hints.items() if (f := inward(hint, native)) is not None]

    def to_record(plain: dict[str, Any]) -> Any:
        for name, convert in changed:
            if name in plain:
                plain[name] = convert(plain[name])
        try:
            return kind(**plain)
        except TypeError:
            return kind(**{name: value for name, value in plain.items() if name in hints})

    return to_record


def optional(inner: Convert | None) -> Convert | None:
    return None if inner is None else lambda value: None if value is None else inner(value)


def declared(kind: type) -> dict[str, Any]:
    """The fields of a dataclass and their types."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """Origin and arguments of a type. X | None is (Union, (X,)). A list without an item type can contain any value."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return Union, tuple(a for a in arguments if a is not type(None))
    if kind in (list, tuple, set, frozenset):
        return kind, (Any,)
    if kind is dict:
        return dict, (Any, Any)
    return origin, arguments
