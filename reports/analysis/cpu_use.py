"""CPU use of a cell by the servers, the processes of the suite and the whole machine: in cores, mean over the cell."""

import math

from stampede.reports.analysis.frames import Cell
from stampede.run_folder.read import Run


def cpu_share(cell: Cell, *sources: str) -> float:
    """Cores that those sources used, mean over the cell; nan if it is not known."""
    spent = [v for source, v in cell.cpu_s if source.startswith(sources)]
    return sum(spent) / wall_s(cell) if spent else math.nan


def wall_s(cell: Cell) -> float:
    """Seconds between the two readings of the counters; if unknown, from the first due instant to the window's end."""
    noted = cell.counters.get(("machine", "clock.monotonic_s"))
    if noted:
        return noted
    return cell.window_s + max(0.0, -float(cell.rows.floats("due_s").min())) if len(cell.rows) else math.nan


def database_cpu(cell: Cell) -> float:
    """Cores that the database used; if it does not report this, an upper bound: the machine's use minus all others."""
    own = cpu_share(cell, "postgres")
    busy = cell.counters.get(("machine", "cpu.busy_s"), math.nan) / wall_s(cell)
    others = cpu_share(cell, "redis", "process-", "coordinator")
    return max(0.0, busy - (0.0 if math.isnan(others) else others)) if math.isnan(own) else own


def machine_cpu(cell: Cell) -> float:
    """Busy cores as counted by the machine; if it does not count them, the sum of the known uses."""
    busy = cell.counters.get(("machine", "cpu.busy_s"))
    return cpu_share(cell, "postgres", "redis", "process-", "coordinator") if busy is None else busy / wall_s(cell)


def cores(run: Run) -> float:
    """Number of cores of the machine; nan if the run does not record it."""
    return float(run.info.metadata.get("machine", {}).get("cores") or math.nan)
