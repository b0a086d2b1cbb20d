"""Runs whose application servers stood on several machines: how well instants of different ones can be compared.

The conductor notes, for each cell and process, how wrong the time can be in which that process's instants are told. A
judgement that holds an instant of one against an instant of another gives both that room.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from artefact import doubts as d
from artefact.doubts import Doubt
from artefact.read import Run

if TYPE_CHECKING:
    from reports.judge import Judgement


def clock_doubts_ns(run: Run) -> dict[int, int]:
    """By cell, how wrong an instant can be at most; absent where all was read on one clock."""
    rows = run.timeline
    rows = rows[rows["name"] == "clock_doubt_ns"]
    worst = rows.groupby("cell")["value"].max()
    return {int(str(cell)): round(float(value)) for cell, value in worst.items()}


def clocks_apart(judgement: "Judgement") -> Iterator[Doubt]:
    """Application servers on other machines, whose clocks agree with ours to the doubt that was measured."""
    doubts = clock_doubts_ns(judgement.run)
    if doubts:
        worst_ms = max(doubts.values()) / 1e6
        machines = judgement.run.info.circumstances.get("workers", {}).get("machines", [])
        hosts = ", ".join(str(machine.get("host")) for machine in machines) or "several machines"
        yield Doubt(
            kind=d.CLOCKS_APART,
            what=f"workers on {hosts}: their clocks agree with ours to ± {worst_ms:.2f} ms",
            value=worst_ms,
            limit=0,
        )
