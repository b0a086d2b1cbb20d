"""Which contenders there are: every file beside ours that holds a pattern, and any file that the user names."""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from patterns.caching.base import CachePattern
from patterns.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A pattern under the name that reports print."""

    name: str
    pattern: type[CachePattern]
    file: str | None = None
    """Path of the user's own file; ours have none."""


@cache
def contenders() -> Mapping[str, Contender]:
    """Our own, by name. The name is written once, as the file's: write_through.py is write-through."""
    package = importlib.import_module("patterns.caching")
    found = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        pattern = pattern_in(importlib.import_module(f"patterns.caching.{info.name}"))
        if pattern is not None:
            name = info.name.replace("_", "-")
            found[name] = Contender(name=name, pattern=pattern)
    return found


def find_contender(name_or_path: str) -> Contender:
    """One of ours by name, or the pattern in a file of the user's.

    Raises ConfigError: no such contender, or a file that cannot be imported or holds no pattern.
    """
    if name_or_path in contenders():
        return contenders()[name_or_path]
    if name_or_path.endswith(".py"):
        return load_contender(Path(name_or_path))
    raise ConfigError("contender", name_or_path, f"one of {', '.join(contenders())}, or a path to a .py file")


def load_contender(path: Path) -> Contender:
    """The one pattern that a file of the user's defines, named after the file."""
    if not path.is_file():
        raise ConfigError("contender", str(path), "a file that exists")
    name = path.stem.replace("_", "-")
    if name in contenders():
        raise ConfigError("contender", str(path), f"a file of another name: {name} is one of ours")
    pattern = pattern_in(import_file(path, f"contender_{path.stem}"))
    if pattern is None:
        raise ConfigError(
            "contender", str(path), "a file that defines a subclass of patterns.caching.base.CachePattern"
        )
    return Contender(name=name, pattern=pattern, file=str(path.resolve()))


def import_file(path: Path, module_name: str) -> ModuleType:
    """Import a user's file. Whatever it raises is the user's to mend: ConfigError with file, line and error."""
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("contender", str(path), "a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError("contender", f"{path}, line {error.lineno}", f"Python ({error.msg})") from error
    except Exception as error:  # noqa: BLE001 - a user's file may raise anything; it is reported, not swallowed
        raise ConfigError("contender", str(path), f"a file that imports ({type(error).__name__}: {error})") from error
    return module


def pattern_in(module: ModuleType) -> type[CachePattern] | None:
    """The last concrete pattern that the module itself defines, or None."""
    own = [
        thing
        for thing in vars(module).values()
        if inspect.isclass(thing)
        and issubclass(thing, CachePattern)
        and not inspect.isabstract(thing)
        and thing.__module__ == module.__name__
    ]
    return own[-1] if own else None
