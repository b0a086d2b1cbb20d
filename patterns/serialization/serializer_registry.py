"""The registry of serializers: those of the suite by name, and those in the user's files."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from stampede.core.errors import ConfigError
from stampede.patterns.serialization.serializer import ForRecords, Serializer
from stampede.patterns.user_classes import check_serializer
from stampede.patterns.user_files import import_file


@dataclass(frozen=True, kw_only=True)
class NamedSerializer:
    """A serializer with the name that reports print."""

    name: str
    serializer: type[Serializer[Any]]
    file: str | None = None
    """Path of the user's file. None: a serializer of the suite."""


@cache
def named_serializers() -> Mapping[str, NamedSerializer]:
    """The suite's serializers by name. The name follows from the file's: msgspec_json.py is msgspec-json."""
    package = importlib.import_module("stampede.patterns.serialization")
    found = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if not info.ispkg:
            serializer = serializer_in(importlib.import_module(f"{package.__name__}.{info.name}"))
            if serializer is not None:
                name = info.name.replace("_", "-")
                found[name] = NamedSerializer(name=name, serializer=serializer)
    return found


def find_serializer(name_or_path: str) -> NamedSerializer:
    """The serializer of that name, or the one in the user's file.

    Raises ConfigError: no such serializer, or a file that cannot be imported or defines none.
    """
    if name_or_path in named_serializers():
        return named_serializers()[name_or_path]
    if name_or_path.endswith(".py"):
        return load_serializer(Path(name_or_path))
    raise ConfigError("serializer", name_or_path, f"one of {', '.join(named_serializers())}, or a path to a .py file")


def choose_serializers(
    only: Sequence[str], own: Sequence[str], *, managed: bool, allow_pickle: bool
) -> list[NamedSerializer]:
    """The serializers of a run: those of `only`, or all of the suite, plus the files of `own`.

    `managed`: Stampede started the server. Raises ConfigError if a serializer that runs code from its bytes would read
    from a server that others can write to.
    """
    chosen: dict[str, NamedSerializer] = {}
    for codec in map(find_serializer, [*(only or named_serializers()), *own]):
        if codec.file != chosen.setdefault(codec.name, codec).file:
            raise ConfigError("serializer", str(codec.file), f"a file of another name: {codec.name} is taken")
    for codec in chosen.values():
        if codec.serializer.runs_code and not managed and not allow_pickle:
            want = "a server that the suite starts, because reading runs code from the bytes; or --allow-pickle"
            raise ConfigError("serializer", codec.name, want)
    return list(chosen.values())


def load_serializer(path: Path) -> NamedSerializer:
    """The serializer that the user's file defines, named after the file. Raises ConfigError."""
    name = path.stem.replace("_", "-")
    if name in named_serializers():
        raise ConfigError("serializer", str(path), f"a file of another name: the suite has a serializer {name}")
    serializer = serializer_in(import_file(path, f"serializer_{path.stem}", "serializer"))
    if serializer is None:
        want = "a file that defines a subclass of stampede.Serializer"
        raise ConfigError("serializer", str(path), want)
    check_serializer(serializer, str(path))
    return NamedSerializer(name=name, serializer=serializer, file=str(path.resolve()))


def serializer_in(module: ModuleType) -> type[Serializer[Any]] | None:
    """The last concrete serializer that the module itself defines, or None."""
    own = [
        thing
        for thing in vars(module).values()
        if inspect.isclass(thing)
        and issubclass(thing, Serializer)
        and thing is not ForRecords
        and not inspect.isabstract(thing)
        and thing.__module__ == module.__name__
    ]
    return own[-1] if own else None
