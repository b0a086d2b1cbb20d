"""The error classes: their tree, and their messages."""

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
    """Each class of the tree in the docstring, and its base class there."""
    above: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    (?P<branch>(?:│   |    )*(?:[├└]── )?)(?P<name>[A-Z]\w+)(?:\s{2,}|$)", line)
        if found is not None:
            depth = len(found["branch"]) // 4
            path[depth:] = [found["name"]]
            above[found["name"]] = path[depth - 1] if depth else ""
    return above


def test_docstring_draws_the_class_tree() -> None:
    """The docstring shows every class of the module under its base class, and no other class."""
    assert drawn() == {
        kind.__name__: base.__name__ if (base := kind.__bases__[0]).__module__ == errors.__name__ else ""
        for kind in CLASSES
    }


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind not in (ClientKilled, StampedeError)])
def test_no_error_is_both_user_error_and_command_failure(kind: type[StampedeError]) -> None:
    """No class is both a UserError and a CommandFailed. ClientKilled is not an Exception."""
    assert issubclass(kind, StampedeError)
    assert not issubclass(kind, UserError) or not issubclass(kind, CommandFailed)
    assert not issubclass(ClientKilled, Exception)


def test_user_error_contains_place_value_and_wanted_value() -> None:
    """The three kinds of user errors have the same form. A ConfigError shows the value's repr."""
    assert str(InputError("metric", "'p98'", "one of p50, p99")) == "metric: 'p98' (wanted: one of p50, p99)"
    assert str(RunFolderError(Path("runs/x"), "no run.json", "a run folder")) == (
        "runs/x: no run.json (wanted: a run folder)"
    )
    error = ConfigError("ttl_s", "1", "a number")
    assert str(error) == "ttl_s: '1' (wanted: a number)"
    assert (error.field, error.value, error.want, error.where, error.what) == ("ttl_s", "1", "a number", "ttl_s", "'1'")


def test_long_value_is_shortened_in_the_middle() -> None:
    """An error shows the first and the last hundred characters of a value with more than 200."""
    assert shortened("a" * 200) == "a" * 200
    assert shortened("a" * 500 + "b" * 500) == "a" * 100 + "…" + "b" * 100


def test_require_raises_only_if_the_condition_fails() -> None:
    """A true condition passes. A false one raises ConfigError."""
    require(True, "field", 1, "anything")
    with pytest.raises(ConfigError, match=r"field: 1 \(wanted: 2\)"):
        require(False, "field", 1, "2")


def test_failed_write_contains_the_reason(tmp_path: Path) -> None:
    """A full disk, a missing folder and other reasons have different messages."""
    full = str(WriteFailed(tmp_path / "run.json", OSError(errno.ENOSPC, "")))
    assert full.startswith(f"{tmp_path}: the disk is full, run.json cannot be written (")
    gone = str(WriteFailed(tmp_path / "no" / "run.json", OSError(errno.ENOENT, "")))
    assert gone == f"{tmp_path / 'no'}: the folder is gone, run.json cannot be written"
    other = str(WriteFailed(tmp_path / "run.json", OSError(errno.EACCES, "")))
    assert other.startswith(f"{tmp_path / 'run.json'}: the file cannot be written (")
