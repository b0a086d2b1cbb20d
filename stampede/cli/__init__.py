"""The command line. It parses and dispatches; a command imports what it needs after its input was checked.

A PYTHONPATH of the user's may hold modules that are named like a dependency's or like the standard library's. The
command therefore restarts without it, before it imports anything.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The folder that holds the package `stampede`."""


def is_command(program: str) -> bool:
    """Whether this process is the command, and not one that imports us. `program`: its sys.argv[0]."""
    return os.path.basename(program) == "stampede" or program.endswith(os.path.join("stampede", "__main__.py"))


def is_installed() -> bool:
    """Whether `import stampede` works without a PYTHONPATH."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution("stampede-bench")
    except PackageNotFoundError:
        return False
    return True


if os.environ.get("PYTHONPATH", ROOT) != ROOT and is_command(sys.argv[0]):
    del os.environ["PYTHONPATH"]
    if not is_installed():
        os.environ["PYTHONPATH"] = ROOT
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
