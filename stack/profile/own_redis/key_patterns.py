"""Groups the names of keys: product:17 and product:18 have the pattern product:{number}."""

import re
from collections import defaultdict
from collections.abc import Sequence

from stampede.core.text.safe_text import shown

SEPARATORS = re.compile(r"([:/|#])")
"""Between the parts of a key's name."""
PLACEHOLDERS = (
    ("{uuid}", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("{email}", re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")),
    ("{date}", re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ][\d:.Z+-]*)?")),
    ("{hash}", re.compile(r"(?=[^0-9]*\d)(?=[^a-fA-F]*[a-fA-F])[0-9a-fA-F]{16,}")),
    ("{token}", re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+=_-]{20,}")),
    ("{number}", re.compile(r"\d+")),
)
"""What replaces a part that is an id, in the order in which they are tried. {number} also replaces digits in a part."""
MOST_WORDS = 20
"""If more different words stand at one place of otherwise equal patterns, they are ids: {text}."""
ENTITY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
"""A word that a workload takes as the type of its records."""
SECRET_KINDS = ("{uuid}", "{email}", "{hash}", "{token}")
"""Ids that a page shows only in part: the name of a session's key may be what lets a client in."""
SHOWN_CHARACTERS = 4


def key_text(key: bytes) -> str:
    """A key's name as text. Bytes that are not UTF-8 are shown as escapes."""
    return key.decode("utf-8", "backslashreplace")


def patterns_of(keys: Sequence[str]) -> list[str]:
    """The pattern of each key, in the same order."""
    parted = [tuple(part_pattern(part) for part in SEPARATORS.split(key)) for key in keys]
    longest = max((len(parts) for parts in parted), default=0)
    for place in range(0, longest, 2):
        words: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for parts in parted:
            if place < len(parts):
                words[around(parts, place)].add(parts[place])
        parted = [
            (*parts[:place], "{text}", *parts[place + 1 :])
            if place < len(parts) and len(words[around(parts, place)]) > MOST_WORDS
            else parts
            for parts in parted
        ]
    return [shown("".join(parts)).replace("\n", "\\n") for parts in parted]


def around(parts: tuple[str, ...], place: int) -> tuple[str, ...]:
    return (*parts[:place], "", *parts[place + 1 :])


def part_pattern(part: str) -> str:
    """A part of a key's name with a placeholder for an id."""
    for placeholder, form in PLACEHOLDERS:
        if form.fullmatch(part):
            return placeholder
    return PLACEHOLDERS[-1][1].sub("{number}", part)


def entity_of(pattern: str) -> str:
    """The word that names what the keys hold: the last part before the first id. "record" if there is none."""
    found = "record"
    for part in SEPARATORS.split(pattern):
        if "{" in part:
            break
        found = part if ENTITY.fullmatch(part) else found
    return found


def key_shown(key: str) -> str:
    """A key's name for a page: of ids that may be secret only the first characters."""
    parts = []
    for part in SEPARATORS.split(key):
        is_secret = part_pattern(part) in SECRET_KINDS
        parts.append(f"{part[:SHOWN_CHARACTERS]}…" if is_secret else part)
    return shown("".join(parts)).replace("\n", "\\n")
