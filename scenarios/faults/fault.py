"""A fault that is injected in the middle of a cell, as data. Only the suite's own servers get faults."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from stampede.core.errors import require

FaultKind = Literal["kill redis", "hang redis", "lock database", "slow database"]
FAULT_KINDS: tuple[FaultKind, ...] = ("kill redis", "hang redis", "lock database", "slow database")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of one server that begins and ends while requests continue."""

    what: FaultKind
    """kill redis: connections are refused; Redis comes back empty. hang redis: connections stay open and new ones are
    accepted, but no command is answered; Redis comes back with its data. lock database: a lock on the table blocks
    every load and write. slow database: the table's index is dropped, so that every load reads the whole table."""
    begins_share: float = 1 / 3
    """When it begins, as a share of the window."""
    lasts_share: float = 1 / 3
    """How long it lasts, as a share of the window."""

    def __post_init__(self) -> None:
        require(self.what in FAULT_KINDS, "what", self.what, f"one of {', '.join(FAULT_KINDS)}")
        require(0 <= self.begins_share < 1, "begins_share", self.begins_share, "0 to below 1")
        over = self.begins_share + self.lasts_share
        require(
            self.lasts_share > 0 and over < 1,
            "lasts_share",
            self.lasts_share,
            "above 0, so that the fault ends before the window",
        )

    @property
    def loses_data(self) -> bool:
        """Whether the server comes back empty, with its counters at zero."""
        return self.what == "kill redis"

    @property
    def server(self) -> str:
        """The server that fails, as reports name it."""
        return "Redis" if self.what.endswith("redis") else "the database"

    def as_dict(self) -> dict[str, Any]:
        """For the run folder."""
        return {**asdict(self), "loses_data": self.loses_data, "server": self.server}
