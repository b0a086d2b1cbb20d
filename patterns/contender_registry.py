"""The registry of contenders: the patterns and limiters of the suite by name, and those in the user's files."""

# mypy: disable-error-code="type-abstract"

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from stampede.core.errors import ConfigError
from stampede.patterns.answer_checks import refuse_asynchronous
from stampede.patterns.caching.cache_pattern import CachePattern
from stampede.patterns.rate_limiting.rate_limiter import RateLimiter
from stampede.patterns.user_classes import check_limiter, check_pattern
from stampede.patterns.user_files import import_file

Base = TypeVar("Base")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A caching pattern with the name that reports print."""

    name: str
    pattern: type[CachePattern]
    file: str | None = None
    """Path of the user's file. None: a contender of the suite."""


@dataclass(frozen=True, kw_only=True)
class LimitingContender:
    """A rate limiter with the name that reports print."""

    name: str
    limiter: type[RateLimiter]
    file: str | None = None
    """Path of the user's file. None: a contender of the suite."""


@cache
def contenders() -> Mapping[str, Contender]:
    """The suite's caching patterns by name. The name follows from the file's: write_through.py is write-through."""
    found = classes_in("stampede.patterns.caching", CachePattern)
    return {name: Contender(name=name, pattern=pattern) for name, pattern in found.items()}


@cache
def limiters() -> Mapping[str, LimitingContender]:
    """The suite's rate limiters by name."""
    found = classes_in("stampede.patterns.rate_limiting", RateLimiter)
    return {name: LimitingContender(name=name, limiter=limiter) for name, limiter in found.items()}


def classes_in(package: str, base: type[Base]) -> dict[str, type[Base]]:
    """The subclass of `base` in each file of a package, by the file's name with dashes."""
    found = {}
    paths = importlib.import_module(package).__path__
    for info in sorted(pkgutil.iter_modules(paths), key=lambda m: m.name):
        own = class_in(importlib.import_module(f"{package}.{info.name}"), base)
        if own is not None:
            found[info.name.replace("_", "-")] = own
    return found


def find(name_or_path: str) -> Contender | LimitingContender:
    """The contender of that name, or the pattern or limiter in the user's file.

    Raises ConfigError: no such contender, or a file that cannot be imported or defines none.
    """
    ours: dict[str, Contender | LimitingContender] = {**contenders(), **limiters()}
    if name_or_path in ours:
        return ours[name_or_path]
    if name_or_path.endswith(".py"):
        return load(Path(name_or_path))
    raise ConfigError("contender", name_or_path, f"one of {', '.join(ours)}, or a path to a .py file")


def find_contender(name_or_path: str) -> Contender:
    """As `find`, but only caching patterns."""
    found = find(name_or_path)
    if not isinstance(found, Contender):
        raise ConfigError("contender", name_or_path, f"a caching pattern ({', '.join(contenders())})")
    return found


def find_limiter(name_or_path: str) -> LimitingContender:
    """As `find`, but only rate limiters."""
    found = find(name_or_path)
    if not isinstance(found, LimitingContender):
        raise ConfigError("limiter", name_or_path, f"a rate limiter ({', '.join(limiters())})")
    return found


def load(path: Path) -> Contender | LimitingContender:
    """The pattern or limiter that the user's file defines, named after the file. Raises ConfigError."""
    name = path.stem.replace("_", "-")
    if name in contenders() or name in limiters():
        raise ConfigError("contender", str(path), f"a file of another name: the suite has a contender {name}")
    refuse_asynchronous(path)
    module = import_file(path, f"contender_{path.stem}", "contender")
    file = str(path.resolve())
    pattern = class_in(module, CachePattern)
    if pattern is not None:
        check_pattern(pattern, file)
        return Contender(name=name, pattern=pattern, file=file)
    limiter = class_in(module, RateLimiter)
    if limiter is not None:
        check_limiter(limiter, file)
        return LimitingContender(name=name, limiter=limiter, file=file)
    wanted = "a file that defines a subclass of stampede.CachePattern or stampede.RateLimiter"
    raise ConfigError("contender", str(path), wanted)


def load_contender(path: Path) -> Contender:
    """As `load`, but only caching patterns."""
    return find_contender(str(path))


def class_in(module: ModuleType, base: type[Base]) -> type[Base] | None:
    """The last concrete subclass of `base` that the module itself defines, or None."""
    own = [
        thing
        for thing in vars(module).values()
        if inspect.isclass(thing)
        and issubclass(thing, base)
        and not inspect.isabstract(thing)
        and thing.__module__ == module.__name__
    ]
    return own[-1] if own else None
