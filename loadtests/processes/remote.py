"""Application servers on other machines: where the bench listens for them, and whether they may join it.

A worker there has no orders of its own: they travel to it over Locust's port. What both sides must have alike is
compared first, since two versions of a contender under one name would be one row of every table.
"""

import hashlib
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.core.files import SOURCES
from stampede.loadtests.locustfiles.run_config import RunConfig

PORT = 5557
"""Locust's own."""
RUNS_THERE = ("artefact", "core", "loadtests", "patterns", "scenarios", "stack")
"""The packages whose code a worker runs."""


@dataclass(frozen=True, kw_only=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_address(field: str, text: str) -> Address:
    """HOST or HOST:PORT, an IPv6 host in brackets. Raises ConfigError."""
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(PORT)
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0
    fits = bool(host) and not set(host) & set("/@ ") and 1 <= number <= 65535
    require(fits, field, text, f"an address such as 10.0.0.5:{PORT}")
    return Address(host=host, port=number)


def bind_address(expect: int | None, bind: str | None, *, external: bool) -> str:
    """Where the bench listens for so many workers; "" where it starts its own. Raises ConfigError."""
    if expect is None:
        require(bind is None, "bind", bind, "--expect N beside it: only workers from elsewhere need an address")
        return ""
    require(1 <= expect <= 64, "expect", expect, "1 to 64 workers")
    require(external, "expect", expect, "--postgres and --redis beside it: servers that the other machines reach too")
    address = read_address("bind", bind or "127.0.0.1")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except (OSError, ValueError) as error:  # ValueError: a name that DNS cannot carry
            why = error.strerror if isinstance(error, OSError) else "no name of a machine"
            raise ConfigError("bind", str(address), f"an address and port of this machine ({why})") from None
    return str(address)


def code_digest(repo: Path = SOURCES) -> str:
    """Of the code that a worker runs: equal in two checkouts that are alike, whatever else lies in them."""
    digest = hashlib.sha256()
    for package in RUNS_THERE:
        for path in sorted((repo / package).rglob("*.py")):
            digest.update(f"{path.relative_to(repo)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def files_digest(spec: RunConfig) -> dict[str, str]:
    """The user's own contender files of the orders, each with a digest of its contents; empty: it cannot be read."""
    files = {contender_spec.file for contender_spec in spec.contender_specs if contender_spec.file is not None}
    return {file: digest_of(Path(file)) for file in sorted(files)}


def digest_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def portable(spec: RunConfig, repo: Path = SOURCES) -> RunConfig:
    """The orders as they travel: files below the checkout by their place in it, nothing that only this process has."""
    contender_specs = [replace(e, file=None if e.file is None else moved(e.file, repo)) for e in spec.contender_specs]
    return replace(spec, folder="", contender_specs=tuple(contender_specs), progress_fd=None, switch_fd=None)


def moved(file: str, repo: Path) -> str:
    path = Path(file).resolve()
    return str(path.relative_to(repo)) if path.is_relative_to(repo) else str(path)


def arrived(spec: RunConfig, urls: tuple[str | None, str | None], repo: Path = SOURCES) -> RunConfig:
    """The orders on a worker's machine: its own paths, and its own URLs of the servers where it was given some."""
    contender_specs = [replace(e, file=None if e.file is None else str(repo / e.file)) for e in spec.contender_specs]
    postgres_url, redis_url = urls
    return replace(
        spec,
        contender_specs=tuple(contender_specs),
        postgres_url=postgres_url or spec.postgres_url,
        redis_url=redis_url or spec.redis_url,
    )


def why_unlike(spec: RunConfig, wanted: dict[str, Any], repo: Path = SOURCES) -> str:
    """Why a worker with these orders cannot join a bench that has those digests; empty: it can."""
    if wanted["code"] != code_digest(repo):
        return "the same checkout of Stampede as the bench has: its code is another"
    here = {moved(file, repo): digest for file, digest in files_digest(spec).items()}
    for file, digest in wanted["files"].items():
        if not here.get(file):
            return f"the contender file {file} on its machine too: it cannot be read there"
        if here[file] != digest:
            return f"the same contents of {file} as the bench has"
    return ""


def wanted_of(spec: RunConfig, repo: Path = SOURCES) -> dict[str, Any]:
    """What the bench has, for `why_unlike` on the other side. `spec`: not yet portable."""
    files = {moved(file, repo): digest for file, digest in files_digest(spec).items()}
    return {"code": code_digest(repo), "files": files}
