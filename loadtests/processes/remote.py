"""Distributed runs: the address on which the bench waits for remote workers, and the checks before a worker may join.

A remote worker starts without a configuration; the bench sends it over Locust's port. Bench and worker first compare
digests of their code, because two versions of a contender under one name would share one row of every table.
"""

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.core.files import SOURCES
from stampede.loadtests.locustfiles.run_config import RunConfig

PORT = 5557
"""Locust's default."""
RUNS_THERE = ("core", "loadtests", "patterns", "run_folder", "scenarios", "stack", "stampede")
"""The folders whose code a worker runs. `stampede` counts without its links to the other folders."""


@dataclass(frozen=True, kw_only=True)
class HostPort:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_address(field: str, text: str) -> HostPort:
    """Parse HOST or HOST:PORT; an IPv6 host stands in brackets. Raises ConfigError."""
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0
    fits = bool(host) and not set(host) & set("/@ ") and 1 <= number <= 65535
    require(fits, field, text, f"an address such as 10.0.0.5:{PORT}")
    return HostPort(host=host, port=number)


def bind_address(expect: int | None, bind: str | None, *, external: bool) -> str:
    """The address on which the bench waits for `expect` workers; "" if it starts its own. Raises ConfigError."""
    if expect is None:
        require(bind is None, "bind", bind, "--expect N as well: only remote workers need an address")
        return ""
    require(1 <= expect <= 64, "expect", expect, "1 to 64 workers")
    require(external, "expect", expect, "--postgres and --redis as well: servers that the other machines can reach")
    address = read_address("bind", bind or "127.0.0.1")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except (OSError, ValueError) as error:  # ValueError: a name that DNS cannot carry
            reason = error.strerror if isinstance(error, OSError) else "not a valid host name"
            raise ConfigError("bind", str(address), f"an address and port of this machine ({reason})") from None
    return str(address)


def code_files(repo: Path) -> Iterator[tuple[str, Path]]:
    """Each Python file of RUNS_THERE, with a name that is the same in a checkout and in an installed package."""
    for folder in RUNS_THERE:
        if folder == "stampede":
            package = repo / folder if (repo / folder).is_dir() else repo
            found = [(path, package) for path in [*package.glob("*.py"), *(package / "cli").rglob("*.py")]]
        else:
            found = [(path, repo / folder) for path in (repo / folder).rglob("*.py")]
        for path, root in sorted(found):
            yield f"{folder}/{path.relative_to(root)}", path


def code_digest(repo: Path = SOURCES) -> str:
    """A digest of the code that a worker runs; other files in the checkout do not matter."""
    digest = hashlib.sha256()
    for name, path in code_files(repo):
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def contender_digests(config: RunConfig) -> dict[str, str]:
    """The digest of each contender file of the user, by path; empty if the file cannot be read."""
    files = {contender_spec.file for contender_spec in config.contender_specs if contender_spec.file is not None}
    return {file: digest_of(Path(file)) for file in sorted(files)}


def digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def portable(config: RunConfig, repo: Path = SOURCES) -> RunConfig:
    """The configuration to send: paths in the checkout become relative; values of this process only are left out."""
    specs = [replace(e, file=None if e.file is None else portable_path(e.file, repo)) for e in config.contender_specs]
    return replace(config, folder="", contender_specs=tuple(specs), progress_fd=None, switch_fd=None)


def portable_path(file: str, repo: Path) -> str:
    """The path relative to the checkout; an absolute path if the file is outside."""
    path = Path(file).resolve()
    return str(path.relative_to(repo)) if path.is_relative_to(repo) else str(path)


def localized(config: RunConfig, urls: tuple[str | None, str | None], repo: Path = SOURCES) -> RunConfig:
    """A received configuration with the paths of this machine, and with `urls` of PostgreSQL and Redis if given."""
    specs = [replace(e, file=None if e.file is None else str(repo / e.file)) for e in config.contender_specs]
    postgres_url, redis_url = urls
    return replace(
        config,
        contender_specs=tuple(specs),
        postgres_url=postgres_url or config.postgres_url,
        redis_url=redis_url or config.redis_url,
    )


def code_mismatch(config: RunConfig, expected: dict[str, Any], repo: Path = SOURCES) -> str:
    """What a worker with this configuration needs to match the bench's digests; empty if it matches."""
    if expected["code"] != code_digest(repo):
        return "the same checkout of Stampede as the bench has: its code differs"
    found = {portable_path(file, repo): digest for file, digest in contender_digests(config).items()}
    for file, digest in expected["files"].items():
        if not found.get(file):
            return f"the contender file {file} on its machine as well: it cannot be read there"
        if found[file] != digest:
            return f"the same contents of {file} as the bench has"
    return ""


def expected_digests(config: RunConfig, repo: Path = SOURCES) -> dict[str, Any]:
    """The bench's digests, for `code_mismatch` on the worker. `config`: not yet portable."""
    files = {portable_path(file, repo): digest for file, digest in contender_digests(config).items()}
    return {"code": code_digest(repo), "files": files}
