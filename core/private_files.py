"""Folders and files that only their owner can read, whatever the umask is."""

import os
from pathlib import Path

FOLDER, FILE = 0o700, 0o600
"""Modes of private folders and files."""


def make_folder(path: Path, *, exist_ok: bool = False) -> Path:
    """Make a folder of mode 0700. Missing parents get the default mode. An existing folder is not changed.

    Raises FileExistsError if it exists and `exist_ok` is not set.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=FOLDER)
    except FileExistsError:
        if not exist_ok or not path.is_dir():
            raise
    else:
        path.chmod(FOLDER)
    return path


def empty_file(path: Path) -> Path:
    """Make an empty file of mode 0600, or empty an existing file. Writing to it later keeps the mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE)
    try:
        os.fchmod(descriptor, FILE)
    finally:
        os.close(descriptor)
    return path


def write_file(path: Path, data: bytes) -> None:
    """Write a file of mode 0600."""
    empty_file(path).write_bytes(data)
