"""Pages have one sentence a line and can be found from the index. tests/house/test_language.py checks their words."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import FENCE, ROOT
from tests.docs.test_documents import DOCUMENTS, links

ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|et al|vs)\.")
NEXT_SENTENCE = re.compile(r"[a-z)`*\]][.?!] +(?=[A-Z*\[`])")
LINE = re.compile(r"^(?![|>#<!\s-]|\d+\.|```|\[).*\S$", re.MULTILINE)
"""A line of a paragraph: no table, heading, list, quotation, picture or link of its own."""
ENDS = (".", ":", "?", "!", ".*", "?*", ".**", ".)", '."')

WORD = re.compile(r"^## (.+)\n\n((?:[^#\n].*\n)+)", re.MULTILINE)
"""A word of the glossary and its text."""

MOST_LINES = 80
every_page = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))


ITEM = re.compile(r"^ *(?:[-*]|\d+\.) (.*)$", re.MULTILINE)
"""A line that begins an item of a list."""


def paragraph_lines(text: str) -> list[str]:
    """Every line of a paragraph, outside fenced blocks."""
    return LINE.findall(FENCE.sub("", text))


def two_sentences(line: str) -> bool:
    """Whether a sentence follows another one on the line."""
    return bool(NEXT_SENTENCE.search(ABBREVIATION.sub("", line)))


def badly_broken(line: str) -> bool:
    """Whether a line of a paragraph holds two sentences, or ends inside one."""
    return two_sentences(line) or not line.endswith(ENDS)


@every_page
def test_a_paragraph_has_one_sentence_a_line(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert [line for line in paragraph_lines(text) if badly_broken(line)] == []
    assert [item for item in ITEM.findall(FENCE.sub("", text)) if two_sentences(item)] == []


def test_the_check_of_lines_finds_what_is_wrong() -> None:
    assert badly_broken("One sentence. And another one.")
    assert badly_broken("A line that ends inside a")
    assert not badly_broken("One sentence, e.g. This one.")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_index_lists_every_page_once() -> None:
    """docs/index.md links to every page below docs; decisions have an index of their own."""
    index = ROOT / "docs/index.md"
    decisions = ROOT / "docs/explanation/decisions"
    for page, folder in ((index, ROOT / "docs"), (decisions / "README.md", decisions)):
        listed = [(page.parent / link).resolve() for link in links(page.read_text(encoding="utf-8"))]
        pages = [p for p in folder.rglob("*.md") if p != page and (folder == decisions or p.parent != decisions)]
        assert [p for p in pages if p not in listed] == []


def test_the_glossary_defines_each_word_once_in_order() -> None:
    """Each word is a heading with one to three lines, in alphabetical order; no other text lies between them."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    words = [word for word, _ in WORD.findall(text)]
    assert words == re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert words == sorted(set(words), key=str.lower)
    assert all(len(said.splitlines()) <= 3 for _, said in WORD.findall(text))
