"""Logs of child processes: what a driver, a library or a user's pattern wrote there, without the servers' secrets."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from stampede.core.private_files import write_file
from stampede.core.text.redaction import masked


def hide_secrets(logs: Iterable[Path], *urls: str) -> None:
    """Rewrite each log without secrets. `urls`: of the servers. A full disk leaves it as it is."""
    for log in logs:
        with suppress(OSError):
            text = log.read_text(errors="surrogateescape")
            safe = "".join(masked(line, *urls) for line in text.splitlines(keepends=True))
            if safe != text:
                half = log.with_name(log.name + ".part")
                write_file(half, safe.encode(errors="surrogateescape"))
                os.replace(half, log)
