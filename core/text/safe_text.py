"""Text that comes from a user's files or from a server, made safe to show on a terminal and on a page."""

import re
from collections.abc import Callable

from stampede.core.text.redaction import masked

ReportProgress = Callable[[str], None]
"""Shows the user one line of progress."""

HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters: ESC sequences move the cursor, CR overwrites a line
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks and overrides, which change the displayed order
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # line separators, byte order mark, annotations
    "\ud800-\udfff\U000e0000-\U000e007f]"  # half a surrogate pair cannot be encoded; tags are invisible
)


def visible(text: str, keep: str = "") -> str:
    r"""The text with an escape such as `\x1b` for every character that controls a terminal or hides text.

    `keep`: control characters that stay, such as "\n". Visible characters are not changed.
    """
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else escaped(found[0]), text)


def shown(text: str, *urls: str) -> str:
    """The text for output: without secrets, with its line breaks, other control characters escaped.

    `urls`: the secrets of these URLs are hidden everywhere in the text.
    """
    return visible(masked(text, *urls), keep="\n")


def escaped(character: str) -> str:
    """The character as an escape sequence of Python."""
    return character.encode("unicode_escape").decode("ascii")
