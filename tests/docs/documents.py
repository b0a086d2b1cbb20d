"""Reads the documents: their tables and code blocks."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of that language."""
    fences: list[tuple[str, str]] = FENCE.findall((ROOT / document).read_text(encoding="utf-8"))
    return [text for spoken, text in fences if spoken == language]


def block(document: str, language: str) -> str:
    """The first fenced block of that language."""
    return blocks(document, language)[0]


def table(document: str, heading: str = "") -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    text = (ROOT / document).read_text(encoding="utf-8").partition(heading)[2] if heading else ""
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows, f"{document} has no table below {heading}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows.group().splitlines()[2:]]
