"""Uncertainty of clocks in runs whose application servers ran on several machines.

The coordinator records, for each cell and process, the largest error of the instants of that process. An analysis that
compares instants of two processes allows for that error in both.
"""

from stampede.run_folder.read import Run


def clock_uncertainty_ns(run: Run) -> dict[int, int]:
    """The largest error of an instant in nanoseconds, by cell; cells that used one clock are absent."""
    rows = run.timeline
    rows = rows[rows["name"] == "clock_uncertainty_ns"]
    worst = rows.groupby("cell")["value"].max()
    return {int(str(cell)): round(float(value)) for cell, value in worst.items()}
