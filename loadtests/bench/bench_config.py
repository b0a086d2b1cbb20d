"""What the user asked of a bench."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from stampede.core.errors import require
from stampede.scenarios.plans import Plan
from stampede.scenarios.workload import WorkloadFile


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """What the user asked for."""

    plan: Plan
    workload: WorkloadFile = field(default_factory=WorkloadFile)
    contenders: tuple[str, ...] = ()
    """Which of ours; none: all."""
    own_contenders: tuple[str, ...] = ()
    """Paths of the user's files."""
    reference: str = "cache-aside"
    processes: int = 2
    rtt_ms: float | None = None
    """Overrides the workload's distance."""
    seed: int = 1
    runs: Path = Path("runs")
    command: str = "stampede bench"
    bind: str = ""
    """HOST:PORT where that many workers from other machines are awaited; empty: they are started here."""
    wait_s: float = 120.0
    """How long."""
    may_configure: bool = False
    """Experiments may do to the user's Redis what otherwise only our own is put to."""
    rate_per_s: float | None = None
    """Overrides the workload's in caching scenarios; nan: AUTO_SHARE of what the slowest contender can carry."""

    def __post_init__(self) -> None:
        require(1 <= self.processes <= 64, "processes", self.processes, "1 to 64")
        require(self.rtt_ms is None or 0 <= self.rtt_ms <= 1000, "rtt", self.rtt_ms, "0 to 1,000 ms")
        require(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")


def offered_rate(text: str | None) -> float | None:
    """A number, or nan for auto. Raises ConfigError."""
    if text is None or text == "auto":
        return None if text is None else math.nan
    try:
        rate_per_s = float(text)
    except ValueError:
        rate_per_s = 0.0
    require(0 < rate_per_s <= 20_000, "rate", text, "requests a second, above 0 to 20,000, or auto")
    return rate_per_s
