"""Text that is not ours acts neither on a terminal nor on a page."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from stampede.core.text.safe_text import shown, visible
from stampede.core.text.terminal import PlainConsole

ACTING = {
    "\x1b[31mred": r"\x1b[31mred",
    "a\rb": r"a\rb",
    "bell\x07": r"bell\x07",
    "\x9b2J": r"\x9b2J",
    "nul\x00": r"nul\x00",
    "user\u202egnp.exe": r"user\u202egnp.exe",
    "\u2066a\u2069": r"\u2066a\u2069",
    "a\u2028b": r"a\u2028b",
    "half \ud83d": r"half \ud83d",
    "\ufeffmark": r"\ufeffmark",
}


@pytest.mark.parametrize(("text", "want"), ACTING.items())
def test_a_character_that_acts_is_written_as_an_escape(text: str, want: str) -> None:
    """Escape sequences, carriage returns, bells, and overrides of the direction of text."""
    assert visible(text) == want


@pytest.mark.parametrize("text", ["", "cache-aside", "µs ≤ 5 %", "Zürich", "日本語", "[red]x[/red]", "$x$", "שלום"])
def test_text_that_is_visible_is_not_changed(text: str) -> None:
    """Other scripts, emoji, and what only a library would read as markup."""
    assert visible(text) == text


@given(text=st.text())
def test_nothing_that_acts_is_left(text: str) -> None:
    """Whatever the text: it can be written, prints on one line, and is stable."""
    safe = visible(text)
    safe.encode()
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in safe)
    assert visible(safe) == safe


def test_what_is_printed_hides_secrets_and_keeps_its_lines() -> None:
    """Both at once, since an error text may hold both."""
    assert shown("one\ntwo\x1b redis://:x@h") == "one\ntwo\\x1b redis://:***@h"


def test_a_console_takes_names_as_text() -> None:
    """Markup, emoji codes and escape sequences in strings, tables and Text print as what they are."""
    out = io.StringIO()
    console = PlainConsole(file=out, width=120, force_terminal=True, color_system=None)
    table = Table(title="[bold]t[/bold] \x1b[2J")
    table.add_column("[red]head[/red]")
    table.add_row("[link=x]:smile:[/link]\x07")
    table.add_row(Text("\x1b[31mstyled", style="bold"))
    console.print(table)
    console.print("[blink]line[/blink]", Text("\x9b2J"))
    printed = out.getvalue()
    for part in ("[bold]t[/bold] \\x1b[2J", "[red]head[/red]", "[link=x]:smile:[/link]\\x07", "\\x1b[31mstyled"):
        assert part in printed
    assert "[blink]line[/blink] \\x9b2J" in printed
    assert "\x1b[31m" not in printed
    assert "\x1b[2J" not in printed
