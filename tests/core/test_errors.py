"""The error tree: which errors are the user's, which end a command, and what they say."""

import errno
import inspect
import re
from pathlib import Path

import pytest

from stampede.core import errors
from stampede.core.errors import (
    ClientKilled,
    CommandFailed,
    ConfigError,
    InputError,
    RunFolderError,
    StampedeError,
    UserError,
    WriteFailed,
    require,
    shortened,
)

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def drawn() -> dict[str, str]:
    """Each class of the picture in the docstring, and the class above it."""
    above: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    (?P<branch>(?:│   |    )*(?:[├└]── )?)(?P<name>[A-Z]\w+)(?:\s{2,}|$)", line)
        if found is not None:
            depth = len(found["branch"]) // 4
            path[depth:] = [found["name"]]
            above[found["name"]] = path[depth - 1] if depth else ""
    return above


def test_the_picture_is_the_tree() -> None:
    """The docstring draws every class of the module under its base class, and no other class."""
    assert drawn() == {
        kind.__name__: base.__name__ if (base := kind.__bases__[0]).__module__ == errors.__name__ else ""
        for kind in CLASSES
    }


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind not in (ClientKilled, StampedeError)])
def test_each_error_has_one_way_to_end_a_command(kind: type[StampedeError]) -> None:
    """An error is the user's or ends the command, never both; a client's death is no Exception."""
    assert issubclass(kind, StampedeError)
    assert not issubclass(kind, UserError) or not issubclass(kind, CommandFailed)
    assert not issubclass(ClientKilled, Exception)


def test_a_user_error_says_where_what_and_what_was_wanted() -> None:
    """The three kinds of a user's error have one form; a ConfigError shows the value as Python writes it."""
    assert str(InputError("metric", "'p98'", "one of p50, p99")) == "metric: 'p98' (wanted: one of p50, p99)"
    assert str(RunFolderError(Path("runs/x"), "no run.json", "a run folder")) == (
        "runs/x: no run.json (wanted: a run folder)"
    )
    error = ConfigError("ttl_s", "1", "a number")
    assert str(error) == "ttl_s: '1' (wanted: a number)"
    assert (error.field, error.value, error.want, error.where, error.what) == ("ttl_s", "1", "a number", "ttl_s", "'1'")


def test_a_long_value_is_cut_in_the_middle() -> None:
    """An error shows the first and the last hundred characters of a value that is longer than 200."""
    assert shortened("a" * 200) == "a" * 200
    assert shortened("a" * 500 + "b" * 500) == "a" * 100 + "…" + "b" * 100


def test_require_raises_only_where_the_condition_fails() -> None:
    """A condition that holds passes; another one raises ConfigError."""
    require(True, "field", 1, "anything")
    with pytest.raises(ConfigError, match=r"field: 1 \(wanted: 2\)"):
        require(False, "field", 1, "2")


def test_a_failed_write_says_why(tmp_path: Path) -> None:
    """A full disk, a folder that is gone and another reason have a sentence each."""
    full = str(WriteFailed(tmp_path / "run.json", OSError(errno.ENOSPC, "")))
    assert full.startswith(f"{tmp_path}: the disk is full, run.json cannot be written (")
    gone = str(WriteFailed(tmp_path / "no" / "run.json", OSError(errno.ENOENT, "")))
    assert gone == f"{tmp_path / 'no'}: the folder is gone, run.json cannot be written"
    other = str(WriteFailed(tmp_path / "run.json", OSError(errno.EACCES, "")))
    assert other.startswith(f"{tmp_path / 'run.json'}: the file cannot be written (")
