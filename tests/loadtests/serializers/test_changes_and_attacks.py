"""Schema changes, hostile bytes, and compressors."""

import zlib
from pathlib import Path
from typing import Any

import lz4.block
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.loadtests.serializers.hostile_bytes import ATTACKS, attacks
from stampede.loadtests.serializers.schema_change import CHANGES, schema_changes
from stampede.patterns.compression.compressor import Compressed, TooLarge
from stampede.patterns.compression.compressor_registry import compressors
from stampede.patterns.serialization.json import Json
from stampede.patterns.serialization.serializer_registry import load_serializer, named_serializers

NEW, OLD = "old bytes, new code", "new bytes, old code"


def outcomes(name: str) -> dict[tuple[str, str], str]:
    return {(read.change, read.direction): read.outcome for read in schema_changes(named_serializers()[name])}


@pytest.mark.parametrize("name", sorted(named_serializers()))
def test_an_optional_new_field_and_a_removed_one_are_harmless(name: str) -> None:
    """With every serializer, both sides of a rolling deployment read each other's bytes."""
    found = outcomes(name)
    assert len(found) == 2 * len(CHANGES)
    for change in ("field added, with a default", "field removed"):
        assert found[change, NEW] == found[change, OLD] == "same"


def test_the_effect_of_other_changes_depends_on_the_serializer() -> None:
    """Numbered fields survive a rename; validation refuses a new type; other serializers accept it silently."""
    protobuf, msgspec, json, pickle = (outcomes(n) for n in ("protobuf", "msgspec-json", "json", "pickle"))
    assert protobuf["field renamed", NEW] == "same"
    assert json["field renamed", NEW] == "changed"
    assert msgspec["field retyped, int to str", NEW] == "refused"
    assert json["field retyped, int to str", NEW] == "changed"
    assert protobuf["field retyped, int to str", NEW] == "changed"
    assert json["field added, required", NEW] == "refused"
    assert pickle["field added, required", NEW] == "changed"


@pytest.mark.parametrize("name", sorted(named_serializers()))
def test_only_serializers_declared_as_validating_refuse_a_retyped_field(name: str) -> None:
    """The declared property, which reports show, matches the behaviour."""
    found = {outcomes(name)["field retyped, int to str", direction] for direction in (NEW, OLD)}
    assert found == ({"refused"} if named_serializers()[name].serializer.validates else {"changed"})


CRASHER = """
import os
from typing import Any
from stampede.patterns.serialization.serializer import Serializer

class Crasher(Serializer[Any]):
    summary = "crashes on deep nesting"
    wire = "json"
    def dumps(self, value: Any) -> bytes:
        return b"{}"
    def loads(self, data: bytes) -> Any:
        if data.startswith(b"[["):
            os.abort()
        return {}
"""


def test_hostile_bytes_raise_and_only_pickle_runs_them(tmp_path: Path) -> None:
    """Deep nesting and false lengths raise an exception; pickle executes the call in the bytes. A reader that crashes
    is reported as crashed, and the others still run.
    """
    path = tmp_path / "crasher.py"
    path.write_text(CRASHER, encoding="utf-8")
    found = {(a.reader, a.attack): a for a in attacks([*named_serializers().values(), load_serializer(path)])}
    code, deep, long = ATTACKS
    assert found["crasher", deep].verdict == "crashed"
    assert "SIGABRT" in found["crasher", deep].what
    assert {name for (name, attack), a in found.items() if attack == code and a.verdict == "ran code"} == {"pickle"}
    for name in sorted(set(named_serializers()) - {"pickle"}):
        assert found[name, deep].verdict == found[name, long].verdict == "raised"
    assert found["pickle", long].verdict == "raised"
    for name in compressors():
        (unfolding,) = [a for (reader, _), a in found.items() if reader == name]
        assert unfolding.verdict == "raised"
        assert unfolding.what.startswith("TooLarge")


ROWS = [Json().dumps({"id": i, "name": f"user {i * 7919 % 1000}", "email": f"user{i}@example.com"}) for i in range(600)]


@pytest.mark.parametrize("name", sorted(compressors()))
@given(data=st.binary(max_size=3000) | st.text(max_size=500).map(str.encode))
@settings(max_examples=60, deadline=None)
def test_decompression_restores_the_bytes(name: str, data: bytes) -> None:
    """This holds for any bytes, also empty and random ones, with and without a dictionary."""
    compressor = compressors()[name]()
    assert compressor.decompress(compressor.compress(data)) == data
    if compressor.trained:
        compressor.train(ROWS[:300])
        assert compressor.decompress(compressor.compress(data)) == data


@pytest.mark.parametrize("name", sorted(compressors()))
def test_bytes_that_decompress_to_more_than_the_limit_are_refused(name: str) -> None:
    """A result of exactly the limit is allowed; one byte more raises."""
    small = compressors()[name](most_bytes=1000)
    assert small.decompress(small.compress(bytes(1000))) == bytes(1000)
    with pytest.raises(TooLarge):
        small.decompress(small.compress(bytes(1001)))


@pytest.mark.parametrize("name", sorted(compressors()))
def test_truncated_bytes_raise(name: str) -> None:
    """Half a value is an error and never a partial record."""
    compressor = compressors()[name]()
    data = compressor.compress(b"".join(ROWS))
    with pytest.raises((zlib.error, lz4.block.LZ4BlockError, zstandard.ZstdError)):
        compressor.decompress(data[: len(data) // 2])


def test_a_dictionary_shrinks_rows_that_it_was_not_trained_on() -> None:
    """Small rows become much smaller than with plain zstd, and the size of the dictionary is known."""
    trained, plain = compressors()["zstd-dictionary"](), compressors()["zstd"]()
    trained.train(ROWS[:500])
    with_it, without = (sum(len(c.compress(row)) for row in ROWS[500:]) for c in (trained, plain))
    assert with_it < 0.75 * without
    assert 0 < len(trained.dictionary) <= 8192
    assert plain.dictionary == b""


@pytest.mark.parametrize("name", sorted(compressors()))
def test_a_serializer_can_be_combined_with_any_compressor(name: str) -> None:
    """A compressed serializer is a serializer."""
    value: dict[str, Any] = {"id": 1, "tags": ["a", "b"] * 20}
    wrapped = Compressed(Json(), compressors()[name]())
    assert wrapped.loads(wrapped.dumps(value)) == value
