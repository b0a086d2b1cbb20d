"""The project's texts use plain, standard words."""

import subprocess
from pathlib import Path

import pytest

from tests.house.language import TEXTS, avoided

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = ("tests/house/language.py", "tests/house/test_language.py")
"""The list itself, and its test."""


def test_texts_avoid_private_words() -> None:
    """No docstring, comment, message, page or document uses a word of the list outside a quotation."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no list of our files")
    names = [name for name in listed.stdout.splitlines() if name.endswith((".py", *TEXTS)) and name not in ELSEWHERE]
    assert len(names) > 500
    assert avoided([ROOT / name for name in names if not (ROOT / name).is_symlink()]) == []


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.py", '"""Whoever reads."""\n', [1]),
        ("a.py", "x = 1  # the warden\ny = 'all is well'\nz = f'{x} is held against {y}'\n", [1, 3]),
        ("a.py", "nobody = 1\n", []),
        ("a.py", "x = 'nobody'  # quoted\n", []),
        ("a.md", "One.\nIt runs behind the window.\n> nobody\n", [2]),
        ("a.md", "The article says “for ever”.\nA server behind a proxy.\n", []),
        ("a.html.j2", "<p>Read it anew.</p>\n", [1]),
    ],
)
def test_search_finds_words_and_leaves_quotations(name: str, text: str, lines: list[int], tmp_path: Path) -> None:
    """The search names the line of each avoided word, in text only, and skips what is quoted."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [int(line.split(":")[1].split(" ")[0]) for line in avoided([tmp_path / name])] == lines
