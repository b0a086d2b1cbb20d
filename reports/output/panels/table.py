"""A plain table of the page: names of rows, and texts that may be coloured."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GridEntry:
    """One figure of a table."""

    text: str
    detail: str = ""
    """Stands below, line by line."""
    heat: int | None = None
    """0 (the best) to 4; None: no colour."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of the page."""

    anchor: str
    title: str
    explain: str
    """How to read it."""
    columns: list[str]
    """The first heads the rows' names."""
    rows: list[tuple[str, list[GridEntry]]]
    folded: bool = False
