"""Removes the servers' secrets from the logs of child processes: drivers, libraries and patterns write there too."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from stampede.core.private_files import write_file
from stampede.core.text.redaction import masked


def hide_secrets(logs: Iterable[Path], *urls: str) -> None:
    """Rewrite each log without secrets. `urls`: of the servers. If the disk is full, the log stays unchanged."""
    for log in logs:
        with suppress(OSError):
            text = log.read_text(errors="surrogateescape")
            safe = "".join(masked(line, *urls) for line in text.splitlines(keepends=True))
            if safe != text:
                half = log.with_name(log.name + ".part")
                write_file(half, safe.encode(errors="surrogateescape"))
                os.replace(half, log)
