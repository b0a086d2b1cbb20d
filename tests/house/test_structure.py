"""The rules of sizes and names: the project keeps them, and each check finds a planted violation."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.house import structure

ROOT = Path(__file__).resolve().parents[2]

LINES_60 = "def shortest():\n" + "    x = 1\n" * 59
SOUND = {
    "stampede/__init__.py": "",
    "core/__init__.py": "",
    "core/files.py": "class Folder:\n    pass\n\n\nclass _Row:\n    pass\n" + "x = 1\n" * 394,
    "core/text/safe_text.py": "class _Row:\n    pass\n\n\n@decorated\n" + LINES_60,
    "patterns/caching/__init__.py": "",
    "patterns/caching/cache_pattern.py": "class Pattern:\n    pass\n",
    "patterns/rate_limiting/rate_limiter.py": "class Limiter:\n    pass\n",
    "loadtests/__init__.py": "",
    "scripts/golden.py": "def main():\n    class Folder:\n        pass\n",
    "tests/conftest.py": "",
    "tests/core/conftest.py": "",
    "tests/core/test_safe_text.py": "",
    "tests/loadtests/test_text.py": "",
    **{f"patterns/caching/pattern_{n}.py": "" for n in range(12)},
    **{f"loadtests/part_{n}.py": "" for n in range(9)},
    **{f"tests/loadtests/test_part_{n}.py": "" for n in range(12)},
    **{f"core/__pycache__/cached_{n}.py": "" for n in range(12)},
}

CHECKS: dict[str, Callable[[Path], list[str]]] = {
    "crowded_folders": structure.crowded_folders,
    "long_files": structure.long_files,
    "long_functions": structure.long_functions,
    "shared_names": structure.shared_names,
}

PLANTED: list[tuple[str, str, str]] = [
    ("crowded_folders", "loadtests/part_9.py", ""),
    ("crowded_folders", "loadtests/folder/one.py", ""),
    ("crowded_folders", "loadtests/page.html.j2", ""),
    ("long_files", "core/files.py", "x = 1\n" * 401),
    ("long_files", "scripts/golden.py", "x = 1\n" * 401),
    ("long_files", "tests/core/test_safe_text.py", "x = 1\n" * 401),
    ("long_files", "stampede.py", "x = 1\n" * 401),
    ("long_functions", "core/text/safe_text.py", LINES_60 + "    return x\n"),
    ("long_functions", "core/text/safe_text.py", LINES_60.replace("def", "async def") + "    return x\n"),
    ("long_functions", "core/text/safe_text.py", "class Text:\n    def f():\n" + "        x = 1\n" * 60),
    ("long_functions", "tests/core/test_safe_text.py", LINES_60 + "    return x\n"),
    ("long_functions", "scripts/golden.py", LINES_60 + "    return x\n"),
    ("shared_names", "core/text/safe_text.py", "class Pattern:\n    pass\n"),
    ("shared_names", "core/text/safe_text.py", "class Folder:\n    pass\n"),
    ("shared_names", "core/golden.py", ""),
    ("shared_names", "core/inner/safe_text.py", ""),
]


def planted(root: Path, files: Mapping[str, str]) -> Path:
    """The root, with these files written into it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("check", CHECKS)
def test_the_project_keeps_the_rule(check: str) -> None:
    """Folders have at most nine children, files 400 lines, functions 60, and each name means one thing."""
    assert len(structure.python_files(ROOT)) > 100
    assert CHECKS[check](ROOT) == []


def test_each_exception_is_needed() -> None:
    """An exception ends with its reason: no folder, file or name is excepted that keeps the rule."""
    assert structure.unneeded_exceptions(ROOT) == []


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_tree_passes(check: str, tmp_path: Path) -> None:
    """No check reports a tree that is at the limit of every rule."""
    assert CHECKS[check](planted(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("check", "file", "text"), PLANTED)
def test_a_planted_violation_is_found(check: str, file: str, text: str, tmp_path: Path) -> None:
    """Each check reports one violation, at its place, when one is planted in a sound tree."""
    found = CHECKS[check](planted(tmp_path, SOUND | {file: text}))
    assert len(found) == 1
    assert found[0].startswith(file.partition("/")[0])


@pytest.mark.parametrize("check", CHECKS)
def test_symbolic_links_are_planted_and_not_counted(check: str, tmp_path: Path) -> None:
    """The links to the rooms inside the package do not make their files count twice."""
    root = planted(tmp_path, SOUND)
    for number in range(12):
        (root / "stampede" / f"link_{number}").symlink_to(root / "core", target_is_directory=True)
        (root / "stampede" / f"text_{number}.py").symlink_to(root / "core" / "text.py")
    assert CHECKS[check](root) == []


def test_a_planted_exception_that_nothing_needs_is_found(tmp_path: Path) -> None:
    """Where a catalogue has shrunk to nine children, its exception is reported."""
    found = structure.unneeded_exceptions(planted(tmp_path, SOUND))
    assert "reports/claims is no crowded folder" in found
    assert "patterns/caching is no crowded folder" not in found
    assert "conftest is no shared module" not in found
