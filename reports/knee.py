"""Knees, told: whether a cell met an objective, and what was full where it was missed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artefact.read import read_run
from reports import frames
from reports.frames import Cell
from reports.judge import cpu_share, database_cpu, machine_cpu, wall_s
from reports.metrics.response import waits_ms
from reports.render import as_csv
from reports.statistics import quantile

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
    """What a search found: met at `low`, missed twice at `high`; None: no rate that was tried did."""

    contender: str
    low: float | None
    high: float | None
    tried: int
    full: str
    """What saturated first, at the lowest rate that missed."""

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.contender}: met at none of {self.tried} rates ({self.high or math.nan:.0f}/s is too much)"
        if self.high is None:
            return f"{self.contender}: at least {self.low:.0f}/s: no rate that was tried missed"
        return f"{self.contender}: between {self.low:.0f} and {self.high:.0f}/s; first to be full: {self.full}"


def one_cell(folder: Path, cell: int) -> Cell | None:
    """A cell of a run folder; None where it was not finished."""
    return next((c for c in frames.cells(read_run(folder)) if c.info.id == cell), None)


def met(cell: Cell | None, share: float, within_ms: float) -> bool:
    """Whether that share of all that was due, failures among the missing, was answered in time."""
    if cell is None or not len(cell.due):
        return False
    waits = waits_ms(cell.due)
    failed = np.full(int(cell.due["outcome"].eq("failed").sum()), math.inf)
    return quantile(np.concatenate([waits, failed]), share) < within_ms


def what_is_full(cell: Cell | None, cores: float) -> str:
    """What stands highest above its limit; in words."""
    if cell is None:
        return "unknown: the cell broke"
    servers = [v / wall_s(cell) for (s, n), v in cell.counters.items() if s.startswith("process-") and n == "cpu_s"]
    waited = (cell.due["queue_ms"] - cell.due["own_lag_ms"] > 1.0).mean()
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
        return "nothing that is watched: the objective is below what an answer takes"
    causes = {name: share for name, share in over.items() if name != THREADS} or over
    name = max(causes, key=lambda n: causes[n])
    return f"{name} ({100 * values[name]:.0f} %)"


def write_knees(folder: Path, knees: Mapping[str, Knee], objective: str) -> Path:
    """knees.csv in the run folder."""
    path = folder / "knees.csv"
    rows = [(k.contender, objective, k.low or "", k.high or "", k.tried, k.full) for k in knees.values()]
    path.write_text(as_csv("contender objective met_at_per_s missed_at_per_s cells first_full", rows), encoding="utf-8")
    return path


def told(folder: Path, contender: str, low: float | None, high: float | None, cells: Mapping[float, int]) -> Knee:
    """A search's end in words. `cells`: the last cell at each rate that was tried."""
    run = read_run(folder)
    cores = float(run.info.circumstances.get("machine", {}).get("cores") or math.nan)
    missed = None if high is None else one_cell(folder, cells[high])
    full = "" if high is None else what_is_full(missed, cores)
    return Knee(contender=contender, low=low, high=high, tried=len(cells), full=full)
