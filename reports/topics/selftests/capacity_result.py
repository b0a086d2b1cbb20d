"""Result of a knee search: whether a cell met the objective, the rate over the rounds, and the saturated resource."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stampede.core.files import write_whole
from stampede.reports.analysis import frames
from stampede.reports.analysis.cpu_use import cpu_share, database_cpu, machine_cpu, wall_s
from stampede.reports.analysis.frames import Cell
from stampede.reports.metrics import request_counts
from stampede.reports.metrics.response_times import waits_ms
from stampede.reports.output.csv_output.csv_text import as_csv
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, median, quantile
from stampede.run_folder.read import read_run

FULL = {
    "an application server's core": 0.85,
    "Redis' core": 0.85,
    "the database (half of all cores)": 0.5,
    "the machine's cores": 0.9,
    "the application servers' threads": 0.1,
}
"""Resources, and the share from which each counts as saturated. Threads: the share of requests that waited over 1 ms
for one; they count as the cause only if no core is saturated."""
THREADS = "the application servers' threads"


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
    """The resource that saturated first in most rounds, at the rates that missed the objective."""

    def __str__(self) -> str:
        found = self.rate_per_s
        if found.missing:
            return f"{self.contender}: no round finished in {self.cells} cells"
        if found.value == 0:
            return f"{self.contender}: no tried rate met the objective"
        if math.isinf(found.value):
            return f"{self.contender}: every tried rate met the objective"
        bounds = f"{rate(found.low)} – {rate(found.high)}"
        if found.level is None:
            kind = f"range of {found.rounds} rounds; an interval needs {MIN_ROUNDS}"
        else:
            kind = f"{100 * found.level:.1f} % interval over {found.rounds} rounds"
        return f"{self.contender}: {rate(found.value)}/s ({bounds}, {kind}); saturated first: {self.full}"


def rate(per_s: float) -> str:
    """A rate as text."""
    return f"{per_s:,.0f}" if math.isfinite(per_s) else "above all tried rates"


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
        return "unknown: the cell failed", math.nan
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
        return "no resource: the objective is below the service time itself", math.nan
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
    return f"{name}{'' if math.isnan(share) else f' ({100 * share:.0f} %)'}, in {times} of {len(seen)} rounds"
