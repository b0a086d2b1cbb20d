"""Whole-file writes, and new run folders."""

import errno
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stampede.core.errors import ConfigError, WriteFailed
from stampede.core.files import PACKAGE, SOURCES, half_of, new_run_folder, write_whole

STARTED = datetime(2026, 11, 30, 18, 33, 48, tzinfo=UTC)


def test_file_is_replaced_whole_and_is_private(tmp_path: Path) -> None:
    """The new content replaces the old, only the owner can read it, and no temporary file remains."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    """If a write fails, the old content stays and the temporary file is removed."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    with pytest.raises(WriteFailed):
        fail_in_the_middle(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def fail_in_the_middle(path: Path) -> None:
    with half_of(path) as half:
        half.write_bytes(b"ne")
        raise OSError(errno.ENOSPC, "")


def test_run_folders_of_one_second_are_numbered(tmp_path: Path) -> None:
    """A folder's name contains time and plan. The second one of the same second ends in -2."""
    runs = tmp_path / "runs"
    made = [new_run_folder(runs, "smoke", STARTED).name for _ in range(3)]
    assert made == ["20261130T183348Z-smoke", "20261130T183348Z-smoke-2", "20261130T183348Z-smoke-3"]
    assert stat.S_IMODE((runs / made[0]).stat().st_mode) == 0o700


def test_impossible_folder_is_named(tmp_path: Path) -> None:
    """If a parent of the folder is a file, the error names the requested folder."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"^runs: '.*/runs' \(wanted: a folder that can be written \(Not a directory"):
        new_run_folder(tmp_path / "file" / "runs", "smoke", STARTED)


def test_package_and_sources_are_the_same_files() -> None:
    """SOURCES and PACKAGE contain the same files."""
    assert (SOURCES / "core" / "files.py").samefile(PACKAGE / "core" / "files.py")
    assert (PACKAGE / "loadtests" / "locustfiles" / "locustfile.py").is_file()
