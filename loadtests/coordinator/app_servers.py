"""Interface between the coordinator and the application servers: requests to them and their results."""

from dataclasses import dataclass, field
from typing import Protocol

from stampede.loadtests.appserver.inflight_sampler import InflightSample
from stampede.loadtests.appserver.warmup import Fill
from stampede.loadtests.coordinator.probes.server_events import Pause
from stampede.loadtests.instrumentation.clock_offset import ClockOffset
from stampede.loadtests.locustfiles.run_config import CellPlan


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """The result of one application server after a cell."""

    process: int
    samples: bytes
    account: dict[str, float]
    """The counters of the process."""
    pauses: list[Pause] = field(default_factory=list)
    """Its garbage collections."""
    inflight_samples: list[InflightSample] = field(default_factory=list)
    """Its requests in the system at random instants."""
    clock_offset: ClockOffset | None = None
    """For a server on another machine: the offset of its clock, with an error bound over the whole cell. All instants
    are by the coordinator's clock."""


class AppServers(Protocol):
    """All application servers of a run. Every method may raise CellBroken or HarnessBroken."""

    def prepare(self, plan: CellPlan, fill: Fill) -> dict[int, dict[str, float]]:
        """Let every process prepare the cell and make the entries of the fill. Returns their counters by process."""

    def begin(self, begin_ns: int) -> None:
        """Send every process the instant from which due times count."""

    def settle(self) -> list[int]:
        """Wait until the last request has ended in every process. Returns the keys that were written."""

    def read_after_drain(self, keys: list[int]) -> None:
        """Let every process read those keys once more, and then end the cell."""

    def collect(self) -> list[CellResult]:
        """Wait until the cell has ended in every process. Returns the results."""

    def requests_counted(self) -> int:
        """The number of requests that Locust itself has counted so far."""
