"""The room core imports no heavy packages: the command line imports it before it has checked the user's input."""

import subprocess
import sys

from stampede.core.files import SOURCES

HEAVY = {"numpy", "scipy", "pandas", "pyarrow", "matplotlib", "redis", "psycopg"}
NUMERIC = {
    "stampede.core.models.closed_forms",
    "stampede.core.models.greedy_log",
    "stampede.core.models.popularity_fit",
    "stampede.core.models.screening",
}
PROBE = """
import importlib, pkgutil, sys, stampede.core
for found in pkgutil.walk_packages(stampede.core.__path__, "stampede.core."):
    if found.name not in sys.argv[1:]:
        importlib.import_module(found.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded(*left_out: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after it imported core without the named modules."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *left_out], cwd=SOURCES, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_core_imports_nothing_heavy() -> None:
    """Four modules of core need numpy, and none needs scipy. All others need no heavy package and no driver."""
    assert not loaded(*NUMERIC) & HEAVY
    assert loaded() & HEAVY == {"numpy"}
