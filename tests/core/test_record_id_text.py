"""The text of a record's id in a key's name: the same for equal ids, different for different ids, and found again."""

from collections import namedtuple
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stampede.core.text.record_id_text import id_text, record_in_key

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
COLUMNS: dict[str, st.SearchStrategy[object]] = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(max_size=8) | st.sampled_from(["a:b", "a%3Ab", "{x}", "", " ", "é", "e\u0301", "\x01"]),
    "uuid": st.uuids(),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(timezones=ZONES),
    "time": st.times(),
    "interval": st.timedeltas(),
    "numeric": st.decimals(allow_nan=False, places=3, min_value=-1000, max_value=1000),
    "double precision": st.floats(allow_nan=False),
    "bytea": st.binary(max_size=8),
    "boolean": st.booleans(),
    "inet": st.ip_addresses(),
}
"""The values of a column of each type."""


def rows(names: list[str]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.tuples(*(COLUMNS[name] for name in names))


TABLES = st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=3)
PAIRS = TABLES.flatmap(lambda names: st.tuples(rows(names), rows(names)))
"""Two ids of one table, with one to three columns."""


def as_id(row: tuple[object, ...]) -> object:
    """The id as contenders get it: a value, or a NamedTuple of several."""
    id_type: Any = namedtuple("Id", [f"c{n}" for n in range(len(row))])  # type: ignore[misc]
    return row[0] if len(row) == 1 else id_type(*row)


@given(PAIRS)
@example(((Decimal("1.0"),), (Decimal("1.00"),)))
@example((("a:b", "c"), ("a", "b:c")))
@example(((0.0,), (-0.0,)))
def test_two_ids_of_a_table_have_the_same_text_if_and_only_if_they_are_equal(
    pair: tuple[tuple[object, ...], tuple[object, ...]],
) -> None:
    one, two = pair
    assert (id_text(as_id(one)) == id_text(as_id(two))) == (one == two)


@given(PAIRS)
def test_a_text_holds_no_character_that_separates_or_hides(
    pair: tuple[tuple[object, ...], tuple[object, ...]],
) -> None:
    """Each part is printable ASCII without separators, and the number of parts is that of the columns."""
    text = id_text(as_id(pair[0]))
    assert text.isascii()
    assert text.isprintable() or not text
    assert not set(text) & set(" {}*?[]\\")
    assert text.count(":") == len(pair[0]) - 1


@given(PAIRS, st.sampled_from(["", "lock:", "{"]), st.sampled_from(["", ":v3", ":version", "}", ":lock"]))
def test_the_id_is_found_in_a_key_that_a_contender_derives(
    pair: tuple[tuple[object, ...], tuple[object, ...]], before: str, after: str
) -> None:
    record_id = as_id(pair[0])
    key = f"stampede-7:{before}product:{id_text(record_id)}{after}".encode()
    found = record_in_key("product", as_id(pair[1])).search(key)
    assert found is not None
    assert found[1].decode() == id_text(record_id)


@pytest.mark.parametrize(
    ("record_id", "text"),
    [
        (12, "12"),
        (True, "true"),
        (UUID("0F4b6B1e-0000-4000-8000-00000000000a"), "0f4b6b1e-0000-4000-8000-00000000000a"),
        (datetime(2026, 11, 30, 12, tzinfo=timezone(timedelta(hours=2))), "2026-11-30T10%3A00%3A00+00%3A00"),
        ("ann@example.org", "ann@example.org"),
        ("a b:c", "a%20b%3Ac"),
        (b"\x00\xff", "00ff"),
        (Decimal("12.50"), "12.5"),
        (ip_address("10.0.0.1"), "10.0.0.1"),
        ((7, "A-1"), "7:A-1"),
    ],
)
def test_a_text_can_be_read_by_a_person(record_id: object, text: str) -> None:
    assert id_text(record_id) == text


def test_another_entity_is_not_found() -> None:
    assert record_in_key("order", 1).search(b"stampede:reorder:5") is None
    assert record_in_key("order", 1).search(b"stampede:order_item:5") is None
