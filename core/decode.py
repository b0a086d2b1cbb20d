"""Converts data of JSON or TOML to a type, by msgspec. An error names the place of the first wrong value."""

import re
from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import msgspec

from stampede.core.errors import Mismatch, Problem

T = TypeVar("T")

PLACE = r"(?: - at `(?P<place>.*)`)?"
MESSAGES: tuple[tuple[Problem, re.Pattern[str]], ...] = (
    ("type", re.compile(r"Expected `(?P<want>.*)`, got `(?P<got>[^`]*)`" + PLACE)),
    ("range", re.compile(r"Expected (?P<want>.*?)" + PLACE)),
    ("missing", re.compile(r"Object missing required field `(?P<got>.*?)`" + PLACE)),
    ("unknown", re.compile(r"Object contains unknown field `(?P<got>.*?)`" + PLACE)),
    ("word", re.compile(r"Invalid enum value (?P<got>.*?)" + PLACE)),
    ("other", re.compile(r"(?P<got>.*?)" + PLACE)),
)
"""Patterns for msgspec's messages. The first one that matches counts."""

IN_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}
"""Names of types in messages for the user of a TOML file."""


def convert(data: Any, kind: type[T]) -> T:
    """The data as that type. Raises Mismatch.

    Keys that a dataclass does not have are left out; a Struct may forbid them. An int is accepted for a float. No other
    value is converted.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise explained(str(error)) from error
    except RecursionError as error:
        raise Mismatch("depth", "$", "nested too deeply", f"the fields of {kind.__name__}") from error


def in_words(types: str) -> str:
    """The wanted types of a Mismatch in words: `int | null` is a whole number."""
    return " or ".join(IN_WORDS.get(name, name) for name in types.split(" | ") if name != "null")


def explained(message: str) -> Mismatch:
    """The Mismatch that a message of msgspec describes."""
    for problem, pattern in MESSAGES:
        found = pattern.fullmatch(message)
        if found is not None:
            parts = {name: (text or "").replace("`", "") for name, text in found.groupdict().items()}
            return Mismatch(problem, parts["place"] or "$", parts.get("got", ""), parts.get("want", ""))
    return Mismatch("other", "$", message, "")


def table_type(kind: type, *, without: Iterable[str] = (), optional: bool = False) -> type[msgspec.Struct]:
    """A type for a table of a file, with the fields of a dataclass. Other keys are refused.

    `without`: fields that the table may not have. `optional`: the table may omit every field. An omitted field is UNSET
    in the converted table.
    """
    return msgspec.defstruct(
        f"{kind.__name__}Table",
        [
            (f.name, f.type | msgspec.UnsetType, msgspec.UNSET)
            if optional or f.default is not MISSING
            else (f.name, f.type)
            for f in fields(kind)
            if f.name not in without
        ],
        forbid_unknown_fields=True,
        kw_only=True,
    )
