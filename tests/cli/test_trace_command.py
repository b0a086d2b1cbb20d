"""`stampede trace` prints a page or JSON, writes a workload, and refuses bad input in one line."""

import gzip
import json
from pathlib import Path
from types import SimpleNamespace

from typer.testing import CliRunner

from stampede.cli.app import app

PUBLISHED = Path(__file__).resolve().parents[1] / "scenarios" / "traces" / "published"
TWITTER = PUBLISHED / "twitter_cluster52.csv"


def run(*arguments: object) -> SimpleNamespace:
    """The command's exit code, what it printed, and its lines on stderr."""
    result = CliRunner().invoke(app, ["trace", *map(str, arguments)])
    return SimpleNamespace(code=result.exit_code, out=result.stdout, errors=result.stderr.splitlines())


def test_page_and_workload(tmp_path: Path) -> None:
    """The page shows the mix, and the workload file is written once and never over another file."""
    workload = tmp_path / "workload.toml"
    done = run(TWITTER, "--write-workload", workload)
    assert done.code == 0, done.errors
    assert "66.7 % reads, 22.2 % writes, 11.1 % deletes" in done.out
    assert "1 d in 100 % of 2 writes" in done.out
    assert "read_share = 0.6667" in workload.read_text(encoding="utf-8")
    again = run(TWITTER, "--write-workload", workload)
    assert (again.code, again.out, len(again.errors)) == (2, "", 1)
    assert "a file that does not exist yet" in again.errors[0]


def test_json_has_null_for_what_was_not_estimated() -> None:
    """The JSON is strict: a figure that the trace does not show is null."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(run(PUBLISHED / "meta_kvcache_202401.csv", "--json").out, parse_constant=refuse)
    assert found["requests"] == 12
    assert found["key_skew"] is None
    assert found["size_bytes"]["p50"] == 65
    assert found["memory_curve"][-1]["entries"] == 4
    assert found["ttl_curve"][-1]["ttl_s"] is None


def test_standard_input_is_read() -> None:
    """`-` reads a compressed trace from standard input."""
    result = CliRunner().invoke(app, ["trace", "-", "--json"], input=gzip.compress(TWITTER.read_bytes()))
    assert json.loads(result.stdout)["requests"] == 9


def test_bad_input_is_one_line_and_code_2(tmp_path: Path) -> None:
    """A missing file, a foreign file, a wrong format, a wrong sample: one line, the file or option named."""
    foreign, binary = tmp_path / "notes.txt", tmp_path / "image.png"
    foreign.write_text("Hello reader,\n", encoding="utf-8")
    binary.write_bytes(bytes(range(256)))
    for arguments, named in (
        ([tmp_path / "missing"], "missing: no such file"),
        ([foreign], "notes.txt: line 1: 'Hello reader,' is of no known format"),
        ([binary], "image.png"),
        ([tmp_path], "a directory"),
        ([TWITTER, "--format", "tw"], "--format"),
        ([TWITTER, "--format", "access-log"], "line 1: not a line of an access log"),
        ([TWITTER, "--sample", "0"], "0.0001"),
        ([TWITTER, "--sample", "nan"], "--sample"),
        ([TWITTER, "--write-workload", tmp_path], "does not exist yet"),
    ):
        done = run(*arguments)
        assert done.code == 2, arguments
        assert len(done.errors) == 1, done.errors
        assert named in done.errors[0]
        assert "Traceback" not in done.errors[0]
