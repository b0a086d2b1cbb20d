"""The words that the project's texts avoid, and a search for them: python -m tests.house.language FILE…

Only text is searched: comments, docstrings and other strings of Python files, and whole Markdown and template files.
Quotations are left out: what stands in “…”, in a Markdown block quote, or in a line that ends in `# quoted`.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

PLAIN = {
    "whoever": "the client that …, a caller that …",
    "whom": "which, that",
    "nobody": "no client, no contender, nothing",
    "somebody": "another process, a user",
    "anybody": "any caller, any user",
    "told apart": "distinguished",
    "tell(?:s|ing)? (?:\\w+ )?apart": "distinguish",
    "told": "reported, acknowledged, given",
    "tells": "reports, shows",
    "all the same": "nevertheless, still",
    "anew": "again",
    "beside": "next to, in addition to",
    "besides": "in addition to, other than",
    "behind (?:the |its |their |that |this |each |a |an )?(?:last |same )?(?:window|deadline|cell|cells|step|schedule|"
    "write|read|script|instant|commit|check|checks|input|warm-up|run|load|answer|reply|round|rounds)": "after",
    "held against": "compared with",
    "hold (?:\\w+ ){1,3}against": "compare … with",
    "dear|dearer|dearest": "expensive",
    "mend|mends|mended|mending": "fix, correct",
    "for ever": "forever, without limit",
    "the books|our books|own books": "the recorded timestamps, the counts",
    "doubt|doubts|doubted|doubtful": "warning, uncertainty",
    "muster|recruit|warden|canary|crew|twins?": "worker registry, remote worker, supervisor, drift probe, A/A copy",
    "patience|patient": "timeout",
    "cries wolf|eyes of its own|a word of its own": "plain words",
    "specs": "tests",
}
"""Pattern to plain words for it."""
WORDS = re.compile(r"\b(?:" + "|".join(f"(?:{pattern})" for pattern in PLAIN) + r")\b", re.IGNORECASE)
STABLE = r"stale-after-told"
"""Ids in run folders and CSV files, which keep their names."""
QUOTED = re.compile(rf"“[^”]*”|{STABLE}")
QUOTED_IN_MARKDOWN = re.compile(r"“[^”]*”|`[^`\n]*`|\"[^\"\n]*\"|\]\([^)\n]*\)")
"""Code, quotations and the targets of links."""
TEXTS = (".md", ".j2", ".html")


def avoided(paths: list[Path]) -> list[str]:
    """One line for each avoided word: file, line number, the word."""
    return [f"{path}:{number} says “{found}”" for path in paths for number, found in words_in(path)]


def words_in(path: Path) -> Iterator[tuple[int, str]]:
    """The avoided words of a file, with the number of their line."""
    text = path.read_text(encoding="utf-8")
    if not WORDS.search(text):  # nor has a part of it one; to split a module into its parts takes ten times as long
        return
    lines = text.splitlines()
    for first, piece in pieces_of(path, text):
        quoted = QUOTED_IN_MARKDOWN if path.suffix == ".md" else QUOTED
        for match in WORDS.finditer(quoted.sub(lambda m: " " * len(m.group()), piece)):
            number = first + piece.count("\n", 0, match.start())
            if not is_quotation(path, lines[number - 1]):
                yield number, match.group()


def pieces_of(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """The texts of a file, each with the number of its first line."""
    if path.suffix in TEXTS:
        yield 1, text
    elif path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                yield token.start[0], token.string


def is_quotation(path: Path, line: str) -> bool:
    """Whether the line says itself that it quotes."""
    return line.rstrip().endswith("# quoted") or (path.suffix == ".md" and line.lstrip().startswith(">"))


if __name__ == "__main__":
    found = avoided([Path(name) for name in sys.argv[1:]])
    print(*found, sep="\n")
    sys.exit(bool(found))
