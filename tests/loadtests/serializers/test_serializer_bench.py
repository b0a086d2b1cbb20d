"""The bench itself: a short run on the real server, with serializers of the user's own; and what it refuses to do."""

from pathlib import Path

import numpy as np
import pytest
import redis
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core.errors import ConfigError, RunFolderError
from stampede.loadtests.serializers.run_serializers import SerializersConfig, run_serializers
from stampede.loadtests.serializers.sample_records import kinds
from stampede.loadtests.serializers.timed_tasks import Pool, Task
from stampede.loadtests.serializers.timing import run_block
from stampede.patterns.serialization.serializer_registry import choose_codecs, codecs, load_codec
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
    """Files of a user, by name."""
    folder = tmp_path_factory.mktemp("own")
    files = {"spaced": OWN, "refusing": REFUSING, "forgetful": FORGETFUL}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return {name: str(folder / f"{name}.py") for name in files}


@pytest.fixture(scope="module")
def run(stack: Stack, own: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of all of ours and three of the user's, rendered."""
    order = SerializersConfig(
        own=tuple(own.values()),
        records=("user-200",),
        lengths=(1, 64),
        rounds=2,
        runs=tmp_path_factory.mktemp("runs"),
    )
    folder = run_serializers(order, stack, lambda _line: None, lambda *_: None)
    render_serializers(folder)
    return folder


def test_the_run_is_whole(run: Path) -> None:
    """Every serializer, the twin, the HASH and each compressor have their facts in each round."""
    assert read_run(run).info.status == "finished"
    facts = read_facts(run)
    assert facts.rounds == [1, 2]
    for name in [*codecs(), "json-again", "json+zlib", "msgpack+zstd-dictionary", "spaced"]:
        for operation in ("encode", "decode"):
            assert np.isfinite(facts.us("user-200", name, operation)).all(), name
    for operation in ("set", "raw-set", "get", "raw-get"):
        assert np.isfinite(facts.us("user-200", "redis-hash", operation)).all()
        assert np.isfinite(facts.us("user-200", "spaced", operation)).all()
    assert set(facts.lengths) == {"rows-1", "rows-64"}
    assert (facts.stored["memory_bytes"] > facts.stored["value_bytes"]).all()


def test_the_users_own_serializer_stands_beside_ours(run: Path) -> None:
    """One file adds one: on the page, in the CSVs, in every matrix."""
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "spaced" in page
    assert "yours" in page
    for name in ("serializers.csv", "fidelity.csv", "schema-changes.csv", "hostile-bytes.csv", "sizes.csv"):
        assert "spaced" in (run / name).read_text(encoding="utf-8"), name


def test_a_serializer_that_raises_is_a_row_refused(run: Path) -> None:
    """It is listed with its error and is not timed; the run goes on."""
    facts = read_facts(run)
    assert facts.outcome("user-200", "refusing") == ("refused", "ValueError: not on a Sunday")
    assert not np.isfinite(facts.us("user-200", "refusing", "encode")).any()
    assert "refused: ValueError: not on a Sunday" in (run / "report.html").read_text(encoding="utf-8")


def test_a_record_that_changes_silently_is_marked_and_never_advised(run: Path) -> None:
    """A serializer that loses a version is timed, marked, and no answer."""
    facts = read_facts(run)
    assert facts.outcome("user-200", "forgetful")[0] == "changed"
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "changed silently: User(" in page
    assert "Take forgetful" not in page


def test_report_renders_a_run_of_serializers_again(run: Path) -> None:
    """`stampede report` knows what kind of run it is given, and prints the advice."""
    done = CliRunner().invoke(app, ["report", str(run)])
    assert done.exit_code == 0
    assert "user-200: Take " in done.stdout


def test_nothing_is_left_on_the_server(run: Path, stack: Stack) -> None:
    """Every key of the bench is deleted again."""
    assert run.exists()
    with redis.Redis.from_url(stack.redis.url) as client:
        assert list(client.scan_iter(f"{stack.key_prefix}*")) == []


def test_the_same_folder_gives_the_same_page(run: Path) -> None:
    """Rendering is a pure function of the facts."""
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.suffix in (".html", ".csv")}
    render_serializers(run)
    assert before == {path.name: path.read_bytes() for path in run.iterdir() if path.suffix in (".html", ".csv")}


def test_inputs_are_fresh() -> None:
    """No two calls share an object or a string, so nothing that one call cached helps the next."""
    pool = Pool(kinds()["user-200-unicode"])
    seen: list[object] = []
    task = Task(record="r", contender="c", operation="encode", call=seen.append, prepare=pool.fresh, input_bytes=200)
    rows = run_block(task, 1, 0, 1_000_000)
    assert len(rows) >= 5
    assert sum(row[5] for row in rows) <= len(seen)
    assert len({id(record) for record in seen}) == len(seen)
    assert len({id(vars(record)["body"]) for record in seen}) == len(seen)


BAD = {
    "pickle on a server that is not ours": ("--postgres", "postgresql://h/d", "--redis", "redis://h"),
    "an unknown record": ("--record", "nothing"),
    "no rounds": ("--rounds", "0"),
    "a file that is not there": ("--serializer", "missing.py"),
    "the reference left out": ("--only", "orjson"),
    "an unknown serializer": ("--only", "json", "--only", "yaml"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_and_exit_2(what: str) -> None:
    """Nothing is started for what cannot be run; pickle is refused where others can write, unless told."""
    done = CliRunner().invoke(app, ["serializers", *BAD[what]])
    assert done.exit_code == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("stampede: ")
    if "pickle" in what:
        assert "--allow-pickle" in line


def test_pickle_may_be_allowed_or_left_out() -> None:
    """The user decides, in so many words."""
    with pytest.raises(ConfigError, match="pickle"):
        choose_codecs((), (), ours=False, allow_pickle=False)
    assert "pickle" in [codec.name for codec in choose_codecs((), (), ours=False, allow_pickle=True)]
    assert [codec.name for codec in choose_codecs(("json", "orjson"), (), ours=False, allow_pickle=False)] == [
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
    """A syntax error, a failing import, no serializer, no summary: said in one line."""
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=want):
        load_codec(path)


def test_a_file_may_not_take_a_name_of_ours(tmp_path: Path) -> None:
    """json.py would be json: which of the two a report means must be plain."""
    path = tmp_path / "json.py"
    path.write_text(OWN, encoding="utf-8")
    with pytest.raises(ConfigError, match="another name"):
        load_codec(path)


def test_tables_come_back_as_written_and_cut_ones_are_refused(tmp_path: Path) -> None:
    """Parts of a table are read as one; half a file is one line, not a guess."""
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
