"""The charts of a caching scenario, one per file (see scenario_chart.py), and the parts that all drawings share."""

from stampede.reports.output.charts.chart import Chart
from stampede.reports.output.charts.chart_style import (
    COLORS,
    DASHES,
    GRID,
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    Style,
    array,
    mark,
    short,
    slug,
    style_of,
    two_and_five,
)
from stampede.reports.output.charts.scenario_chart import of_scenario
from stampede.reports.output.charts.svg_figure import NARROW, WIDE, drawn, drawn_twice, legend, new_figure, style_axes

__all__ = [
    "COLORS",
    "DASHES",
    "GRID",
    "INK",
    "MARKERS",
    "MUTED",
    "NARROW",
    "PALETTE",
    "WIDE",
    "Chart",
    "Style",
    "array",
    "drawn",
    "drawn_twice",
    "legend",
    "mark",
    "new_figure",
    "of_scenario",
    "short",
    "slug",
    "style_axes",
    "style_of",
    "two_and_five",
]
