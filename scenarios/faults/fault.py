"""The fault that is injected in the middle of a cell, as data. Only servers of the suite get faults."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from stampede.core.errors import require

FaultKind = Literal["kill redis", "hang redis", "lock database", "slow database"]
TROUBLES: tuple[FaultKind, ...] = ("kill redis", "hang redis", "lock database", "slow database")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that breaks and is mended while requests go on."""

    what: FaultKind
    """kill redis: connections are refused; it comes back empty. hang redis: connections stay open and new ones are
    accepted, nothing is answered; it comes back with what it held. lock database: a lock on the table blocks every load
    and write. slow database: the table's index is lost, every load reads all of it."""
    begins_share: float = 1 / 3
    """When it begins, as a share of the window."""
    lasts_share: float = 1 / 3
    """How long it lasts, as a share of the window."""

    def __post_init__(self) -> None:
        require(self.what in TROUBLES, "what", self.what, f"one of {', '.join(TROUBLES)}")
        require(0 <= self.begins_share < 1, "begins_share", self.begins_share, "0 to below 1")
        over = self.begins_share + self.lasts_share
        require(
            self.lasts_share > 0 and over < 1, "lasts_share", self.lasts_share, "above 0, over before the window is"
        )

    @property
    def loses_data(self) -> bool:
        """Whether the server comes back empty, its counters at zero."""
        return self.what == "kill redis"

    @property
    def server(self) -> str:
        """What breaks, as reports name it."""
        return "Redis" if self.what.endswith("redis") else "the database"

    def as_dict(self) -> dict[str, Any]:
        """For the run folder."""
        return {**asdict(self), "loses_data": self.loses_data, "server": self.server}
