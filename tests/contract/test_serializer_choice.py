"""The serializer of a bench: named, compressed, or the user's; refused before the run if it cannot work."""

from pathlib import Path

import pytest

from stampede.core.errors import ConfigError
from stampede.patterns.compression.compressor_registry import compressors
from stampede.patterns.serialization.serializer_choice import SerializerChoice, choose_serializer
from stampede.patterns.serialization.serializer_registry import named_serializers

RECORD = {"id": 7, "name": "Ada", "score": 2.5, "tags": ["a", None], "active": True}
OWN = """
import json
from stampede import Serializer

class Sorted(Serializer):
    summary = "sorted"
    def dumps(self, value): return json.dumps(value, sort_keys=True).encode()
    def loads(self, data): return json.loads(data)
"""


@pytest.mark.parametrize("name", sorted(set(named_serializers()) - {"protobuf"}))
def test_every_schemaless_serializer_carries_a_record(name: str) -> None:
    made = choose_serializer(name, managed=True, allow_pickle=False).make()
    assert made.loads(made.dumps(RECORD)) == RECORD


@pytest.mark.parametrize("name", sorted(set(compressors()) - {"zstd-dictionary"}))
def test_the_bytes_can_be_compressed(name: str) -> None:
    choice = choose_serializer(f"msgpack+{name}", managed=True, allow_pickle=False)
    long = RECORD | {"name": "Ada " * 200}
    assert choice.name == f"msgpack+{name}"
    assert choice.make().loads(choice.make().dumps(long)) == long
    assert len(choice.make().dumps(long)) < 300


def test_a_file_of_the_users_is_found_in_every_process(tmp_path: Path) -> None:
    """The choice has its absolute path, so that processes in other folders find it."""
    (tmp_path / "sorted_first.py").write_text(OWN)
    choice = choose_serializer(str(tmp_path / "sorted_first.py"), managed=True, allow_pickle=False)
    assert choice == SerializerChoice(serializer="sorted-first", file=str(tmp_path / "sorted_first.py"))
    assert choice.make().dumps({"b": 1, "a": 2}) == b'{"a": 2, "b": 1}'


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("nope", "one of cbor2, json"),
        ("json+nope", "after the plus one of lz4"),
        ("protobuf", "without declared fields"),
        ("protobuf+zstd", "without declared fields"),
        ("json+zstd-dictionary", "without a trained dictionary"),
        ("missing.py", "no such file"),
    ],
)
def test_a_serializer_that_cannot_work_is_refused(text: str, want: str) -> None:
    with pytest.raises(ConfigError, match=want):
        choose_serializer(text, managed=True, allow_pickle=False)


def test_pickle_is_refused_on_a_server_that_others_can_write_to() -> None:
    """Unless the user allows it."""
    with pytest.raises(ConfigError, match="--allow-pickle"):
        choose_serializer("pickle", managed=False, allow_pickle=False)
    assert choose_serializer("pickle", managed=False, allow_pickle=True).name == "pickle"
