"""Reads a file that the user named, writes a file whole or not at all, and makes run folders.

Only regular files up to a size are read. Opening a FIFO blocks until another process writes to it, and a device may
never end.
"""

import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, UnreadableFile, WriteFailed
from stampede.core.private_files import empty_file, make_folder

PACKAGE = Path(os.path.abspath(__file__)).parent.parent
"""The folder of the package `stampede`. In a checkout it contains links to the rooms in SOURCES."""
SOURCES = Path(__file__).resolve().parent.parent
"""The folder with the rooms: the root of a checkout, or the installed package."""

KIND = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
"""Names of the kinds of files that are not regular."""
TEXT_BYTES = 1_000_000
"""The largest size of a file written by hand: a workload, gate.toml, a contender's file."""
JSON_BYTES = 256_000_000
"""The largest size of run.json and races.json. A run of 100,000 cells has about 60 MB."""


def check_regular(path: Path, *, most_bytes: int | None = None) -> None:
    """Raise UnreadableFile unless the path is a regular file of at most that many bytes. Does not open it."""
    try:
        refuse_unless_regular(os.stat(path), most_bytes)
    except (OSError, ValueError) as error:
        raise unreadable(error) from error


def read_regular(path: Path, *, most_bytes: int) -> bytes:
    """The contents of a regular file. Raises UnreadableFile: another kind of file, too large, or not readable."""
    check_regular(path, most_bytes=most_bytes)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            refuse_unless_regular(os.fstat(descriptor), most_bytes)
            data = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    if len(data) > most_bytes:  # the file grew, or its size is not known, as for files of /proc
        raise too_large(len(data), most_bytes)
    return data


def refuse_unless_regular(found: os.stat_result, most_bytes: int | None) -> None:
    """Raise UnreadableFile unless the status is that of a regular file of at most that many bytes."""
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for holds, name in KIND if holds(found.st_mode)), "no regular file")
        raise UnreadableFile(kind, "a regular file")
    if most_bytes is not None and found.st_size > most_bytes:
        raise too_large(found.st_size, most_bytes)


def too_large(size: int, most_bytes: int) -> UnreadableFile:
    return UnreadableFile(f"{size:,} bytes or more", f"at most {most_bytes:,} bytes")


def unreadable(error: OSError | ValueError) -> UnreadableFile:
    """The error as UnreadableFile. A path with a NUL character raises ValueError."""
    if isinstance(error, UnreadableFile):
        return error
    if isinstance(error, FileNotFoundError):
        return UnreadableFile("no such file", "a file that exists")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return UnreadableFile(reason or type(error).__name__, "a file that can be read")


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file. Raises UnreadableFile, also if the file is not TOML."""
    try:
        return tomllib.loads(read_regular(path, most_bytes=TEXT_BYTES).decode())
    except UnreadableFile:
        raise
    except RecursionError as error:
        raise UnreadableFile("tables nested too deeply", "TOML") from error
    except ValueError as error:  # not TOML, not UTF-8, or a number with thousands of digits
        raise UnreadableFile(f"{error}", "TOML") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that only the user can read. A reader sees the old or the new contents. Raises WriteFailed."""
    with half_of(path) as half:
        half.write_bytes(data)


@contextmanager
def half_of(path: Path) -> Iterator[Path]:
    """A temporary path to write to. At the end of the block the file moves to `path`.

    Raises WriteFailed and then removes the temporary file, because a full disk needs space for the last messages.
    """
    half = path.with_name(path.name + ".part")
    try:
        yield empty_file(half)
        os.replace(half, path)
    except OSError as error:
        with suppress(OSError):
            half.unlink()
        raise WriteFailed(path, error) from error


def new_run_folder(runs: Path, plan: str, started: datetime) -> Path:
    """Make runs/<utc>-<plan>, with a number at the end if that name exists. Raises ConfigError."""
    stem = f"{started:%Y%m%dT%H%M%SZ}-{plan}"
    for number in range(1, 1000):
        folder = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            return make_folder(folder)
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError("runs", str(runs), f"a folder that can be written ({error.strerror})") from error
    raise ConfigError("runs", str(runs), "a folder with fewer runs")
