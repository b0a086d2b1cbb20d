"""JSON of a run folder into its types: each value is checked, and the first that does not fit is named by its place."""

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from artefact.errors import RunFolderError
from core.errors import UnreadableFile
from core.files import JSON_BYTES, check_regular, read_regular

T = TypeVar("T")

PLACE = r"(?: - at `(?P<place>.*)`)?"
MESSAGES = (
    (re.compile(r"Expected `(?P<want>.*)`, got `(?P<got>[^`]*)`" + PLACE), "{place} is {got}", "{want}"),
    (re.compile(r"Expected (?P<want>.*?)" + PLACE), "{place} is out of range", "{want}"),
    (re.compile(r"Object missing required field `(?P<got>.*)`" + PLACE), "{place} has no {got}", "that field"),
    (re.compile(r"Invalid enum value (?P<got>.*?)" + PLACE), "{place} is {got}", "one of the words for it"),
    (re.compile(r"(?P<got>.*?)" + PLACE), "{place}: {got}", "a value as docs/artefact.md says"),
)
"""What msgspec says, and the same as what was there and what was wanted."""


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
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise RunFolderError(path, *explained(str(error), place)) from error
    except RecursionError as error:
        raise RunFolderError(path, "nested too deeply", f"the fields of {kind.__name__}") from error


def explained(message: str, root: str) -> tuple[str, str]:
    """msgspec's message as what was there, and what was wanted."""
    for pattern, what, want in MESSAGES:
        found = pattern.fullmatch(message)
        if found is not None:
            words = {name: (text or "").replace("`", "") for name, text in found.groupdict().items()}
            words["place"] = root + words["place"].removeprefix("$")
            return what.format_map(words), want.format_map(words).replace(" | ", " or ")
    return message, "a value as docs/artefact.md says"


def check_file(path: Path, absent: str = "a whole Parquet file") -> None:
    """Raise RunFolderError unless a regular file is there: another kind of file would be waited for."""
    try:
        check_regular(path)
    except UnreadableFile as error:
        raise RunFolderError(path, error.what, absent if error.what == "no such file" else error.want) from error
