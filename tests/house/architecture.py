"""The rules of the architecture, as functions over a source tree.

Each function returns the violations of one rule, one line each. They only parse source text and import nothing of the
project, so that tests can run them on trees with planted violations. Every module is known by its import name:
`stampede.patterns.caching.no_cache` lies in patterns/caching/.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOMS = ("core", "patterns", "run_folder", "scenarios", "stack", "loadtests", "races", "reports")
"""Folders of the checkout that are packages of `stampede`."""
FRONT = "stampede"
"""The package of the public API and the command line. It may use every room; no room may use it."""
PATTERN_BASES = (
    "stampede.core.errors",
    "stampede.patterns.caching.cache_pattern",
    "stampede.patterns.rate_limiting.rate_limiter",
    "stampede.patterns.serialization.serializer",
)
ALLOWED: dict[str, tuple[str, ...]] = {
    "core": (),
    "patterns": ("stampede.core.errors", "stampede.core.files", "stampede.core.text.record_id_text"),
    "run_folder": ("stampede.core",),
    "scenarios": ("stampede.core", *PATTERN_BASES, "stampede.patterns.user_files"),
    "stack": ("stampede.core", *PATTERN_BASES, "stampede.scenarios.workload"),
    "loadtests": ("stampede.core", "stampede.patterns", "stampede.scenarios", "stampede.stack", "stampede.run_folder"),
    "races": ("stampede.core", "stampede.patterns", "stampede.scenarios", "stampede.stack", "stampede.run_folder"),
    "reports": ("stampede.core", "stampede.run_folder"),
}
"""Modules and packages of the project that a room may import in addition to itself."""

PATCHING = frozenset({"locust", "gevent"})
"""Importing locust monkey-patches the process; gevent at a module's top binds it to a hub."""
LOCUSTFILES = frozenset(
    {
        "stampede.loadtests.locustfiles.locustfile",
        "stampede.loadtests.locustfiles.http_users",
        "stampede.loadtests.locustfiles.http_open_users",
        "stampede.loadtests.selftests.overhead_users",
    }
)

CONTENDER_LINES = 120
DIAGRAMS = {"caching": ("read", "write"), "rate_limiting": ("hit",)}
"""The lines that a page's diagram has, by its folder."""
BASES = ("__init__.py", "cache_pattern.py", "rate_limiter.py", "record_source.py")
"""Files of these folders that hold no contender."""
SECTIONS = ("Cost in round trips:", "Good for:", "Bad for:", "Source:", "Departures:")

REGISTRY_HOSTS = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|docker\.io|ghcr\.io|quay\.io|proxy\.golang\.org|crates\.io)\b"
)
MACHINE_PATHS = re.compile(r"(?<![\w.~*/-])/(?:root|home/\w+|Users/\w+|work/\w+|tmp/\w+)(?:/|\b)")
TEXT_SUFFIXES = frozenset(
    {"", ".py", ".md", ".toml", ".sh", ".yml", ".yaml", ".lock", ".txt", ".sql", ".html", ".css", ".js", ".j2", ".conf"}
)


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported module, by its full name, and where."""

    path: Path
    line: int
    module: str
    top_level: bool
    """Whether it runs when the file is imported: not inside a function, not under TYPE_CHECKING."""

    @property
    def room(self) -> str:
        return room_of(self.module)


def sources(root: Path) -> list[Path]:
    """Every source file of the project: the rooms, and the public API with the command line."""
    return [p for room in (*ROOMS, FRONT) for p in sorted((root / room).rglob("*.py"))]


def module_name(root: Path, path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.relative_to(root).with_suffix("").parts
    inside = (FRONT, *parts) if parts[0] in ROOMS else parts
    return ".".join(inside[:-1] if inside[-1] == "__init__" else inside)


def room_of(module: str) -> str:
    """The room of a module of the project; FRONT for the command line; for others, their top-level package."""
    first, _, rest = module.partition(".")
    inside = rest.partition(".")[0]
    return inside if first == FRONT and inside in ROOMS else first


def imports(root: Path, path: Path) -> list[Import]:
    """What a file imports. `from package import name` counts as package.name if that is a module of the project."""
    return imports_in(root, path, path.read_text(encoding="utf-8"))


@cache
def imports_in(root: Path, path: Path, text: str) -> list[Import]:
    """The same for the file's text, computed once: several rules ask for it. Callers do not change the list."""
    tree = ast.parse(text, str(path))
    found = []
    for node, top_level in statements(tree, top_level=True):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(root, path, node)
            modules = [full if is_module(root, full) else base for full in (f"{base}.{a.name}" for a in node.names)]
        elif isinstance(node, ast.Call) and is_dynamic_import(node):
            modules = [str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant)]
        else:
            continue
        found += [Import(path=path, line=node.lineno, module=m, top_level=top_level) for m in modules]
    return found


def statements(node: ast.AST, *, top_level: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_type_checking(node)
        yield child, top_level and not deferred
        yield from statements(child, top_level=top_level and not deferred)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING") and not node.orelse


def is_dynamic_import(node: ast.Call) -> bool:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name in ("import_module", "__import__")


def absolute(root: Path, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.parent.relative_to(root).parts
    base = package[: len(package) - node.level + 1]
    base = (FRONT, *base) if base and base[0] in ROOMS else base
    return ".".join([*base, *([node.module] if node.module else [])])


def is_module(root: Path, name: str) -> bool:
    path = root.joinpath(*name.split("."))
    if room_of(name) in ROOMS and name.startswith(f"{FRONT}."):
        path = root.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file() or path.is_dir()


def where(root: Path, item: Import) -> str:
    return f"{item.path.relative_to(root)}:{item.line} imports {item.module}"


def disallowed_imports(root: Path) -> list[str]:
    """Imports between rooms that the table does not allow, and rooms that are imported without their package."""
    return [
        where(root, item)
        for path in sources(root)
        for item in imports(root, path)
        if not may_import(module_name(root, path), item.module)
    ]


def may_import(importer: str, imported: str) -> bool:
    first = imported.partition(".")[0]
    if first in ROOMS or first == "tests":
        return False
    room = room_of(importer)
    if first != FRONT or room == FRONT or room_of(imported) == room:
        return True
    return any(imported == allowed or imported.startswith(f"{allowed}.") for allowed in ALLOWED[room])


def circles(root: Path) -> list[str]:
    """Modules that import each other. Each circle is reported once, by its shortest path.

    Imports inside functions and imports for types count too: a reader of one module needs the other. The public names
    in `stampede/__init__.py` are loaded on first use and do not count.
    """
    files = {module_name(root, path): path for path in sources(root)}
    graph: dict[str, list[str]] = {
        name: sorted({i.module for i in imports(root, path)} & files.keys()) for name, path in files.items()
    }
    graph[FRONT] = []
    found = {from_least(way) for way in (shortest_circle(graph, name) for name in graph) if way}
    return [
        f"{files[way[0]].relative_to(root)} is in a circle of imports: {' → '.join([*way, way[0]])}"
        for way in sorted(found)
    ]


def from_least(way: tuple[str, ...]) -> tuple[str, ...]:
    start = way.index(min(way))
    return (*way[start:], *way[:start])


def shortest_circle(graph: Mapping[str, Sequence[str]], start: str) -> tuple[str, ...]:
    """The shortest path of imports from a module back to itself; empty if there is none."""
    ways: dict[str, tuple[str, ...]] = {}
    waiting: list[tuple[str, ...]] = [(start,)]
    for way in waiting:
        for module in graph[way[-1]]:
            if module == start:
                return way
            if module not in ways:
                ways[module] = (*way, module)
                waiting.append(ways[module])
    return ()


def locust_side(root: Path) -> frozenset[str]:
    """The locustfiles, and the modules of loadtests that only they and each other import at their top level.

    Found from the graph: start with all modules that a locustfile reaches, drop each one that another module imports,
    repeat.
    """
    graph = {
        module_name(root, path): {i.module for i in imports(root, path) if i.top_level and i.room == "loadtests"}
        for path in sources(root)
    }
    if not LOCUSTFILES & graph.keys():
        return frozenset()
    side: set[str] = set()
    waiting = sorted(LOCUSTFILES & graph.keys())
    while waiting:
        module = waiting.pop()
        if module not in side and module in graph:
            side.add(module)
            waiting += graph[module]
    while True:
        shared = {
            m for m in side - LOCUSTFILES if any(m in used for importer, used in graph.items() if importer not in side)
        }
        if not shared:
            return frozenset(side)
        side -= shared


def patching_imports(root: Path) -> list[str]:
    """Imports of locust anywhere, or of gevent at a module's top, outside the locust side."""
    side = locust_side(root)
    return [
        where(root, item)
        for path in sources(root)
        if module_name(root, path) not in side
        for item in imports(root, path)
        if item.room in PATCHING and (item.room == "locust" or item.top_level)
    ]


def early_imports(root: Path) -> list[str]:
    """Rooms that the public API imports before a name is used, or the command line before a command is called.

    `core` is allowed: it imports nothing heavy, and the checks of options need it.
    """
    return [
        where(root, item)
        for path in sorted((root / FRONT).rglob("*.py"))
        for item in imports(root, path)
        if item.top_level and item.room in {*ROOMS, *PATCHING} - {"core"}
    ]


def meters_in_patterns(root: Path) -> list[str]:
    """Pattern files that import a meter, a clock or a tracer: patterns must not know that they are measured."""
    forbidden = {"time", "timeit", "contextvars", "loadtests", "locust", "gevent"}
    return [
        where(root, item)
        for path in sorted((root / "patterns").rglob("*.py"))
        for item in imports(root, path)
        if item.room in forbidden
    ]


def pattern_files(root: Path) -> list[Path]:
    """The textbook pages: each file of patterns/caching and patterns/rate_limiting that holds a contender."""
    folders = [root / "patterns" / name for name in DIAGRAMS]
    return [p for f in folders for p in sorted(f.glob("*.py")) if p.name not in BASES]


def incomplete_pages(root: Path) -> list[str]:
    """Pattern files that are too long, or whose docstring lacks a section, or whose class has another name."""
    found = []
    for path in pattern_files(root):
        name, text = path.relative_to(root), path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        if len(text.splitlines()) > CONTENDER_LINES:
            found.append(f"{name} has {len(text.splitlines())} lines, more than {CONTENDER_LINES}")
        docstring = ast.get_docstring(tree) or ""
        found += [
            f"{name} has no “{section}” in its docstring"
            for section in missing_sections(docstring, DIAGRAMS[path.parent.name])
        ]
        class_name = "".join(word.capitalize() for word in path.stem.split("_"))
        if class_name not in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}:
            found.append(f"{name} defines no class {class_name}")
    return found


def missing_sections(docstring: str, kinds: tuple[str, ...]) -> list[str]:
    flat = " ".join(docstring.split())
    missing = [section for section in SECTIONS if section not in flat]
    diagrams = [line.strip().split(" ")[0] for line in docstring.splitlines() if "──" in line]
    return missing + [f"{kind}   diagram" for kind in kinds if kind not in diagrams]


def tracked_text(root: Path, names: list[str]) -> list[Path]:
    return [root / n for n in names if Path(n).suffix in TEXT_SUFFIXES and (root / n).is_file()]


def named_places(root: Path, paths: list[Path]) -> list[str]:
    """Lines that name a package registry's host or a path of a private machine."""
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            match = REGISTRY_HOSTS.search(line) or MACHINE_PATHS.search(line)
            if match:
                found.append(f"{path.relative_to(root)}:{number} names {match.group()}")
    return found
