"""A probe reads values before, during and after each cell. To add one, write a file and add it to the list of probes.

The order of that list matters, because probes send Redis commands that are counted: see `Coordinator.probes`.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from stampede.loadtests.locustfiles.run_config import CellPlan, ScenarioPlan
from stampede.run_folder.write import ServerRow, TimelineRow


@dataclass(frozen=True, kw_only=True)
class ProbedCell:
    """The cell that a probe reads before, during and after."""

    plan: CellPlan
    scenario: ScenarioPlan


@dataclass(kw_only=True)
class ProbeRows:
    """The values that were read, as rows of a cell's tables."""

    servers: list[ServerRow] = field(default_factory=list)
    """Counters with their values before and after the cell."""
    timeline: list[TimelineRow] = field(default_factory=list)
    """Gauges and events, each with its instant."""

    def add(self, other: "ProbeRows") -> None:
        self.servers += other.servers
        self.timeline += other.timeline


class Probe(Protocol):
    """Reads values around each cell. If a server is gone, the driver's error passes through."""

    def before(self, cell: ProbedCell) -> None:
        """Read the values at the start of the cell. Values of an earlier, broken cell are dropped."""

    def sample(self) -> AbstractContextManager[object]:
        """A context in which the cell runs and the probe samples. By default nothing is sampled."""
        return nullcontext()

    def after(self, cell: ProbedCell) -> ProbeRows:
        """Read the values at the end of the cell. Returns all rows of the cell."""


def read_before(probes: Iterable[Probe], cell: ProbedCell) -> None:
    """Read the probes in their order: the last one reads nearest to the cell."""
    for probe in probes:
        probe.before(cell)


def read_after(probes: Iterable[Probe], cell: ProbedCell) -> ProbeRows:
    """Read the probes in reverse order, so that the last one reads nearest to the cell again."""
    rows = ProbeRows()
    for probe in reversed(list(probes)):
        rows.add(probe.after(cell))
    return rows
