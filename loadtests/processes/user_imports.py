"""Checks that the application servers can import a user's contender.

They run in another folder and with another environment than the command.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from stampede.core.errors import ConfigError

IMPORT_WITHIN_S = 60.0
"""How long the imports may take."""
CODE = """
import importlib, sys
module, name = sys.argv[1].split(":")
for file in sys.argv[2:]:
    try:
        getattr(importlib.import_module(module), name)(file)
    except Exception as error:
        print(file, " ".join(str(getattr(error, "want", error)).split()), sep="\\n")
        raise SystemExit(3)
"""
ADVICE = "build sys.path from Path(__file__).parent in it, or install what it imports into .venv"


def worker_environment(home: Path) -> Mapping[str, str]:
    """The environment of a Locust process: without the user's Locust settings and home folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return environment | {"HOME": str(home), "PYTHONUNBUFFERED": "1"}


FINDERS = {
    "contender": "stampede.patterns.contender_registry:find",
    "serializer": "stampede.patterns.serialization.serializer_registry:find_serializer",
    "source": "stampede.loadtests.bench.run_plan.own_source:find_source",
}
"""By the kind of file: the function that the application servers find its class with."""


@cache
def check_imports(files: tuple[str, ...], kind: str = "contender") -> None:
    """Import the files as the application servers will. Raises ConfigError with the file and the reason.

    `kind`: one of FINDERS.
    """
    if not files:
        return
    paths = [str(Path(file).resolve()) for file in files]
    with tempfile.TemporaryDirectory(prefix="stampede-imports-") as folder:
        try:
            result = subprocess.run(
                [sys.executable, "-P", "-c", CODE, FINDERS[kind], *paths],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=IMPORT_WITHIN_S,
                env=worker_environment(Path(folder)),
                cwd=folder,
                check=False,
            )
        except subprocess.TimeoutExpired:
            want = f"files that the application servers import within {IMPORT_WITHIN_S:.0f} s"
            raise ConfigError(kind, ", ".join(paths), want) from None
    if result.returncode:
        lines = (result.stdout or result.stderr).strip().splitlines() or ["no output"]
        path, reason = (lines[-2], lines[-1]) if result.returncode == 3 and len(lines) > 1 else (paths[0], lines[-1])
        raise ConfigError(kind, path, f"for the application servers as well, {reason}: {ADVICE}")
