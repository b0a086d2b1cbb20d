"""A probe reads something before, during and after each cell. A new one is a new file and a place in the probes' list.

The coordinator's own Redis commands are part of what is counted. So the order matters: see `Coordinator.probes`.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from stampede.loadtests.locustfiles.run_config import CellPlan, ScenarioPlan
from stampede.run_folder.write import ServerRow, TimelineRow


@dataclass(frozen=True, kw_only=True)
class ProbedCell:
    """The cell around which a probe reads."""

    order: CellPlan
    scenario: ScenarioPlan


@dataclass(kw_only=True)
class ProbeRows:
    """What was read, as rows of a cell's tables."""

    servers: list[ServerRow] = field(default_factory=list)
    """Counters: name, value before, value after."""
    timeline: list[TimelineRow] = field(default_factory=list)
    """Gauges and events, each at its instant."""

    def add(self, other: "ProbeRows") -> None:
        self.servers += other.servers
        self.timeline += other.timeline


class Probe(Protocol):
    """One thing that is read around each cell. A driver's error, where a server is gone, passes through."""

    def before(self, cell: ProbedCell) -> None:
        """Read what the cell begins with. What a cell that broke has left is dropped."""

    def sample(self) -> AbstractContextManager[object]:
        """A context in which the probe samples: the cell runs inside it. By default nothing is sampled."""
        return nullcontext()

    def after(self, cell: ProbedCell) -> ProbeRows:
        """Read what the cell ends with; all rows of the cell."""


def read_before(probes: Iterable[Probe], cell: ProbedCell) -> None:
    """Read the first probe first: the last is the nearest to the cell."""
    for probe in probes:
        probe.before(cell)


def read_after(probes: Iterable[Probe], cell: ProbedCell) -> ProbeRows:
    """Read in the other direction, so that the last probe is the nearest to the cell on this side too."""
    rows = ProbeRows()
    for probe in reversed(list(probes)):
        rows.add(probe.after(cell))
    return rows
