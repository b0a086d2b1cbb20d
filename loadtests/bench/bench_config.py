"""The configuration of a bench: what the user asked for on the command line."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from stampede.core.errors import require
from stampede.patterns.serialization.serializer_choice import SerializerChoice
from stampede.scenarios.plans import Plan
from stampede.scenarios.workload import WorkloadFile


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """The plan, the contenders and the options of one bench."""

    plan: Plan
    workload: WorkloadFile = field(default_factory=WorkloadFile)
    contenders: tuple[str, ...] = ()
    """Names of built-in contenders; empty: all."""
    own_contenders: tuple[str, ...] = ()
    """Paths of the user's contender files."""
    reference: str = "cache-aside"
    processes: int = 2
    rtt_ms: float | None = None
    """The simulated RTT in ms, 0 to 1,000; None: as the workload says."""
    seed: int = 1
    runs: Path = Path("runs")
    command: str = "stampede bench"
    bind: str = ""
    """HOST:PORT at which `processes` workers on other machines join; empty: the workers start on this machine."""
    wait_s: float = 120.0
    """How long the bench waits for these workers, in seconds."""
    may_configure: bool = False
    """Whether experiments may change settings of the user's own Redis."""
    rate_per_s: float | None = None
    """The offered rate of caching scenarios; None: as the workload says; nan: AUTO_SHARE of what the slowest contender
    can carry."""

    serializer: SerializerChoice = field(default_factory=SerializerChoice)
    """What the contenders store records with."""

    def __post_init__(self) -> None:
        require(1 <= self.processes <= 64, "processes", self.processes, "1 to 64")
        require(self.rtt_ms is None or 0 <= self.rtt_ms <= 1000, "rtt", self.rtt_ms, "0 to 1,000 ms")
        require(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")


def offered_rate(text: str | None) -> float | None:
    """Read the option --rate: a number of requests a second, nan for "auto", None if absent. Raises ConfigError."""
    if text is None or text == "auto":
        return None if text is None else math.nan
    try:
        rate_per_s = float(text)
    except ValueError:
        rate_per_s = 0.0
    require(0 < rate_per_s <= 20_000, "rate", text, "requests a second, above 0 to 20,000, or auto")
    return rate_per_s
