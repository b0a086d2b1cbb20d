"""Checks of a command's input that load nothing heavy, and so refuse it within a second.

The parts of the program check their input again, and more of it: these only come first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from stampede.core.errors import ConfigError, require

if TYPE_CHECKING:
    from stampede.scenarios.workload import WorkloadFile
    from stampede.stack.providers.stack_choice import Choice


def read_workload_file(path: Path | None) -> WorkloadFile:
    """The workload in the file; the default one without a file. Raises ConfigError."""
    if path is None:
        from stampede.scenarios.workload import WorkloadFile

        return WorkloadFile()
    check_toml(path, "workload")
    from stampede.scenarios.scenario import scenarios
    from stampede.scenarios.workload import read_workload

    return read_workload(path, frozenset(scenarios()))


def check_toml(path: Path, field: str) -> None:
    """Raise ConfigError unless the file can be read and is TOML."""
    from stampede.core.errors import UnreadableFile
    from stampede.core.files import read_toml

    try:
        read_toml(path)
    except UnreadableFile as error:
        raise ConfigError(field, str(path), f"{error.want}; found: {error.what}") from error


def check_thresholds_file(path: Path | None) -> None:
    """Raise InputError unless the file can be read and is TOML, or there is none."""
    from stampede.core.errors import InputError, UnreadableFile
    from stampede.core.files import read_toml

    try:
        if path is not None:
            read_toml(path)
    except UnreadableFile as error:
        raise InputError(str(path), error.what, error.want) from error


def check_run_folder(path: Path) -> None:
    """Raise RunFolderError where there is no such folder, or no run.json in it."""
    from stampede.core.errors import RunFolderError
    from stampede.run_folder.json_objects import check_file

    if not path.is_dir():
        raise RunFolderError(path, "no such folder", "a run folder")
    check_file(path / "run.json", "run.json: is this a run folder?")


def check_runs(runs: Path) -> None:
    """Raise ConfigError where no folder can be made in `runs`. Leaves no file."""
    exists = (path for path in (runs, *runs.absolute().parents) if path.exists() or path.is_symlink())
    try:
        with tempfile.TemporaryFile(dir=next(exists, Path("/"))):
            pass
    except OSError as error:
        raise ConfigError("runs", str(runs), f"a folder that can be written to ({error.strerror})") from error


def check_own_files(field: str, names: Iterable[str] | None) -> None:
    """Import each of the user's files among the names once, in a process of its own. Raises ConfigError."""
    from stampede.patterns.user_files import try_files

    try_files(field, names or ())


def check_contender_names(names: Iterable[str] | None) -> None:
    """Raise ConfigError for a name that is neither one of Stampede's contenders nor a path of a Python file."""
    from stampede.patterns.contender_registry import find

    for name in names or ():
        if not name.endswith(".py"):
            find(name)


def check_serializer_names(only: Collection[str] | None) -> None:
    """Raise ConfigError where these cannot be the serializers of a run."""
    from stampede.patterns.reference_serializer import check_reference

    check_reference(only or ())


def check_scenario_names(names: Iterable[str] | None) -> tuple[str, ...]:
    """The names of the scenarios. A path of a Python file makes the scenarios in it known. Raises ConfigError."""
    from stampede.scenarios.scenario import find_scenario
    from stampede.scenarios.user_scenarios import scenario_names

    given = tuple(names or ())
    check_own_files("scenario", given)
    found = scenario_names(given)
    for name in found:
        find_scenario(name)
    return found


def checked_stack(name: str) -> Choice:
    """The choice of that name. Raises ConfigError."""
    from stampede.stack.providers.stack_choice import CHOICES

    require(name in CHOICES, "stack", name, f"one of {', '.join(CHOICES)}")
    return cast("Choice", name)


def read_share(field: str, text: str) -> float:
    """5% or 0.05, as 0.05. Raises ConfigError."""
    try:
        share = float(text.rstrip("% ")) / (100 if text.rstrip().endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0.005 <= share <= 1:
        raise ConfigError(field, text, "a share such as 5%, from 0.5% to 100%")
    return share
