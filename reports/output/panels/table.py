"""A plain table of the page: row names, and texts that may be coloured."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GridEntry:
    """One figure of a table."""

    text: str
    detail: str = ""
    """Text below, line by line."""
    heat: int | None = None
    """0 (the best) to 4; None: no colour."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of the page."""

    anchor: str
    title: str
    explain: str
    """How to read the table."""
    columns: list[str]
    """The headings; the first one is above the row names."""
    rows: list[tuple[str, list[GridEntry]]]
    folded: bool = False
    """Whether the page shows only the title until a reader opens it."""
