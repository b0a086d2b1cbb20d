"""Figures over time within a cell, in bins from the window's start, pooled over all rounds of a contender."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats
from stampede.reports.output.charts import style_of
from stampede.run_folder.schema import ContenderInfo

LATE_MS = 1000.0
"""A later answer is useless to a waiting user: it interrupts the flow of thought (Nielsen 1993)."""


def bins(window_s: float, width_s: float) -> Floats:
    """The edges of the bins, including the window's end."""
    return np.linspace(0.0, window_s, round(window_s / width_s) + 1)


def of_each(values: pd.Series, at_s: pd.Series, edges: Floats, how: str) -> Floats:
    """One figure per bin: `how` (mean, sum, median, max or count) of the values in it; nan for an empty bin."""
    place = np.searchsorted(edges, at_s.to_numpy(dtype=np.float64), side="right") - 1
    grouped = pd.to_numeric(values, errors="coerce").astype(float).groupby(place)
    return np.asarray(grouped.agg(how).reindex(range(len(edges) - 1)).to_numpy(dtype=np.float64))


def due_of(cells: Sequence[Cell]) -> pd.DataFrame:
    """The requests of all rounds, each with the flags failed, useless and hit.

    wait_ms is the response time: for open requests the time until the deadline, for failed requests nan.
    """
    parts = []
    for cell in cells:
        texts = {name: cell.due.labels(name).texts() for name in ("operation", "outcome", "error")}
        numbers = {name: cell.due.floats(name) for name in ("due_s", "end_s", "response_ms")}
        due = pd.DataFrame({**texts, **numbers, "loads": cell.due.ints("loads")})
        waited = (cell.deadline_s - due["due_s"]) * 1e3
        due["failed"] = due["outcome"] == "failed"
        due["wait_ms"] = np.where(due["outcome"] == "unanswered", waited, due["response_ms"].where(~due["failed"]))
        due["useless"] = due["failed"] | (due["outcome"] == "unanswered") | (due["wait_ms"] > LATE_MS)
        due["hit"] = due["outcome"] == "hit"
        due["round"] = cell.info.round
        parts.append(due)
    return pd.concat(parts, ignore_index=True)


def loads_in(cells: Sequence[Cell], edges: Floats) -> Floats:
    """Load statements per bin, mean over rounds, by the instant of a request's first load. Has no nan."""
    total = np.zeros(len(edges) - 1)
    for cell in cells:
        sent = cell.rows.where(cell.rows.known("load_start_s"))
        total += np.histogram(sent.floats("load_start_s"), edges, weights=sent.ints("loads"))[0]
    return np.asarray(total / len(cells))


def draw_line(axes: Axes, contenders: Sequence[ContenderInfo], name: str, edges: Floats, values: Floats) -> None:
    """Draw a contender's line through the centres of the bins, with gaps at bins without a figure."""
    style = style_of(contenders, name)
    middles = (edges[:-1] + edges[1:]) / 2
    axes.plot(middles, values, color=style.color, linestyle=style.dash, linewidth=1.9, label=name)
