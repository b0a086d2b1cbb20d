"""Sizes and names of the code, as functions over a source tree. Each returns the violations of one rule, one line each.

They read file names and source text only, so that tests can run them on trees with planted violations.
"""

import ast
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.architecture import ROOMS

CODE = (*ROOMS, "stampede", "scripts", "examples", "tests")
"""The folders that hold code. Python files at the top of the tree count too."""

MOST_CHILDREN = 9
CATALOGUES = {
    "patterns/caching": "one file for each pattern, found by its name",
    "patterns/serialization": "one file for each serializer, found by its name",
    "reports/metrics": "one file for each kind of metric, found by being there",
    "reports/output/charts": "one file for each chart, found by being there, and what they share",
    "reports/claims": "one file for each claim of the article, in the order of the claims",
    "reports/output/templates": "one template for each part of a page, found by its name",
    "tests": "one folder for each room, and the modules that all of them share",
}
"""Folders that may have more children, and why: each is a flat list of peers. Files test_*.py never count."""

LONG: dict[str, str] = {}
"""Files (their path) and functions (path:name) that may be longer, and why."""

SHARED_MODULES = {
    "__init__": "Python looks for this name in each package",
    "__main__": "Python looks for this name in a package that runs as a program",
    "conftest": "pytest looks for this name in each folder",
    "app": "web servers look for this name in an example service",
}
"""Names that several modules may have, and why. Test modules are named after what they test, in the room's folder."""
SHARED_CLASSES: dict[str, str] = {}
"""Names that several public classes may have, and why."""


def code_files(root: Path) -> list[Path]:
    """All files of the code folders and the Python files at the top, sorted. Caches and symbolic links are left out."""
    found = [path for path in root.glob("*.py") if not path.is_symlink()]
    for name in CODE:
        if not (root / name).is_symlink():
            found += real_files(root / name)
    return sorted(found)


def real_files(folder: Path) -> Iterator[Path]:
    """The files under a folder. Symbolic links to files and folders are treated as absent."""
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [each for each in folders if each != "__pycache__" and not each.startswith(".")]
        yield from (here / name for name in names if not name.startswith(".") and not (here / name).is_symlink())


def python_files(root: Path) -> list[Path]:
    return [path for path in code_files(root) if path.suffix == ".py"]


def children(root: Path) -> dict[str, set[str]]:
    """The children of each code folder, by its path. A child is a file or a folder that holds a file."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in code_files(root):
        parts = path.relative_to(root).parts
        for depth in range(1, len(parts)):
            found["/".join(parts[:depth])].add(parts[depth])
    return {folder: {name for name in names if counts(folder, name)} for folder, names in found.items()}


def counts(folder: str, name: str) -> bool:
    """Whether a child adds to the size of its folder. Test files are peers: one for each subject."""
    return name != "__init__.py" and not (folder.partition("/")[0] == "tests" and name.startswith("test_"))


def crowded_folders(root: Path) -> list[str]:
    """Folders with more than nine children. `__init__.py` and the catalogues of peers are excepted."""
    return [
        f"{folder} has {len(names)} children, more than {MOST_CHILDREN}"
        for folder, names in sorted(children(root).items())
        if len(names) > MOST_CHILDREN and folder not in CATALOGUES
    ]


def long_files(root: Path, most: int = 400) -> list[str]:
    """Python files with more lines than the limit."""
    lengths = {str(p.relative_to(root)): len(p.read_text(encoding="utf-8").splitlines()) for p in python_files(root)}
    return [
        f"{name} has {lines} lines, more than {most}"
        for name, lines in lengths.items()
        if lines > most and name not in LONG
    ]


def long_functions(root: Path, most: int = 60) -> list[str]:
    """Functions and methods with more lines than the limit, from `def` to their last line. Decorators do not count."""
    found = []
    for path in python_files(root):
        name = path.relative_to(root)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > most and f"{name}:{node.name}" not in LONG:
                    found.append(f"{name}:{node.lineno} {node.name} has {lines} lines, more than {most}")
    return found


def shared_names(root: Path) -> list[str]:
    """Names that two public classes or two modules have."""
    modules: dict[str, list[str]] = defaultdict(list)
    classes: dict[str, list[str]] = defaultdict(list)
    for path in python_files(root):
        name = path.relative_to(root)
        if not path.stem.startswith("test_"):
            modules[path.stem].append(str(name))
        for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].append(f"{name}:{node.lineno}")
    return [
        *(f"{' and '.join(v)} are modules called {k}" for k, v in shared(modules) if k not in SHARED_MODULES),
        *(f"{' and '.join(v)} define classes called {k}" for k, v in shared(classes) if k not in SHARED_CLASSES),
    ]


def shared(places: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    return [(name, found) for name, found in sorted(places.items()) if len(found) > 1]


def unneeded_exceptions(root: Path) -> list[str]:
    """Exceptions to these rules that no part of the tree needs."""
    folders = children(root)
    paths = python_files(root)
    files = {str(path.relative_to(root)) for path in paths}
    stems = [path.stem for path in paths]
    return [
        *(f"{name} is no crowded folder" for name in CATALOGUES if len(folders.get(name, ())) <= MOST_CHILDREN),
        *(f"{name} does not exist" for name in LONG if name.partition(":")[0] not in files),
        *(f"{name} is no shared module" for name in SHARED_MODULES if stems.count(name) < 2 and name != "__main__"),
    ]
