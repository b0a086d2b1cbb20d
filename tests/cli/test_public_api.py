"""`import stampede` is the public API: documented, typed, and free of charge until a name is used."""

import ast
import inspect
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import stampede

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"core", "patterns", "scenarios", "stack", "loadtests", "races", "artefact", "reports"}


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after the statement."""
    command = [sys.executable, "-c", f"{statement}; import sys; print(*(m.partition('.')[0] for m in sys.modules))"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def typed_names() -> dict[str, str]:
    """Name to module, as the block for type checkers in stampede/__init__.py says it."""
    tree = ast.parse((ROOT / "stampede" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_importing_the_package_loads_none_of_our_rooms_and_no_dependency() -> None:
    """User code pays for what it uses, and no module of Stampede can be in an import cycle with the package."""
    heavy = {"redis", "numpy", "pandas", "pyarrow", "scipy", "matplotlib", "typer", "psycopg", "msgspec"}
    assert loaded_by("import stampede") & (ROOMS | heavy) == set()
    assert loaded_by("from stampede import ConfigError") & heavy == set()


def test_every_public_name_can_be_imported_and_is_one_object() -> None:
    """The package hands out the class itself: a subclass check works, whichever way a file imports it."""
    for name, module in typed_names().items():
        assert getattr(stampede, name) is getattr(sys.modules[module], name), name


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    """`__all__`, `dir()`, the lazy table and the imports for type checkers list the same names."""
    lazy = {name: module for module, names in stampede._HOMES.items() for name in names}
    assert lazy == typed_names()
    assert sorted(stampede.__all__) == dir(stampede) == sorted(lazy)


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="CachePatern"):
        stampede.CachePatern  # noqa: B018


def test_every_public_class_has_a_docstring() -> None:
    """`help(stampede)` explains each class."""
    classes = {name: found for name in stampede.__all__ if inspect.isclass(found := getattr(stampede, name))}
    own = {name: found for name, found in classes.items() if found.__module__.partition(".")[0] in ROOMS | {"stampede"}}
    assert len(own) > 15
    assert [name for name, found in own.items() if not found.__doc__] == []


def test_help_reads_as_documentation() -> None:
    """`help(stampede)` begins with the examples and describes the classes with their methods."""
    text = pydoc.plain(pydoc.render_doc(stampede))
    assert text.index("from stampede import CachePattern") < text.index("class CachePattern")
    for name in ("class RateLimiter", "class Decision", "class Config", "invalidate(self", "hit(self"):
        assert name in text
