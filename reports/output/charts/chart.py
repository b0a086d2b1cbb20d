"""The type of a chart."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing with its question as title, the answer as caption, and its data as a table."""

    anchor: str
    """The id of the chart on the page."""
    question: str
    caption: str
    how_to_read: str
    svg: str
    columns: list[str]
    rows: list[list[str]]
    """The data of the drawing."""
