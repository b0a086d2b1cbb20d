"""Options that are numbers, with limits on both sides.

A number that is refused here costs nothing: no server was started and nothing heavy was imported.
"""

import math
from typing import Any

import typer


def integer_option(*names: str, lowest: int, highest: int, help: str) -> Any:
    """An option that is an integer within limits, both included."""
    return typer.Option(*names, min=lowest, max=highest, help=help)


def number_option(*names: str, lowest: float, highest: float, help: str) -> Any:
    """An option that is a finite number within limits, both included."""
    return typer.Option(*names, min=lowest, max=highest, callback=finite, help=help)


def finite(value: float | None) -> float | None:
    """The value. Raises BadParameter for nan, which no limit excludes, and for an infinity."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    return value
