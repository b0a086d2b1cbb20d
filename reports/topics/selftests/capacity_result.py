"""Knees, told: whether a cell met an objective, the rate over the rounds, what was full where it was missed."""

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
"""What can be full, and from which share on it is called so; of threads: requests that waited over 1 ms for one,
which is a cause only where no core is full."""
THREADS = "the application servers' threads"


@dataclass(frozen=True, kw_only=True)
class Knee:
    """What the rounds of a search found."""

    contender: str
    rate_per_s: Estimate
    """Median over the rounds, each the middle of its bracket; 0: not even the least rate met the objective, infinity:
    the most did."""
    cells: int
    full: str
    """What saturated first, in most rounds, where the rate was missed."""

    def __str__(self) -> str:
        found = self.rate_per_s
        if found.missing:
            return f"{self.contender}: no round came to its end in {self.cells} cells"
        if found.value == 0:
            return f"{self.contender}: met at no rate that was tried"
        if math.isinf(found.value):
            return f"{self.contender}: no rate that was tried missed"
        bounds = f"{rate(found.low)} – {rate(found.high)}"
        if found.level is None:
            kind = f"range of {found.rounds} rounds, no level: {MIN_ROUNDS} would have one"
        else:
            kind = f"{100 * found.level:.1f} % interval over {found.rounds} rounds"
        return f"{self.contender}: {rate(found.value)}/s ({bounds}, {kind}); first to be full: {self.full}"


def rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if math.isfinite(per_s) else "beyond all that was tried"


def one_cell(folder: Path, cell: int) -> Cell | None:
    """A cell of a run folder; None where it was not finished."""
    return next((c for c in frames.cells(read_run(folder)) if c.info.id == cell), None)


def met(cell: Cell | None, share: float, within_ms: float) -> bool:
    """Whether that share of all that was due, failures among the missing, was answered in time."""
    if cell is None or not len(cell.due):
        return False
    waits = waits_ms(cell.due)
    failed = np.full(int(request_counts.failed(cell)), math.inf)
    return quantile(np.concatenate([waits, failed]), share) < within_ms


def what_is_full(cell: Cell | None, cores: float) -> tuple[str, float]:
    """What stands highest above its limit, in words; and how full it was, nan where nothing was."""
    if cell is None:
        return "unknown: the cell broke", math.nan
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
        return "nothing that is watched: the objective is below what an answer takes", math.nan
    causes = {name: share for name, share in over.items() if name != THREADS} or over
    name = max(causes, key=lambda n: causes[n])
    return name, values[name]


def write_knees(folder: Path, knees: Mapping[str, Knee], objective: str) -> Path:
    """knees.csv in the run folder."""
    path = folder / "knees.csv"
    rows = [
        (k.contender, objective, e.value, e.low, e.high, e.level or "", e.rounds, k.cells, k.full)
        for k in knees.values()
        for e in [k.rate_per_s]
    ]
    columns = "contender objective knee_per_s low_per_s high_per_s level rounds cells first_full"
    write_whole(path, as_csv(columns, rows).encode())
    return path


def told(folder: Path, contender: str, knees_per_s: Sequence[float], missed: Sequence[int], cells: int) -> Knee:
    """A search's end. `knees_per_s`: of each round; `missed`: the cells that missed at the upper ends of brackets."""
    cores = float(read_run(folder).info.metadata.get("machine", {}).get("cores") or math.nan)
    seen = [what_is_full(one_cell(folder, cell), cores) for cell in missed]
    return Knee(contender=contender, rate_per_s=median(knees_per_s), cells=cells, full=mostly(seen))


def mostly(seen: Sequence[tuple[str, float]]) -> str:
    """What was full in most rounds, how full at the median, and in how many."""
    if not seen:
        return "nothing was missed"
    name, times = Counter(name for name, _ in seen).most_common(1)[0]
    share = float(np.median([value for other, value in seen if other == name]))
    return f"{name}{'' if math.isnan(share) else f' ({100 * share:.0f} %)'}, in {times} of {len(seen)} rounds"
