"""The documents say of serializers what the code says."""

import re
from pathlib import Path

from stampede.patterns.serialization.plain_values import declared
from stampede.patterns.serialization.schema import records, records_pb2
from stampede.patterns.serialization.serializer_registry import load_serializer
from stampede.run_folder.serializer_tables import SERIALIZER_TABLES
from tests.cli.test_makefile import passed_on

ROOT = Path(__file__).resolve().parents[2]


def test_the_tables_are_listed_with_their_columns() -> None:
    """docs/reference/run-folder.md lists every table of a run of serializers, and its columns in their order."""
    text = (ROOT / "docs/reference/run-folder.md").read_text(encoding="utf-8").partition("# A run of serializers")[2]
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*?)(?::.*)? \|$", text, re.MULTILINE))
    assert {name: re.findall(r"`(\w+)`", columns) for name, columns in listed.items()} == {
        name: schema.names for name, schema in SERIALIZER_TABLES.items()
    }


def test_the_example_serializer_is_one(tmp_path: Path) -> None:
    """The file in the how-to is a serializer as it stands, under the name that the page gives it."""
    text = (ROOT / "docs/how-to/your-own-serializer.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    path = tmp_path / "sorted_json.py"
    path.write_text(found[1], encoding="utf-8")
    codec = load_serializer(path)
    assert codec.name == "sorted-json"
    serializer = codec.serializer.for_type(records.Address)
    address = records.Address(street="a", city="b", postcode=None, country="c")
    assert serializer.loads(serializer.dumps(address)) == address


def test_the_messages_have_the_records_fields() -> None:
    """records.proto and the code made from it hold every field of every record, under its name and in its order."""
    for name in ("User", "Profile", "Address", "Order", "Orders", "Item", "Page"):
        fields = [field.name for field in getattr(records_pb2, name).DESCRIPTOR.fields]
        assert fields == list(declared(getattr(records, name)))
        proto = (ROOT / "patterns/serialization/schema/records.proto").read_text(encoding="utf-8")
        body = re.search(rf"^message {name} \{{(.*?)^\}}", proto, re.DOTALL | re.MULTILINE)
        assert body
        assert re.findall(r"(\w+) = \d+;", body[1]) == fields


def test_make_hands_over_the_users_serializer(tmp_path: Path) -> None:
    """make serializers calls the front door, with what it was given and nothing else."""
    plain, own = tmp_path / "plain", tmp_path / "own"
    plain.mkdir()
    own.mkdir()
    assert passed_on(plain, "serializers") == ["serializers"]
    words = passed_on(own, "serializers", "SERIALIZER=my own.py", "STACK=embedded", "ARGS=--rounds 6")
    assert words == ["serializers", "--stack", "embedded", "--serializer", "my own.py", "--rounds", "6"]
