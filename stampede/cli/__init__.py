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


def needs_path() -> bool:
    """Whether the package is found through PYTHONPATH, and not because it is installed."""
    return ROOT in [os.path.abspath(folder) for folder in os.environ["PYTHONPATH"].split(os.pathsep)]


if os.environ.get("PYTHONPATH", ROOT) != ROOT and is_command(sys.argv[0]):
    if needs_path():
        os.environ["PYTHONPATH"] = ROOT
    else:
        del os.environ["PYTHONPATH"]
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
