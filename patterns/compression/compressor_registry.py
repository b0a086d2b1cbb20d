"""The registry of compressors: every file of this folder that defines one."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache

from stampede.patterns.compression.compressor import Compressor


@cache
def compressors() -> Mapping[str, type[Compressor]]:
    """The compressors by name. The name follows from the file's: zstd_dictionary.py is zstd-dictionary."""
    package = importlib.import_module("stampede.patterns.compression")
    found: dict[str, type[Compressor]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"stampede.patterns.compression.{info.name}")
        for thing in vars(module).values():
            own = inspect.isclass(thing) and issubclass(thing, Compressor) and thing.__module__ == module.__name__
            if own and not inspect.isabstract(thing):
                found[info.name.replace("_", "-")] = thing
    return found
