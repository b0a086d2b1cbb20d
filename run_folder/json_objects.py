"""JSON of a run folder into its types: each value is checked, and the first that does not fit is named by its place."""

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
    "word": ("{place} is {got}", "one of the words for it"),
    "depth": ("{got}", "{want}"),
}
"""What was there and what was wanted, by the kind of problem."""
OTHER = ("{place}: {got}", "a value as docs/reference/run-folder.md says")


def read_object(path: Path, absent: str) -> dict[str, Any]:
    """The JSON object in that file. `absent`: what is wanted where there is no such file. Raises RunFolderError."""
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
    """The data as that type; keys that it does not know are left out. Raises RunFolderError with the value's place."""
    try:
        return convert(data, kind)
    except Mismatch as wrong:
        raise RunFolderError(path, *as_sentence(wrong, place)) from wrong


def as_sentence(wrong: Mismatch, root: str) -> tuple[str, str]:
    """What was there, and what was wanted. `root`: the place of the data in its file."""
    place = root + wrong.place.removeprefix("$")
    what, want = SENTENCES.get(wrong.problem, OTHER)
    return what.format(place=place, got=wrong.got), want.format(want=wrong.want.replace(" | ", " or "))


def check_file(path: Path, absent: str = "a whole Parquet file") -> None:
    """Raise RunFolderError unless a regular file is there: another kind of file would be waited for."""
    try:
        check_regular(path)
    except UnreadableFile as error:
        raise RunFolderError(path, error.what, absent if error.what == "no such file" else error.want) from error
