"""Text from files and servers cannot control a terminal or a page."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from stampede.core.text.safe_text import shown, visible
from stampede.core.text.terminal import PlainConsole

CONTROLS = {
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


@pytest.mark.parametrize(("text", "want"), CONTROLS.items())
def test_control_character_is_escaped(text: str, want: str) -> None:
    """Escape sequences, carriage returns, bells, and overrides of the direction of text."""
    assert visible(text) == want


@pytest.mark.parametrize("text", ["", "cache-aside", "µs ≤ 5 %", "Zürich", "日本語", "[red]x[/red]", "$x$", "שלום"])
def test_visible_text_is_not_changed(text: str) -> None:
    """Other scripts, and text that a library could read as markup, stay."""
    assert visible(text) == text


@given(text=st.text())
def test_no_control_character_remains(text: str) -> None:
    """For any text: the result can be encoded, has one line, and does not change when escaped again."""
    safe = visible(text)
    safe.encode()
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in safe)
    assert visible(safe) == safe


def test_printed_text_hides_secrets_and_keeps_line_breaks() -> None:
    """An error text may contain both."""
    assert shown("one\ntwo\x1b redis://:x@h") == "one\ntwo\\x1b redis://:***@h"


def test_console_prints_markup_as_text() -> None:
    """Markup, emoji codes and escape sequences in strings, tables and Text are printed literally."""
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
