"""The serializer bench: a short run on the real server, with a user's serializers, and the input that it refuses."""

from pathlib import Path

import numpy as np
import pytest
import redis
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core.errors import ConfigError, RunFolderError
from stampede.loadtests.serializers.run_serializers import SerializersConfig, run_serializers
from stampede.loadtests.serializers.sample_records import kinds
from stampede.loadtests.serializers.timed_tasks import RecordPool, TimedTask
from stampede.loadtests.serializers.timing import run_block
from stampede.patterns.serialization.serializer_registry import choose_serializers, load_serializer, named_serializers
from stampede.reports.topics.serializers.serializer_advice import advise, eligible
from stampede.reports.topics.serializers.serializer_facts import read_facts
from stampede.reports.topics.serializers.serializers_page import render_serializers
from stampede.run_folder.read import read_run
from stampede.run_folder.serializer_tables import BATCHES, read_parts, write_part
from stampede.stack.servers import Stack

HEAD = """
import json
from typing import Any
from stampede.patterns.serialization.serializer import Serializer

"""
OWN = (
    HEAD
    + """
class Spaced(Serializer[Any]):
    summary = "json with spaces"
    wire = "json"
    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()
    def loads(self, data: bytes) -> Any:
        return json.loads(data)
"""
)
REFUSING = OWN.replace("return json.dumps(value).encode()", "raise ValueError('not on a Sunday')")
FORGETFUL = OWN.replace("return json.loads(data)", "return {**json.loads(data), 'version': 0}")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A user's files, by name."""
    folder = tmp_path_factory.mktemp("own")
    files = {"spaced": OWN, "refusing": REFUSING, "forgetful": FORGETFUL}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return {name: str(folder / f"{name}.py") for name in files}


@pytest.fixture(scope="module")
def run(stack: Stack, own: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short, rendered run of all built-in serializers and three of a user, on an empty server."""
    with redis.Redis.from_url(stack.redis.url) as client:
        client.flushdb()
    config = SerializersConfig(
        own=tuple(own.values()),
        records=("user-200",),
        lengths=(1, 64),
        rounds=2,
        runs=tmp_path_factory.mktemp("runs"),
    )
    folder = run_serializers(config, stack, lambda _line: None, lambda *_: None)
    render_serializers(folder)
    return folder


def test_a_run_has_the_facts_of_every_serializer_in_every_round(run: Path) -> None:
    """Every serializer, the A/A copy, the HASH and each compressor have facts in each round."""
    assert read_run(run).info.status == "finished"
    facts = read_facts(run)
    assert facts.rounds == [1, 2]
    for name in [*named_serializers(), "json-again", "json+zlib", "msgpack+zstd-dictionary", "spaced"]:
        for operation in ("encode", "decode"):
            assert np.isfinite(facts.us("user-200", name, operation)).all(), name
    for operation in ("set", "raw-set", "get", "raw-get"):
        assert np.isfinite(facts.us("user-200", "redis-hash", operation)).all()
        assert np.isfinite(facts.us("user-200", "spaced", operation)).all()
    assert set(facts.lengths) == {"rows-1", "rows-64"}
    assert (facts.stored["memory_bytes"] > facts.stored["value_bytes"]).all()


def test_a_users_serializer_is_reported_like_a_built_in_one(run: Path) -> None:
    """It is on the page and in each CSV file."""
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "spaced" in page
    assert "yours" in page
    for name in ("serializers.csv", "fidelity.csv", "schema-changes.csv", "hostile-bytes.csv", "sizes.csv"):
        assert "spaced" in (run / name).read_text(encoding="utf-8"), name


def test_a_serializer_that_raises_is_reported_as_refused(run: Path) -> None:
    """It is listed with its error and is not timed; the run continues."""
    facts = read_facts(run)
    assert facts.outcome("user-200", "refusing") == ("refused", "ValueError: not on a Sunday")
    assert not np.isfinite(facts.us("user-200", "refusing", "encode")).any()
    assert "refused: ValueError: not on a Sunday" in (run / "report.html").read_text(encoding="utf-8")


def test_a_serializer_that_changes_a_record_is_marked_and_not_recommended(run: Path) -> None:
    """A serializer that loses the version is timed and marked, and the report does not recommend it."""
    facts = read_facts(run)
    assert facts.outcome("user-200", "forgetful")[0] == "changed"
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "changed silently: User(" in page
    assert "forgetful" not in [c.name for c in eligible(facts, "user-200")]
    assert "json" in [c.name for c in eligible(facts, "user-200")]


def test_report_renders_a_run_of_serializers_again(run: Path) -> None:
    """`stampede report` recognises a run of serializers and prints what to use for each kind of record."""
    done = CliRunner().invoke(app, ["report", str(run)])
    assert done.exit_code == 0
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("user-200 "))
    assert advise(read_facts(run), "user-200").use in line


def test_no_key_is_left_on_the_server(run: Path, stack: Stack) -> None:
    """The bench deletes every key that it wrote."""
    assert run.exists()
    with redis.Redis.from_url(stack.redis.url) as client:
        assert list(client.scan_iter(f"{stack.key_prefix}*")) == []


def test_the_same_folder_gives_the_same_page(run: Path) -> None:
    """Rendering is a pure function of the facts."""
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.suffix in (".html", ".csv")}
    render_serializers(run)
    assert before == {path.name: path.read_bytes() for path in run.iterdir() if path.suffix in (".html", ".csv")}


def test_inputs_are_fresh() -> None:
    """No two calls share an object or a string, so no call profits from a cache that an earlier one filled."""
    pool = RecordPool(kinds()["user-200-unicode"])
    seen: list[object] = []
    task = TimedTask(
        record="r", contender="c", operation="encode", call=seen.append, prepare=pool.fresh, input_bytes=200
    )
    rows = run_block(task, 1, 0, 1_000_000)
    assert len(rows) >= 5
    assert sum(row[5] for row in rows) <= len(seen)
    assert len({id(record) for record in seen}) == len(seen)
    assert len({id(vars(record)["body"]) for record in seen}) == len(seen)


BAD = {
    "pickle on a user's server": ("--postgres", "postgresql://h/d", "--redis", "redis://h"),
    "an unknown record": ("--record", "nothing"),
    "no rounds": ("--rounds", "0"),
    "a missing file": ("--serializer", "missing.py"),
    "the reference left out": ("--only", "orjson"),
    "an unknown serializer": ("--only", "json", "--only", "yaml"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_and_exit_2(what: str) -> None:
    """Input that cannot be run is refused before anything starts; so is pickle on a user's server."""
    done = CliRunner().invoke(app, ["serializers", *BAD[what]])
    assert done.exit_code == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("stampede: ")
    if "pickle" in what:
        assert "--allow-pickle" in line


def test_pickle_runs_on_a_users_server_only_if_allowed() -> None:
    """Without permission it must be left out."""
    with pytest.raises(ConfigError, match="pickle"):
        choose_serializers((), (), managed=False, allow_pickle=False)
    assert "pickle" in [codec.name for codec in choose_serializers((), (), managed=False, allow_pickle=True)]
    assert [codec.name for codec in choose_serializers(("json", "orjson"), (), managed=False, allow_pickle=False)] == [
        "json",
        "orjson",
    ]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("def broken(:\n", "Python"),
        ("import nothing_of_that_name\n", "imports"),
        ("x = 1\n", "subclass"),
        (OWN.replace('    summary = "json with spaces"\n', ""), "summary"),
    ],
)
def test_a_file_without_a_serializer_is_refused(text: str, want: str, tmp_path: Path) -> None:
    """A syntax error, a failing import, no serializer, no summary: each is reported in one line."""
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=want):
        load_serializer(path)


def test_a_users_file_may_not_have_the_name_of_a_built_in_serializer(tmp_path: Path) -> None:
    """A user's json.py would also be called json in the report."""
    path = tmp_path / "json.py"
    path.write_text(OWN, encoding="utf-8")
    with pytest.raises(ConfigError, match="another name"):
        load_serializer(path)


def test_tables_are_read_as_written_and_truncated_ones_are_refused(tmp_path: Path) -> None:
    """The parts of a table are read as one; a truncated file is an error."""
    rows = [(1, 0, "user", "json", "encode", 10, 1000, 900), (1, 1, "user", "json", "set", 4, 900, None)]
    write_part(tmp_path, "batches", 1, rows)
    write_part(tmp_path, "batches", 2, [(2, *rows[0][1:])])
    frame = read_parts(tmp_path, "batches")
    assert list(frame.columns) == BATCHES.names
    assert frame["round"].tolist() == [1, 1, 2]
    assert frame["operation"].tolist() == ["encode", "set", "encode"]
    path = tmp_path / "batches" / "part-00002.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunFolderError):
        read_parts(tmp_path, "batches")
