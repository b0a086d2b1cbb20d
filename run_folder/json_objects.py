"""Converts JSON of a run folder to typed objects. An error names the place of the first value that does not fit."""

import json
from pathlib import Path
from typing import Any, TypeVar

from stampede.core.decode import convert
from stampede.core.errors import Mismatch, Problem, RunFolderError, UnreadableFile
from stampede.core.files import JSON_BYTES, check_regular, read_regular

T = TypeVar("T")

SENTENCES: dict[Problem, tuple[str, str]] = {
    "type": ("{place} is {got}", "{want}"),
    "range": ("{place} is out of range", "{want}"),
    "missing": ("{place} has no {got}", "that field"),
    "word": ("{place} is {got}", "one of the allowed words"),
    "depth": ("{got}", "{want}"),
}
"""The texts of an error by the kind of problem: what was found, what was wanted."""
OTHER = ("{place}: {got}", "a value as in docs/reference/run-folder.md")


def read_object(path: Path, absent: str) -> dict[str, Any]:
    """The JSON object in that file. Raises RunFolderError; `absent`: what it names as wanted if there is no file."""
    try:
        data = json.loads(read_regular(path, most_bytes=JSON_BYTES))
    except UnreadableFile as error:
        missing = error.what == "no such file"
        raise RunFolderError(path, error.what, absent if missing else error.want) from error
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else f"unreadable ({error})"
        raise RunFolderError(path, " ".join(what.split()), "JSON") from error
    if not isinstance(data, dict):
        raise RunFolderError(path, type(data).__name__, "a JSON object")
    return data


def typed(data: Any, kind: type[T], path: Path, place: str = "$") -> T:
    """The data as that type, without unknown keys. Raises RunFolderError with the place of a wrong value."""
    try:
        return convert(data, kind)
    except Mismatch as wrong:
        raise RunFolderError(path, *as_sentence(wrong, place)) from wrong


def as_sentence(wrong: Mismatch, root: str) -> tuple[str, str]:
    """What was found, and what was wanted. `root`: the place of the data in its file."""
    place = root + wrong.place.removeprefix("$")
    what, want = SENTENCES.get(wrong.problem, OTHER)
    return what.format(place=place, got=wrong.got), want.format(want=wrong.want.replace(" | ", " or "))


def check_file(path: Path, absent: str = "a whole Parquet file") -> None:
    """Raise RunFolderError unless the path is a regular file. Opening another kind could block."""
    try:
        check_regular(path)
    except UnreadableFile as error:
        raise RunFolderError(path, error.what, absent if error.what == "no such file" else error.want) from error
