"""`stampede new`: the files that it writes work as they are."""

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.loadtests.bench.run_plan.own_source import find_source
from stampede.patterns.contender_registry import find
from stampede.patterns.serialization.serializer_registry import find_serializer
from stampede.scenarios.user_scenarios import scenarios_in

KINDS = ("pattern", "limiter", "serializer", "scenario", "source")


def written(kind: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that `stampede new` writes in that folder."""
    monkeypatch.chdir(folder)
    ended = CliRunner().invoke(app, ["new", kind, name])
    assert ended.exit_code == 0, ended.output
    return folder / f"{name.replace('-', '_')}.py"


@pytest.mark.parametrize("kind", KINDS)
def test_new_file_is_accepted_and_says_how_to_run_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file of each kind passes the checks that a run makes, and its docstring has the command that runs it."""
    path = written(kind, "my-first", tmp_path, monkeypatch)
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert "stampede " in docstring
    assert path.name in docstring
    if kind == "scenario":
        assert [scenario.name for scenario in scenarios_in(path)] == ["my-first"]
    elif kind == "source":
        assert find_source(str(path)).__name__ == "MyFirst"
    else:
        assert (find_serializer if kind == "serializer" else find)(str(path)).name == "my-first"


def test_new_does_not_overwrite_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call with the same name is refused in one line, and the file is unchanged."""
    path = written("pattern", "mine", tmp_path, monkeypatch)
    path.write_text("changed\n", encoding="utf-8")
    ended = CliRunner().invoke(app, ["new", "limiter", "mine"])
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert path.read_text(encoding="utf-8") == "changed\n"


@pytest.mark.parametrize(
    ("kind", "name"),
    [("cache", "mine"), ("pattern", "My Cache"), ("pattern", "../mine"), ("pattern", "class"), ("pattern", "a" * 41)],
)
def test_wrong_kind_or_name_is_refused(kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that does not exist, or a name that is no file and class name, is refused in one line."""
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["new", kind, name])
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
