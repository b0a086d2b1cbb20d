"""Result of a knee search: whether a cell met the objective, the rate over the rounds, and the saturated resource."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stampede.core.files import write_whole
from stampede.core.text.safe_text import shown
from stampede.reports.analysis import frames
from stampede.reports.analysis.cpu_use import cpu_share, database_cpu, machine_cpu, wall_s
from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics import request_counts
from stampede.reports.metrics.response_times import waits_ms
from stampede.reports.output.csv_output.csv_text import as_csv
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, median, quantile
from stampede.run_folder.read import read_run

WIDTH, MOST_ROWS = 80, 18
THREADS = "server threads"
FULL = {"server core": 0.85, "Redis core": 0.85, "database": 0.5, "all cores": 0.9, THREADS: 0.1}
"""Resources, and the share from which each counts as saturated: a core of an application server, Redis' core, the
database as a share of all cores, the machine's cores, and the threads of the application servers. Threads: the share of
requests that waited over 1 ms for one; they count as the cause only if no core is saturated."""
NO_RESOURCE = "none: objective below service time"


@dataclass(frozen=True, kw_only=True)
class Knee:
    """Result of all rounds of a search."""

    contender: str
    rate_per_s: Estimate
    """Median over the rounds, each the middle of its bracket; 0: the lowest rate missed the objective; infinity: the
    highest rate met it."""
    cells: int
    """Number of cells that the search ran."""
    full: str
    """The resource that saturated first in most rounds, at the rates that missed the objective, with its use."""

    @property
    def rate_text(self) -> str:
        """The rate, or why there is none."""
        found = self.rate_per_s
        if found.missing:
            return "not estimated"
        if found.value == 0:
            return "below all"
        return "above all" if math.isinf(found.value) else f"{rate(found.value)}/s"

    @property
    def interval(self) -> str:
        """The interval or the range of the rate; empty without a rate."""
        found = self.rate_per_s
        if found.missing or found.value == 0 or math.isinf(found.value):
            return ""
        return f"{rate(found.low)} – {rate(found.high)}"


def headline(knees: Sequence[Knee]) -> str:
    """The contender with the highest rate, and those whose intervals overlap with its own, in at most twelve words."""
    located = [k for k in knees if not k.rate_per_s.missing]
    best = max(located, key=lambda k: k.rate_per_s.value, default=None)
    if best is None:
        return "No round finished: there is no rate."
    if best.rate_per_s.value == 0:
        return "No contender met the objective at any rate that was tried."
    if math.isinf(best.rate_per_s.value):
        return f"{best.contender} met the objective at every rate that was tried."
    if best.rate_per_s.level is None:
        return f"No verdict: fewer than {MIN_ROUNDS} rounds. Highest median: {best.contender}."
    others = sum(k is not best and k.rate_per_s.high >= best.rate_per_s.low for k in located)
    found = f"{best.contender} sustains the highest rate: {best.rate_text}"
    return f"{found}, tied with {others} other{'' if others == 1 else 's'}." if others else f"{found}."


def print_knees(knees: Sequence[Knee], scenario: str, objective: str, console: Console) -> None:
    """Print the headline and a row for each contender, in at most 25 lines of 80 columns."""
    width = min(WIDTH, console.width)
    console.print(Text(shown(headline(knees)), style="bold"), width=width)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", width=width)
    table.add_column("contender", no_wrap=True, overflow="ellipsis")
    for name in ("highest rate", "interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("saturated first (rounds)", no_wrap=True, overflow="ellipsis")
    for k in knees[:MOST_ROWS]:
        table.add_row(*(shown(text) for text in (k.contender, k.rate_text, k.interval, k.full)))
    console.print(table)
    if len(knees) > MOST_ROWS:
        console.print(f"{len(knees) - MOST_ROWS} more contenders in the file")
    console.print(shown(f"{scenario}, open rate with {objective}. {basis(knees)}"), width=width)


def basis(knees: Sequence[Knee]) -> str:
    """What the intervals are."""
    first = next((k.rate_per_s for k in knees if k.interval), None)
    if first is None:
        return ""
    if first.level is None:
        return f"Ranges of {first.rounds} rounds; an interval needs {MIN_ROUNDS}."
    return f"{100 * first.level:.1f} % intervals over {first.rounds} rounds."


def rate(per_s: float) -> str:
    """A rate as text."""
    return f"{per_s:,.0f}" if math.isfinite(per_s) else "above all"


def one_cell(folder: Path, cell: int) -> Cell | None:
    """A cell of a run folder; None if it did not finish."""
    return next((c for c in frames.cells(read_run(folder)) if c.info.id == cell), None)


def met(cell: Cell | None, share: float, within_ms: float) -> bool:
    """Whether that share of all due requests was answered in time. A failed request counts as infinitely slow."""
    if cell is None or not len(cell.due):
        return False
    waits = waits_ms(cell.due)
    failed = np.full(int(request_counts.failed(cell)), math.inf)
    return quantile(np.concatenate([waits, failed]), share) < within_ms


def what_is_full(cell: Cell | None, cores: float) -> tuple[str, float]:
    """The resource furthest above its limit and its use; nan if no resource was saturated."""
    if cell is None:
        return "unknown: cell failed", math.nan
    servers = [v / wall_s(cell) for (s, n), v in cell.counters.items() if s.startswith("process-") and n == "cpu_s"]
    waited = (cell.due.floats("queue_ms") - cell.due.floats("own_lag_ms") > 1.0).mean()
    values = dict(
        zip(
            FULL,
            (
                max(servers, default=math.nan),
                cpu_share(cell, "redis"),
                database_cpu(cell) / cores,
                machine_cpu(cell) / cores,
                float(waited),
            ),
            strict=True,
        )
    )
    over = {name: value / FULL[name] for name, value in values.items() if math.isfinite(value) and value > FULL[name]}
    if not over:
        return NO_RESOURCE, math.nan
    causes = {name: share for name, share in over.items() if name != THREADS} or over
    name = max(causes, key=lambda n: causes[n])
    return name, values[name]


def write_knees(folder: Path, knees: Mapping[str, Knee], objective: str) -> Path:
    """Write knees.csv into the run folder. Returns its path."""
    path = folder / "knees.csv"
    rows = [
        (k.contender, objective, e.value, e.low, e.high, e.level or "", e.rounds, k.cells, k.full)
        for k in knees.values()
        for e in [k.rate_per_s]
    ]
    columns = "contender objective knee_per_s low_per_s high_per_s level rounds cells first_full"
    write_whole(path, as_csv(columns, rows).encode())
    return path


def knee_result(folder: Path, contender: str, knees_per_s: Sequence[float], missed: Sequence[int], cells: int) -> Knee:
    """The result of a search.

    `knees_per_s`: the knee of each round; `missed`: the cells at the upper ends of the brackets, which missed the
    objective.
    """
    cores = float(read_run(folder).info.metadata.get("machine", {}).get("cores") or math.nan)
    seen = [what_is_full(one_cell(folder, cell), cores) for cell in missed]
    return Knee(contender=contender, rate_per_s=median(knees_per_s), cells=cells, full=mostly(seen))


def mostly(seen: Sequence[tuple[str, float]]) -> str:
    """The resource that was saturated in most rounds, its median use, and the number of these rounds."""
    if not seen:
        return "no rate missed the objective"
    name, times = Counter(name for name, _ in seen).most_common(1)[0]
    share = float(np.median([value for other, value in seen if other == name]))
    return f"{name}{'' if math.isnan(share) else f' {100 * share:.0f} %'} ({times} of {len(seen)})"
