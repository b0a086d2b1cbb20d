"""Text that comes from a user's files or from a server, made safe to show on a terminal and on a page."""

import re
from collections.abc import Callable

from stampede.core.text.redaction import masked

ReportProgress = Callable[[str], None]
"""Shows the user one line of progress."""

HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: ESC moves the cursor and colours, CR overwrites a line, BEL rings
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks and overrides: text is shown in another order
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # line separators, byte order mark, annotations
    "\ud800-\udfff\U000e0000-\U000e007f]"  # half a surrogate pair cannot be written; tags cannot be seen
)


def visible(text: str, keep: str = "") -> str:
    r"""The text with every character that acts on a terminal, or hides what it says, written as an escape: `\x1b`.

    `keep`: control characters that stay, such as "\n". What is visible already is not changed.
    """
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else escaped(found[0]), text)


def shown(text: str, *urls: str) -> str:
    """A text as it may be printed: without secrets, its lines kept, everything else escaped that acts on a terminal.

    `urls`: their secrets are hidden wherever they stand in it.
    """
    return visible(masked(text, *urls), keep="\n")


def escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
