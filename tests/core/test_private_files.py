"""Only the owner can read the files of a run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stampede.core.private_files import empty_file, make_folder, write_file


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("any_umask")
def test_folders_and_files_are_private_whatever_the_umask_is(tmp_path: Path) -> None:
    """New files and folders are private, and so are existing files that are written again."""
    folder = make_folder(tmp_path / "run")
    file = folder / "run.json"
    write_file(file, b"1")
    open_to_all = folder / "old.json"
    open_to_all.touch()
    open_to_all.chmod(0o644)
    assert empty_file(open_to_all).read_bytes() == b""
    assert (mode(folder), mode(file), mode(open_to_all)) == (0o700, 0o600, 0o600)


def test_existing_folder_is_refused_or_not_changed(tmp_path: Path) -> None:
    """An existing folder keeps its mode."""
    tmp_path.chmod(0o750)
    with pytest.raises(FileExistsError):
        make_folder(tmp_path)
    assert mode(make_folder(tmp_path, exist_ok=True)) == 0o750
