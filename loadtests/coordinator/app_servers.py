"""The application servers, as the coordinator sees them: what it asks of them and what they hand over."""

from dataclasses import dataclass, field
from typing import Protocol

from stampede.loadtests.appserver.inflight_sampler import Look
from stampede.loadtests.coordinator.probes.server_events import Pause
from stampede.loadtests.instrumentation.clock_offset import ClockOffset
from stampede.loadtests.locustfiles.run_config import CellPlan


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """What one application server hands over after a cell."""

    process: int
    samples: bytes
    account: dict[str, float]
    pauses: list[Pause] = field(default_factory=list)
    """Its garbage collections."""
    looks: list[Look] = field(default_factory=list)
    """What its observer counted."""
    ahead: ClockOffset | None = None
    """Of one on another machine: how far its clock was ahead of ours, with the error bound over the whole cell. All
    instants are in ours."""


class AppServers(Protocol):
    """The application servers, as the coordinator sees them. Every method may raise CellBroken or HarnessBroken."""

    def prepare(self, order: CellPlan) -> dict[int, dict[str, float]]:
        """Have every process prepare the cell; their counters by process."""

    def begin(self, begin_ns: int) -> None:
        """Send every process the instant from which due times count."""

    def settle(self) -> list[int]:
        """Wait for the last request to end everywhere; the keys that were written."""

    def read_at_rest(self, keys: list[int]) -> None:
        """Have every process read those keys once more, and then end the cell."""

    def collect(self) -> list[CellResult]:
        """Wait for the cell to end everywhere."""

    def requests_counted(self) -> int:
        """How many requests Locust itself has counted so far."""
