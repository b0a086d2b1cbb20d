"""What a chart is."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing with its question as title, the answer in words as caption, and its data as a table."""

    anchor: str
    """The id of its place on the page."""
    question: str
    caption: str
    how_to_read: str
    svg: str
    columns: list[str]
    rows: list[list[str]]
    """The data that is drawn."""
