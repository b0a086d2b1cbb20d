"""A Python file of the user's: tried in a process of its own first, then imported.

The trial finds what cannot be caught here: an import that does not end, and code that ends its process.
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
"""How long an import may take."""
TRIAL_WITHIN_S = 60
"""How long the trial's process may take in all: on a busy machine Python itself takes seconds to start."""
LONGEST_NAME = 64
TRIAL = """
import faulthandler, json, os, sys
told = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
import stampede.patterns.caching.cache_pattern, stampede.patterns.rate_limiting.rate_limiter, stampede.patterns.user_files, stampede.patterns.serialization.serializer
faulthandler.dump_traceback_later(int(sys.argv[2]), exit=True, file=told)
try:
    stampede.patterns.user_files.execute(sys.argv[1], "on_trial")
    why = ""
except BaseException as error:
    why = stampede.patterns.user_files.said(error)
faulthandler.cancel_dump_traceback_later()
told.write(json.dumps({"why": why}))
told.flush()
os._exit(0)
"""


def own_files(names: Iterable[str]) -> list[Path]:
    """Those names that are paths of Python files."""
    return [Path(name) for name in names if name.endswith(".py")]


def try_files(field: str, names: Iterable[str]) -> None:
    """Try to import each file of the user's among the names. Raises ConfigError. Call it once, at the front door."""
    for path in dict.fromkeys(own_files(names)):
        check_source(path, field)
        try_import(path, field)


def check_source(path: Path, field: str) -> None:
    """Raise ConfigError unless the path is a regular file of Python, with a name that tables can show."""
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
    """Import the file in a process of its own. Raises ConfigError: it raised, took too long, or ended its process."""
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
                os.killpg(child.pid, signal.SIGKILL)  # with whatever the file itself started
    if answer.startswith(b"{"):
        why = str(json.loads(answer)["why"])
    elif answer.startswith(b"Timeout"):
        why = f"its import did not end within {IMPORT_WITHIN_S} s"
    else:
        why = f"its import ended the process, with code {child.returncode}"
    if why:
        raise ConfigError(field, str(path), f"a file that imports ({why})")


def import_file(path: Path, module_name: str, field: str) -> ModuleType:
    """Import a user's file. Raises ConfigError with file, line and error for whatever it raises, SystemExit too."""
    check_source(path, field)
    try:
        return execute(str(path), module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ConfigError(field, str(path), f"a file that imports ({said(error)})") from error


def execute(path: str, module_name: str) -> ModuleType:
    """The module that the file makes, known by that name."""
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module


def said(error: BaseException) -> str:
    """The error in one line."""
    try:
        text = shortened(" ".join(str(error).split()))
    except Exception:  # noqa: BLE001 - a class of the user's, whose text may raise
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
