"""Report section on refresh through a task queue: delay after the trigger, duplicates, Redis commands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.analysis.frames import Cell
from stampede.reports.analysis.rows import Floats
from stampede.reports.checks.cell_checks import COMMAND_COUNTERS
from stampede.reports.metrics.response_times import over, reads
from stampede.reports.output import formatting
from stampede.reports.output.charts import (
    Chart,
    drawn_twice,
    legend,
    mark,
    new_figure,
    of_scenario,
    short,
    style_axes,
    style_of,
)
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import quantile
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo

EVIDENCE = 10
"""Number of refreshes beyond a percentile that are needed to print it."""


@dataclass(frozen=True, kw_only=True)
class RefreshDelays:
    """A contender's refreshes, pooled over all rounds."""

    contender: ContenderInfo
    cells: Sequence[Cell]
    tasks: pd.DataFrame
    """One row per refresh that was triggered in the window: round, at_s, begun_after_ms, done_after_ms."""

    def per_expiry(self) -> float:
        """Refreshes per expiry. Triggers more than half a TTL apart belong to different expiries."""
        gap_s = float(self.cells[0].scenario.workload["ttl_s"]) / 2
        expiries = sum(
            1 + int((np.diff(np.sort(tasks["at_s"])) > gap_s).sum()) for _, tasks in self.tasks.groupby("round")
        )
        return len(self.tasks) / expiries if expiries else math.nan

    def misses_per_1000(self) -> float:
        """Loads per 1,000 reads."""
        count = sum(len(cell.reads) for cell in self.cells)
        return 1000 * sum(float(cell.reads.ints("loads").sum()) for cell in self.cells) / count if count else math.nan

    def commands_per_request(self) -> float:
        """Redis commands in whole cells per request, without the commands that read the server's counters."""
        commands = 0.0
        for cell in self.cells:
            for (source, name), count in cell.counters.items():
                if name.startswith("command.") and not name.endswith(COMMAND_COUNTERS):
                    commands += count if source == "redis" else -count if source == "coordinator" else 0.0
        requests = sum(int(np.count_nonzero(~cell.operation.equal("background"))) for cell in self.cells)
        return commands / requests if requests else math.nan

    def p99_ms(self) -> float:
        """p99 of the reads of all rounds in ms; nan if there are too few reads for it."""
        return over(0.99, reads)(self.cells).value

    def column(self, name: str) -> Floats:
        """A column of `tasks`."""
        return np.asarray(self.tasks[name].to_numpy(dtype=np.float64))


def refreshes(analysis: Analysis, scenario: ScenarioInfo) -> list[RefreshDelays]:
    """Refreshes of every contender that ran in the scenario."""
    timeline = analysis.run.timeline
    queued = timeline[timeline["source"] == "celery"]
    found = []
    for contender, cells in of_scenario(analysis, scenario):
        parts = [own_tasks(cell) if not contender.foreign else queued_tasks(cell, queued) for cell in cells]
        whole = pd.concat(parts, ignore_index=True)
        found.append(RefreshDelays(contender=contender, cells=cells, tasks=whole[whole["at_s"] >= 0]))
    return found


def own_tasks(cell: Cell) -> pd.DataFrame:
    """Refreshes by the process's own thread pool (background samples)."""
    rows = cell.rows.where(cell.operation.equal("background"))
    return pd.DataFrame(
        {
            "round": cell.info.round,
            "at_s": rows.floats("due_s"),
            "begun_after_ms": 1e3 * (rows.floats("start_s") - rows.floats("due_s")),
            "done_after_ms": 1e3 * (rows.floats("end_s") - rows.floats("due_s")),
        }
    )


def queued_tasks(cell: Cell, queued: pd.DataFrame) -> pd.DataFrame:
    """Refreshes by a queue worker, as it reported them."""
    reported = queued[queued["cell"] == cell.info.id]
    begun, done = (reported[reported["name"] == name] for name in ("begun_after_ms", "done_after_ms"))
    assert cell.info.window_start_ns is not None
    return pd.DataFrame(
        {
            "round": cell.info.round,
            "at_s": (begun["t_ns"].to_numpy(dtype=np.int64) - cell.info.window_start_ns) / 1e9,
            "begun_after_ms": begun["value"].to_numpy(dtype=np.float64),
            "done_after_ms": done["value"].to_numpy(dtype=np.float64),
        }
    )


COLUMNS = (
    "refreshes",
    "per expiry",
    "begun after p50",
    "begun after p99",
    "done after p50",
    "misses per 1,000 reads",
    "read p99",
    "commands per request",
)
KEY = (1, 2, 3, 5, 6, 7)
"""The columns of the table that is not folded."""


def findings(analysis: Analysis, scenario: ScenarioInfo) -> Findings:
    """Findings of the task-queue scenario."""
    found = refreshes(analysis, scenario)
    rows = [(one.contender.name, row(one)) for one in found]
    here = {one.contender.name for one in found}
    rows += [
        (remark["name"], [GridEntry(text=formatting.MISSING)] * len(COLUMNS))
        for remark in analysis.run.info.remarks
        if "not installed" in remark["what"] and remark["name"] not in here
    ]
    return Findings(
        answer=answer(found),
        notes=[f"{r['name']}: {r['what']}." for r in analysis.run.info.remarks if "not installed" in r["what"]],
        grids=[
            Grid(
                anchor=f"{scenario.name}-table",
                title="From trigger to refresh",
                explain=(
                    "Begun after: time since the reader's hit that triggered the refresh. Per expiry: one refresh is "
                    "enough, all others are duplicates. A dash: not estimated, or the contender did not run."
                ),
                columns=["contender", *(COLUMNS[i] for i in KEY)],
                rows=[(name, [entries[i] for i in KEY]) for name, entries in rows],
            ),
            Grid(
                anchor=f"{scenario.name}-all",
                title="From trigger to refresh in full",
                explain=(
                    "Begun and done after: time since the reader's hit that triggered the refresh. Per expiry: one "
                    "refresh is enough, all others are duplicates. Commands: all Redis commands of readers, workers "
                    "and the queue in whole cells, without the suite's own readings of the server's counters. All "
                    "rounds are pooled."
                ),
                columns=["contender", *COLUMNS],
                rows=rows,
                folded=True,
            ),
        ],
        charts=[chart for chart in [delays(analysis, scenario, found)] if chart is not None],
        names="contender refreshes per_expiry begun_after_p50_ms begun_after_p99_ms done_after_p50_ms"
        " misses_per_1000_reads read_p99_ms redis_commands_per_request",
        csv=[[one.contender.name, *(f"{figure:.6g}" for figure in figures(one))] for one in found],
    )


def figures(one: RefreshDelays) -> tuple[float, ...]:
    begun = one.column("begun_after_ms")
    enough = len(begun) * 0.01 >= EVIDENCE
    return (
        float(len(one.tasks)),
        one.per_expiry(),
        quantile(begun, 0.5),
        quantile(begun, 0.99) if enough else math.nan,
        quantile(one.column("done_after_ms"), 0.5),
        one.misses_per_1000(),
        one.p99_ms(),
        one.commands_per_request(),
    )


def row(one: RefreshDelays) -> list[GridEntry]:
    count, per_expiry, p50, p99, done, misses, read, commands = figures(one)
    most = float(one.column("begun_after_ms").max(initial=0.0))
    tail = GridEntry(text=formatting.with_unit(p99, "ms"))
    if math.isnan(p99):
        tail = GridEntry(text=formatting.MISSING, detail=f"max {formatting.with_unit(most, 'ms')}")
    return [
        GridEntry(text=f"{count:,.0f}"),
        GridEntry(text=formatting.number(per_expiry)),
        GridEntry(text=formatting.with_unit(p50, "ms")),
        tail,
        GridEntry(text=formatting.with_unit(done, "ms")),
        GridEntry(text=formatting.number(misses)),
        GridEntry(text=formatting.with_unit(read, "ms")),
        GridEntry(text=formatting.number(commands)),
    ]


def answer(found: Sequence[RefreshDelays]) -> str:
    """The time from the trigger to the start of a refresh, and the commands that it costs, by contender."""
    parts = []
    for one in found:
        if not len(one.tasks):
            parts.append(f"{one.contender.name}: no refresh in the window")
            continue
        _, _, p50, _, _, _, _, commands = figures(one)
        parts.append(
            f"{one.contender.name} {formatting.with_unit(p50, 'ms')} ({formatting.number(commands)} Redis commands per "
            "request)"
        )
    return f"Median time from the trigger to the start of a refresh: {'; '.join(parts)}."


def delays(analysis: Analysis, scenario: ScenarioInfo, found: Sequence[RefreshDelays]) -> Chart | None:
    """Chart of the delay between trigger and refresh: share of refreshes that began later than t."""
    shown = [one for one in found if len(one.tasks) > 1]
    if not shown:
        return None
    anchor = f"{scenario.name}-delays"
    question = "How long after its trigger does a refresh begin?"
    caption = "; ".join(
        f"{one.contender.name}: half within {formatting.with_unit(quantile(one.column('begun_after_ms'), 0.5), 'ms')}, "
        f"the longest {formatting.with_unit(float(one.column('begun_after_ms').max()), 'ms')}"
        for one in shown
    )
    return Chart(
        anchor=anchor,
        question=question,
        caption=f"{caption}.",
        how_to_read=(
            "A point at (t, s): a share s of the refreshes began later than t after the hit that triggered them. Both "
            "contenders have the same number of threads for refreshes. The difference between the curves is the cost "
            "of the queue: publishing, polling, acknowledging."
        ),
        svg=drawn_twice(lambda width: delays_figure(analysis, shown, width), anchor, question, caption),
        columns=["contender", "begun after ms", "% begun later"],
        rows=[
            [one.contender.name, f"{waited[i]:.4g}", f"{share[i]:.4g}"]
            for one in shown
            for waited, share in [curve(one)]
            for i in np.unique(np.linspace(0, len(waited) - 1, min(60, len(waited))).astype(int))
        ],
    )


def curve(one: RefreshDelays) -> tuple[Floats, Floats]:
    """The delays in ms, ascending, and the share of refreshes in % that began later than each."""
    waited = np.sort(np.maximum(one.column("begun_after_ms"), 1e-3))
    return waited, 100 * (1 - np.arange(len(waited)) / len(waited))


def delays_figure(analysis: Analysis, shown: Sequence[RefreshDelays], width: float) -> Figure:
    """One curve per contender."""
    figure = new_figure(width, 2.8)
    axes = figure.add_subplot()
    for one in shown:
        style = style_of(analysis.run.info.contenders, one.contender.name)
        first = len([*axes.get_lines(), *axes.collections, *axes.texts])
        look: dict[str, Any] = {"color": style.color, "linestyle": style.dash, "linewidth": 1.9}
        axes.step(*curve(one), where="post", label=one.contender.name, **look)
        mark(axes, one.contender.name, first)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 104)
    axes.set_xlabel("ms from the trigger until the refresh began (log)")
    axes.set_ylabel("% of refreshes begun later")
    style_axes(axes)
    legend(figure)
    return figure
