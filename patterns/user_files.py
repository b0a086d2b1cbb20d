"""Imports a Python file of the user, after a trial import in a separate process.

The trial detects imports that do not end and code that ends its process, which cannot be caught in this process.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from stampede.core.errors import ConfigError, UnreadableFile, shortened
from stampede.core.files import TEXT_BYTES, read_regular

IMPORT_WITHIN_S = 10
"""The longest time for an import."""
TRIAL_WITHIN_S = 60
"""The longest time for the process of the trial. On a busy machine Python takes seconds to start."""
LONGEST_NAME = 64
"""Characters of a file's name, without .py."""
TRIAL = """
import faulthandler, json, os, sys
report = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
import stampede.patterns.caching.cache_pattern, stampede.patterns.rate_limiting.rate_limiter
import stampede.patterns.serialization.serializer, stampede.patterns.user_files
faulthandler.dump_traceback_later(int(sys.argv[2]), exit=True, file=report)
try:
    stampede.patterns.user_files.execute(sys.argv[1], "on_trial")
    why = ""
except BaseException as error:
    why = stampede.patterns.user_files.error_line(error)
faulthandler.cancel_dump_traceback_later()
report.write(json.dumps({"why": why}))
report.flush()
os._exit(0)
"""


def own_files(names: Iterable[str]) -> list[Path]:
    """The names that are paths of Python files."""
    return [Path(name) for name in names if name.endswith(".py")]


def try_files(field: str, names: Iterable[str]) -> None:
    """Try to import each Python file among the names. Raises ConfigError. The command line calls this once."""
    for path in dict.fromkeys(own_files(names)):
        check_source(path, field)
        try_import(path, field)


def check_source(path: Path, field: str) -> None:
    """Raise ConfigError unless the path is a regular file with Python code and a printable name."""
    if not path.stem.isprintable() or len(path.stem) > LONGEST_NAME:
        raise ConfigError(field, str(path), f"a file with a printable name of at most {LONGEST_NAME} characters")
    try:
        source = read_regular(path, most_bytes=TEXT_BYTES)
    except UnreadableFile as error:
        raise ConfigError(field, str(path), f"{error.want}; found: {error.what}") from error
    try:
        compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ConfigError(field, f"{path}, line {error.lineno}", f"Python ({error.msg})") from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise ConfigError(field, str(path), f"Python ({type(error).__name__}: {error})") from error


def try_import(path: Path, field: str) -> None:
    """Import the file in a separate process. Raises ConfigError: it raised, took too long, or ended its process."""
    command = [sys.executable, "-P", "-c", TRIAL, str(path), str(IMPORT_WITHIN_S)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            answer, _ = child.communicate(timeout=TRIAL_WITHIN_S)
        except subprocess.TimeoutExpired:
            answer = b"Timeout"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # also the processes that the file started
    if answer.startswith(b"{"):
        why = str(json.loads(answer)["why"])
    elif answer.startswith(b"Timeout"):
        why = f"its import did not end within {IMPORT_WITHIN_S} s"
    else:
        why = f"its import ended the process, with code {child.returncode}"
    if why:
        raise ConfigError(field, str(path), f"a file that imports ({why})")


def import_file(path: Path, module_name: str, field: str) -> ModuleType:
    """Import a user's file. Any exception of the file, also SystemExit, becomes a ConfigError with its path."""
    check_source(path, field)
    try:
        return execute(str(path), module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ConfigError(field, str(path), f"a file that imports ({error_line(error)})") from error


def execute(path: str, module_name: str) -> ModuleType:
    """Execute the file as a module of that name."""
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module


def error_line(error: BaseException) -> str:
    """The error's type and text in one line."""
    try:
        text = shortened(" ".join(str(error).split()))
    except Exception:  # noqa: BLE001 - str() of the user's class may raise
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
