"""Expensive test data, made once for all processes of a test run."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of that name. The first process that calls this fills it by `make`; the others wait and only read it.

    Raises RuntimeError with the first error if an earlier call failed: `make` is not called again.
    """
    shared = temporary.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # each worker has its own folder inside the folder of this pytest run
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
