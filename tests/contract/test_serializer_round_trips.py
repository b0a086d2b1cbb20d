"""Serializers restore every value that they claim to keep. The fidelity check finds what they do not keep."""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.loadtests.serializers.fidelity import CASES, alike, fidelity
from stampede.loadtests.serializers.sample_records import kinds
from stampede.patterns.serialization.schema.records import Address, Order, Orders, Profile, User
from stampede.patterns.serialization.serializer import Serializer
from stampede.patterns.serialization.serializer_registry import NamedSerializer, named_serializers

NAMES = sorted(named_serializers())
EXPECTED = {"json", "msgpack", "pickle", "protobuf", "orjson", "msgspec-json", "msgspec-msgpack", "ormsgpack", "cbor2"}

ints = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
floats = st.floats(allow_nan=False, allow_infinity=False)
instants = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2)

users = st.builds(User, id=ints, name=texts, email=texts, body=texts, version=ints, updated_at=texts)
addresses = st.builds(Address, street=texts, city=texts, postcode=st.none() | texts, country=texts)
profiles = st.builds(
    Profile,
    id=ints,
    display_name=texts,
    bio=texts,
    joined_at=instants,
    last_seen_at=st.none() | instants,
    balance=decimals,
    avatar=st.binary(max_size=40),
    referrer=st.none() | texts,
    verified=st.booleans(),
    address=addresses,
    interests=st.lists(texts, max_size=4),
    scores=st.lists(floats, max_size=4),
)
orders = st.builds(
    Orders,
    user_id=ints,
    orders=st.lists(
        st.builds(Order, id=ints, sku=texts, title=texts, quantity=ints, amount_cents=ints, placed_at=texts), max_size=4
    ),
)
scalars = st.none() | st.booleans() | ints | floats | texts
plain = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)

TYPED = {
    (name, kind): named_serializers()[name].serializer.for_type(kind)
    for name in NAMES
    for kind in (User, Profile, Orders)
}


def test_serializers_are_found_by_their_files() -> None:
    """The registry holds every serializer of the folder under its file's name, among them those that are known here."""
    assert set(NAMES) >= EXPECTED
    files = {name: found.serializer.__module__.rpartition(".")[2] for name, found in named_serializers().items()}
    assert {name: file for name, file in files.items() if name != file.replace("_", "-")} == {}
    assert all(serializer.serializer.summary for serializer in named_serializers().values())


@pytest.mark.parametrize("name", NAMES)
@given(user=users, profile=profiles, listed=orders)
@settings(max_examples=40, deadline=None)
def test_typed_record_is_restored(name: str, user: User, profile: Profile, listed: Orders) -> None:
    """Any user, profile and list of orders is equal after a round trip, including the types of its values."""
    for record in (user, profile, listed):
        serializer = TYPED[name, type(record)]
        data = serializer.dumps(record)
        assert type(data) is bytes
        assert alike(serializer.loads(data), record)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"protobuf"}))
@given(value=st.dictionaries(texts, plain, max_size=5))
@settings(max_examples=60, deadline=None)
def test_plain_dict_is_restored(name: str, value: dict[str, Any]) -> None:
    """Every serializer without a schema keeps JSON's types, as a cache of rows needs."""
    serializer = named_serializers()[name].serializer.for_type(dict)
    assert alike(serializer.loads(serializer.dumps(value)), value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [k for k in kinds() if not k.startswith("page")])
def test_records_of_the_bench_are_restored(name: str, kind: str) -> None:
    """Every serializer of the suite restores every record that is timed, so that speeds are comparable."""
    records = kinds()[kind].records(seed=3)
    serializer = named_serializers()[name].serializer.for_type(kinds()[kind].record_type)
    assert [serializer.loads(serializer.dumps(record)) for record in records] == records


def test_only_ascii_records_are_ascii() -> None:
    """All records of the kinds with ASCII text are ASCII, and no records of the other kinds."""
    for kind in kinds().values():
        written = [repr(record).isascii() for record in kind.records(seed=1)]
        assert all(written) if kind.text == "ascii" else not any(written)


def outcome(name: str, build: str, case: str) -> str:
    return next(f.outcome for f in fidelity(named_serializers()[name]) if f.build == build and f.case == case)


@pytest.mark.parametrize(
    ("name", "build", "case", "expected"),
    [
        ("orjson", "untyped", "NaN", "changed"),
        ("orjson", "untyped", "datetime in UTC", "changed"),
        ("orjson", "untyped", "int of 70 bits", "refused"),
        ("json", "untyped", "dict with int keys", "changed"),
        ("json", "untyped", "Decimal", "changed"),
        ("json", "typed", "Decimal", "same"),
        ("json", "untyped", "bytes", "refused"),
        ("msgpack", "untyped", "dict with int keys", "refused"),
        ("msgpack", "untyped", "tuple", "changed"),
        ("pickle", "untyped", "tuple", "same"),
        ("cbor2", "untyped", "Decimal", "same"),
        ("msgspec-json", "typed", "datetime at +02:00", "same"),
        ("protobuf", "typed", "datetime at +02:00", "changed"),
        ("protobuf", "typed", "timedelta", "refused"),
    ],
)
def test_known_changes_are_found(name: str, build: str, case: str, expected: str) -> None:
    """Each known case has its outcome: same, refused, or changed silently."""
    assert outcome(name, build, case) == expected


def test_fidelity_covers_every_case_and_build() -> None:
    """Pickle keeps everything, protobuf has no untyped form, and json has a row for each case and build."""
    assert {f.outcome for f in fidelity(named_serializers()["pickle"])} == {"same"}
    assert {f.build for f in fidelity(named_serializers()["protobuf"])} == {"typed"}
    assert len(fidelity(named_serializers()["json"])) == 2 * len(CASES)


class DropsFractions(Serializer[Any]):
    """Silently drops the fractions of numbers."""

    summary = "drops fractions"

    def dumps(self, value: Any) -> bytes:
        return repr({k: int(v) if isinstance(v, float) and math.isfinite(v) else v for k, v in value.items()}).encode()

    def loads(self, data: bytes) -> Any:
        return eval(data)


def test_silent_change_is_found() -> None:
    """The check reports a serializer that drops fractions."""
    found = {
        f.case: f.outcome
        for f in fidelity(NamedSerializer(name="drops-fractions", serializer=DropsFractions))
        if f.build == "untyped"
    }
    assert found["float"] == "changed"
    assert found["int"] == "same"


@pytest.mark.parametrize(
    ("a", "b"),
    [(1, True), (1, 1.0), (0.0, -0.0), ([1], (1,)), ({1: 2}, {"1": 2}), (Decimal("1.0"), Decimal("1.0") + 1)],
)
def test_equal_values_of_different_types_are_not_the_same(a: object, b: object) -> None:
    """The comparison includes the type, the sign of zero and the kind of sequence."""
    assert not alike(a, b)
    assert alike(a, a)


class GuessesTypes(Serializer[Any]):
    """Reads a string as the JSON value that it looks like."""

    summary = "guesses types"

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return {name: self.guessed(value) for name, value in json.loads(data).items()}

    def guessed(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            return value or None


GUESSED = {
    "str, digits",
    "str, more digits than 64 bits",
    "str, a sign and digits",
    "str, an exponent",
    "str, a decimal point",
    "str, true",
    "str, null",
    "str, NaN",
    "str, brackets",
    "str, empty",
}


def test_guessed_types_of_strings_are_found() -> None:
    """A serializer that guesses types changes exactly these strings. The suite's serializers change none."""
    found = {
        f.case: f.outcome
        for f in fidelity(NamedSerializer(name="guesses-types", serializer=GuessesTypes))
        if f.build == "untyped"
    }
    strings = {case.name for case in CASES if case.name.startswith("str, ")}
    assert {case for case in strings if found[case] == "changed"} == GUESSED
    for name in NAMES:
        changed = {f.case for f in fidelity(named_serializers()[name]) if f.outcome == "changed"}
        assert not changed & (GUESSED | {"str, leading zeros", "str, a date"})
