"""Report section on cold starts: rise of the hit rate, loads until then, and the cost and benefit of warm-up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats
from stampede.reports.analysis.timeseries import bins, draw_line, due_of, loads_in, of_each
from stampede.reports.metrics.response_times import SAMPLES_BEYOND
from stampede.reports.output import formatting
from stampede.reports.output.charts import (
    INK,
    MUTED,
    NARROW,
    Chart,
    drawn_twice,
    legend,
    mark,
    new_figure,
    of_scenario,
    style_axes,
)
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import quantile, rank
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

BIN_S = 0.1
"""Width of a bin in seconds."""
SMOOTH = 5
"""Number of bins whose mean decides whether the hit rate is steady."""
STEADY_SHARE = 0.95
"""The hit rate is steady from this share of the steady hit rate on."""
HIGH = 0.95
"""Percentile for the first second: three rounds give a few hundred reads, too few for the 99th."""
LATER = 0.5
"""The steady hit rate is that of the window after this share of its length."""


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """A contender's cold starts, pooled over all rounds."""

    contender: ContenderInfo
    cells: Sequence[Cell]
    due: pd.DataFrame
    edges: Floats

    def hits(self) -> Floats:
        """Hit rate per bin."""
        reads = self.due[self.due["operation"] == "read"]
        return of_each(reads["hit"], reads["due_s"], self.edges, "mean")

    def loads(self) -> Floats:
        """Loads per bin and round."""
        return loads_in(self.cells, self.edges)

    def peak(self) -> float:
        """Largest number of loads in a bin: the mean of the rounds' maxima."""
        return float(np.mean([loads_in([cell], self.edges).max() for cell in self.cells]))

    def first_second(self) -> pd.DataFrame:
        return self.due[(self.due["due_s"] < 1) & (self.due["operation"] == "read")]

    def warming(self, name: str) -> float:
        """A counter of the warm-up, summed over processes: the mean over rounds; nan without warm-up."""
        each = [
            [v for (source, counter), v in cell.counters.items() if source.startswith("process-") and counter == name]
            for cell in self.cells
        ]
        return float(np.mean([sum(values) for values in each])) if any(each) else math.nan

    def warming_s(self) -> float:
        """Duration of the warm-up in seconds: processes warm up in parallel, so the slowest counts."""
        each = [max((v for (_, n), v in cell.counters.items() if n == "warming_s"), default=0.0) for cell in self.cells]
        return float(np.mean(each)) if any(each) else math.nan


def findings(analysis: Analysis, scenario: ScenarioInfo) -> Findings:
    edges = bins(scenario.window_s, BIN_S)
    found = [
        ColdStart(contender=contender, cells=cells, due=due_of(cells), edges=edges)
        for contender, cells in of_scenario(analysis, scenario)
    ]
    steady = steady_rate(found)
    return Findings(
        answer=answer(found, steady),
        grids=[
            Grid(
                anchor=f"{scenario.name}-table",
                title="The first second",
                explain="A dash: not estimated, or the contender has no warm-up.",
                columns=["contender", *(COLUMNS[i] for i in KEY)],
                rows=[(start.contender.name, [row(start, steady)[i] for i in KEY]) for start in found],
            ),
            Grid(
                anchor=f"{scenario.name}-all",
                title="The first seconds in full",
                explain=(
                    f"Steady hit rate: the hit rate of all contenders in the last {100 * (1 - LATER):g} % of the "
                    f"window, here {100 * steady:.0f} %. A contender is steady when the mean of {SMOOTH} bins of "
                    f"{1000 * BIN_S:g} ms reaches {100 * STEADY_SHARE:g} % of it. The warm-up ends before the first "
                    "request, and only its own columns count it. Its queries are real database queries, sequential in "
                    "each process."
                ),
                columns=["contender", *COLUMNS],
                rows=[(start.contender.name, row(start, steady)) for start in found],
                folded=True,
            ),
        ],
        charts=[over_time(analysis, scenario, found, steady)],
        names="contender time_to_steady_s first_second_hit_rate first_second_loads peak_loads_per_100_ms"
        " first_second_p95_ms warming_s warming_loads warming_commands loads_in_all",
        csv=[[start.contender.name, *(f"{figure:.6g}" for figure in figures(start, steady))] for start in found],
    )


COLUMNS = (
    "steady after",
    "hit rate, first second",
    "queries, first second",
    "most queries in 100 ms",
    "p95, first second",
    "time of the warm-up",
    "queries of the warm-up",
    "Redis commands of the warm-up",
    "queries, warm-up included",
)
KEY = (0, 1, 2, 3, 4, 5)
"""The columns of the table that is not folded."""


def steady_rate(found: Sequence[ColdStart]) -> float:
    """Hit rate of all contenders in the later part of the window."""
    late = pd.concat([start.due[start.due["due_s"] >= LATER * start.edges[-1]] for start in found])
    return float(late.loc[late["operation"] == "read", "hit"].mean())


def time_to_steady_s(start: ColdStart, steady: float) -> float:
    """Seconds until the hit rate is steady; nan if it is not within the window."""
    rate = start.hits()
    for i in range(len(rate)):
        if np.nanmean(rate[i : i + SMOOTH]) >= STEADY_SHARE * steady:
            return float(start.edges[i])
    return math.nan


def figures(start: ColdStart, steady: float) -> tuple[float, ...]:
    first = start.first_second()
    waits = np.asarray(first["wait_ms"].dropna().to_numpy(dtype=np.float64))
    warming_loads = start.warming("warming.loads")
    own = float(start.loads().sum())
    return (
        time_to_steady_s(start, steady),
        float(first["hit"].mean()),
        float(start.loads()[start.edges[:-1] < 1 - BIN_S / 2].sum()),
        start.peak(),
        quantile(waits, HIGH) if len(waits) - rank(len(waits), HIGH) - 1 >= SAMPLES_BEYOND else math.nan,
        start.warming_s(),
        warming_loads,
        start.warming("warming.commands"),
        own + (0.0 if math.isnan(warming_loads) else warming_loads),
    )


def row(start: ColdStart, steady: float) -> list[GridEntry]:
    after, hit, loads, peak, high, took, warmed, commands, total = figures(start, steady)
    none = GridEntry(text=formatting.MISSING)
    return [
        GridEntry(text="> window" if math.isnan(after) else formatting.with_unit(after, "s")),
        GridEntry(text=f"{100 * hit:.0f} %"),
        GridEntry(text=formatting.number(loads)),
        GridEntry(text=formatting.number(peak)),
        GridEntry(text=formatting.with_unit(high, "ms")),
        none if math.isnan(took) else GridEntry(text=formatting.with_unit(took, "s")),
        none if math.isnan(warmed) else GridEntry(text=formatting.number(warmed)),
        none if math.isnan(commands) else GridEntry(text=formatting.number(commands)),
        GridEntry(text=formatting.number(total)),
    ]


def answer(found: Sequence[ColdStart], steady: float) -> str:
    """When each contender's hit rate was steady, and what its warm-up took."""
    parts = []
    for start in found:
        after, _, _, _, _, took, warmed, *_ = figures(start, steady)
        reached = "not in the window" if math.isnan(after) else f"after {formatting.with_unit(after, 's')}"
        price = "" if math.isnan(took) else f" (warm-up: {formatting.with_unit(took, 's')}, {warmed:,.0f} queries)"
        parts.append(f"{start.contender.name} {reached}{price}")
    return f"From an empty cache to a steady hit rate: {'; '.join(parts)}."


def over_time(analysis: Analysis, scenario: ScenarioInfo, found: Sequence[ColdStart], steady: float) -> Chart:
    """Hit rate and database queries since the first request."""
    edges = found[0].edges
    anchor = f"{scenario.name}-over-time"
    question = "How long does an empty cache slow requests down?"
    queries = [f"{start.contender.name} {figures(start, steady)[2]:.0f}" for start in found]
    caption = f"Queries in the first second, after any warm-up: {formatting.listed(queries)}."
    return Chart(
        anchor=anchor,
        question=question,
        caption=caption,
        how_to_read=(
            f"Each point covers {1000 * BIN_S:g} ms: the hit rate over all rounds, and the queries per round. Dotted: "
            "the steady hit rate. Entries from the warm-up live between half a TTL and one TTL, so they do not all "
            "expire at once: from half a TTL on they are queried again one by one."
        ),
        svg=drawn_twice(lambda width: over_time_figure(analysis, found, steady, width), anchor, question, caption),
        columns=["contender", "from s", "hit rate %", "queries"],
        rows=[
            [start.contender.name, f"{at:.1f}", *(formatting.MISSING if math.isnan(v) else f"{v:.4g}" for v in values)]
            for start in found
            for at, *values in zip(edges[:-1], 100 * start.hits(), start.loads(), strict=True)
        ],
    )


def over_time_figure(analysis: Analysis, found: Sequence[ColdStart], steady: float, width: float) -> Figure:
    """Two panels next to each other; below each other on a phone."""
    rows = 2 if width == NARROW else 1
    figure = new_figure(width, 0.9 + 2.0 * rows)
    panels = list(figure.subplots(rows, 2 // rows, sharex=True, squeeze=False).flat)
    for axes, title in zip(panels, ("hit rate, %", f"queries in {1000 * BIN_S:g} ms"), strict=True):
        axes.set_title(title, loc="left", fontsize=9, color=INK)
        style_axes(axes)
    panels[0].axhline(100 * steady, color=MUTED, linestyle=":", linewidth=1.1)
    for start in found:
        for axes, values in zip(panels, (100 * start.hits(), start.loads()), strict=True):
            first = len([*axes.get_lines(), *axes.collections, *axes.texts])
            draw_line(axes, analysis.run.info.contenders, start.contender.name, start.edges, values)
            mark(axes, start.contender.name, first)
    panels[0].set_ylim(-4, 104)
    panels[1].set_ylim(bottom=0)
    figure.supxlabel("seconds since the first request", fontsize=9.5, color=MUTED)
    legend(figure)
    return figure
