"""Names of keys are grouped by what is left when ids are replaced, and no id that may be secret is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.stack.profile.own_redis.key_patterns import entity_of, key_shown, key_text, patterns_of

UUID = "6f1c2c1e-0f4b-4d57-9a52-0e5a3f3f9b11"


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("product:17", "product:{number}"),
        ("shop:product:17:v2", "shop:product:{number}:v{number}"),
        (f"session:{UUID}", "session:{uuid}"),
        ("page/2026-12-01", "page/{date}"),
        ("mail:ann@example.com", "mail:{email}"),
        ("etag:9e107d9d372bb6826bd81d3542a419d6", "etag:{hash}"),
        ("token:eyJhbGciOiJIUzI1NiIsInR5cCI6", "token:{token}"),
        ("config", "config"),
        ("defaced:decade", "defaced:decade"),
    ],
)
def test_an_id_is_replaced_by_its_kind(key: str, pattern: str) -> None:
    assert patterns_of([key]) == [pattern]


def test_many_words_at_one_place_are_ids() -> None:
    """Names of people are ids when there are many; a few words are not."""
    people = [
        f"user:{first}{last}:cart"
        for first in ("an", "bo", "cy", "di", "ed", "fi")
        for last in ("na", "ra", "so", "ta", "va")
    ]
    few = ["lang:de", "lang:en", "lang:fr"]
    assert set(patterns_of([*people, *few])) == {"user:{text}:cart", *few}


@given(st.lists(st.binary(max_size=40), max_size=50))
def test_any_bytes_have_a_pattern_of_printable_text(keys: list[bytes]) -> None:
    """One pattern for each key, without a control character."""
    found = patterns_of([key_text(key) for key in keys])
    assert len(found) == len(keys)
    assert all("\x1b" not in each and "\n" not in each for each in found)


@pytest.mark.parametrize(
    ("pattern", "entity"),
    [
        ("shop:product:{number}", "product"),
        ("user:{number}:cart", "user"),
        ("{number}", "record"),
        ("config", "config"),
    ],
)
def test_the_word_before_the_id_names_the_entity(pattern: str, entity: str) -> None:
    assert entity_of(pattern) == entity


def test_a_key_that_may_let_a_client_in_is_shown_in_part() -> None:
    assert key_shown(f"session:{UUID}") == "session:6f1c…"
    assert key_shown("product:17") == "product:17"
