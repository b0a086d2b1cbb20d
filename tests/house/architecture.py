"""How the house is built, as functions over a source tree: each returns what breaks a rule, one line a violation.

They read source text only (ast) and import nothing of ours, so that they can be tried on trees with planted faults.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOMS = ("core", "patterns", "artefact", "scenarios", "stack", "loadtests", "races", "reports")
FRONT = "stampede"
"""The package of the public API and the command line. It may use every room; no room may use it."""
OURS = frozenset({*ROOMS, FRONT, "tests"})

PATTERN_BASES = (
    "stampede.core.errors",
    "stampede.patterns.caching.cache_pattern",
    "stampede.patterns.rate_limiting.rate_limiter",
    "stampede.patterns.serialization.serializer",
)
ALLOWED: dict[str, tuple[str, ...]] = {
    "core": (),
    "patterns": ("stampede.core.errors", "stampede.core.files"),
    "artefact": ("core",),
    "scenarios": ("core", *PATTERN_BASES),
    "stack": ("core", *PATTERN_BASES, "stampede.scenarios.workload"),
    "loadtests": ("core", "patterns", "scenarios", "stack", "artefact"),
    "races": ("core", "patterns", "scenarios", "stack", "artefact"),
    "reports": ("core", "artefact"),
}
"""What a room may import of ours besides itself: a module by its full name, or a whole room by its own."""

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
DIAGRAMS = {"caching": ("read", "write"), "limiting": ("hit",)}
"""The lines that a page's diagram has, by its folder."""
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
        return self.module.partition(".")[0]


def sources(root: Path) -> list[Path]:
    """Every source file of ours: the rooms, and the public API with the command line."""
    return [p for room in (*ROOMS, FRONT) for p in sorted((root / room).rglob("*.py"))]


def module_name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root: Path, path: Path) -> list[Import]:
    """What a file imports. `from package import name` counts as package.name where that is a module of ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
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
    return ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__")


def absolute(root: Path, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = path.parent.relative_to(root).parts
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def is_module(root: Path, name: str) -> bool:
    path = root.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def where(root: Path, item: Import) -> str:
    return f"{item.path.relative_to(root)}:{item.line} imports {item.module}"


def wrong_ways(root: Path) -> list[str]:
    """Imports between rooms that the table does not allow."""
    return [
        where(root, item)
        for path in sources(root)
        for item in imports(root, path)
        if item.room in OURS and not may_import(module_name(root, path), item.module)
    ]


def may_import(importer: str, imported: str) -> bool:
    room = importer.partition(".")[0]
    if room == FRONT or imported.partition(".")[0] == room:
        return True
    return any(imported == allowed or imported.startswith(f"{allowed}.") for allowed in ALLOWED[room])


def circles(root: Path) -> list[str]:
    """Modules that need each other, each circle once, by its shortest way round.

    Imports inside functions and those for types alone count too: whoever reads the one has to know the other.
    """
    files = {module_name(root, path): path for path in sources(root)}
    graph = {name: sorted({i.module for i in imports(root, path)} & files.keys()) for name, path in files.items()}
    found = {from_least(way) for way in (way_round(graph, name) for name in graph) if way}
    return [
        f"{files[way[0]].relative_to(root)} is in a circle of imports: {' → '.join([*way, way[0]])}"
        for way in sorted(found)
    ]


def from_least(way: tuple[str, ...]) -> tuple[str, ...]:
    start = way.index(min(way))
    return (*way[start:], *way[:start])


def way_round(graph: Mapping[str, Sequence[str]], start: str) -> tuple[str, ...]:
    """The shortest way from a module by its imports back to it; empty: there is none."""
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
    """The locustfiles and the modules of loadtests that nothing but they (and they themselves) imports when imported.

    Found from the graph: start with all that a locustfile reaches, drop what somebody outside imports, repeat.
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

    The ground floor, which imports nothing heavy, holds what its options need.
    """
    return [
        where(root, item)
        for path in sorted((root / FRONT).rglob("*.py"))
        for item in imports(root, path)
        if item.top_level and item.room in {*ROOMS, *PATCHING} - {"core"}
    ]


def rulers_in_patterns(root: Path) -> list[str]:
    """Pattern files that know that they are measured: they import our rulers, or a clock or tracer of their own."""
    forbidden = {"time", "timeit", "contextvars", "loadtests", "locust", "gevent"}
    return [
        where(root, item)
        for path in sorted((root / "patterns").rglob("*.py"))
        for item in imports(root, path)
        if item.room in forbidden
    ]


def pattern_files(root: Path) -> list[Path]:
    """The textbook pages: each file of patterns/caching and patterns/limiting that holds a contender."""
    folders = [root / "patterns" / name for name in DIAGRAMS]
    return [p for f in folders for p in sorted(f.glob("*.py")) if p.name not in ("__init__.py", "base.py")]


def untidy_pages(root: Path) -> list[str]:
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
    """Lines that name a package registry's host or a path of somebody's machine."""
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            match = REGISTRY_HOSTS.search(line) or MACHINE_PATHS.search(line)
            if match:
                found.append(f"{path.relative_to(root)}:{number} names {match.group()}")
    return found
