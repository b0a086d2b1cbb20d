"""Conversion of data to types: an error names the place of the first wrong value."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pytest

from stampede.core.decode import convert, in_words, table_type
from stampede.core.errors import Mismatch


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part."""

    round: int


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A whole."""

    name: str
    cells: tuple[Inner, ...] = ()
    share: float = 1.0
    arrivals: Literal["poisson", "closed"] = "closed"
    most: int | None = None


def test_valid_data_is_converted() -> None:
    """Lists become tuples, objects become dataclasses, an int is accepted for a float, unknown keys are left out."""
    found = convert({"name": "a", "cells": [{"round": 1}], "share": 2, "later": 1}, Outer)
    assert found == Outer(name="a", cells=(Inner(round=1),), share=2.0)


@pytest.mark.parametrize(
    ("data", "problem", "place", "field"),
    [
        ({"name": 1}, "type", "$.name", "name"),
        ({"name": "a", "cells": [{"round": "1"}]}, "type", "$.cells[0].round", "cells[0].round"),
        ({"name": "a", "share": True}, "type", "$.share", "share"),
        ({"name": "a", "most": 1.0}, "type", "$.most", "most"),
        ({"name": "a", "arrivals": "never"}, "word", "$.arrivals", "arrivals"),
        ({"share": 1.0}, "missing", "$", "name"),
        ({"name": "a", "cells": [{}]}, "missing", "$.cells[0]", "cells[0].round"),
        (3, "type", "$", ""),
    ],
)
def test_wrong_value_is_named(data: Any, problem: str, place: str, field: str) -> None:
    """The error contains the kind of problem, the place of the value, and the field."""
    with pytest.raises(Mismatch) as wrong:
        convert(data, Outer)
    assert (wrong.value.problem, wrong.value.place, wrong.value.field) == (problem, place, field)


def test_table_refuses_unknown_keys() -> None:
    """With `optional`, every field may be omitted. A field of `without` is unknown."""
    kind = table_type(Outer, without=("cells",), optional=True)
    assert convert({}, kind).name is msgspec.UNSET  # type: ignore[attr-defined]
    unknown: tuple[dict[str, Any], ...] = ({"nam": "a"}, {"cells": []})
    for data in unknown:
        with pytest.raises(Mismatch) as wrong:
            convert(data, kind)
        assert (wrong.value.problem, wrong.value.field) == ("unknown", next(iter(data)))


def test_table_needs_the_fields_without_default() -> None:
    """A field that the dataclass requires is required in the table."""
    with pytest.raises(Mismatch) as wrong:
        convert({}, table_type(Outer))
    assert (wrong.value.problem, wrong.value.field) == ("missing", "name")


def test_types_are_named_in_words() -> None:
    """The words are for the user of a TOML file, which has no null."""
    assert in_words("int | null") == "a whole number"
    assert in_words("float") == "a number"
    assert in_words("str | array") == "text or a list"
