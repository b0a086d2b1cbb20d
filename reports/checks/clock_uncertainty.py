"""Runs whose application servers stood on several machines: how well instants of different ones can be compared.

The conductor notes, for each cell and process, how wrong the time can be in which that process's instants are told. A
judgement that holds an instant of one against an instant of another gives both that room.
"""

from stampede.run_folder.read import Run


def clock_doubts_ns(run: Run) -> dict[int, int]:
    """By cell, how wrong an instant can be at most; absent where all was read on one clock."""
    rows = run.timeline
    rows = rows[rows["name"] == "clock_uncertainty_ns"]
    worst = rows.groupby("cell")["value"].max()
    return {int(str(cell)): round(float(value)) for cell, value in worst.items()}
