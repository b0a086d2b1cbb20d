"""What is expensive to make is made once for all processes of the tests, and looked at by many."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of that name, filled by `make` in the first process that asks for it. Others wait, and only read it.

    Raises RuntimeError with the first error where an earlier call could not make it: it is not tried again.
    """
    shared = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # each worker has a folder of its own in the one of this call of pytest
    home = shared / f"shared-{name}"
    home.mkdir(exist_ok=True)
    folder, made = home / "folder", home / "made"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir()
            try:
                make(folder)
            except BaseException as error:
                made.write_text(f"{type(error).__name__}: {error}")
                raise
            made.touch()
    if failed := made.read_text():
        raise RuntimeError(f"{name} could not be made: {failed}")
    return folder
