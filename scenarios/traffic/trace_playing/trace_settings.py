"""What the user says about a recorded trace: the table [trace] of a workload file."""

from dataclasses import dataclass
from pathlib import Path

from stampede.core.errors import require

LONGEST_S = 1e9


@dataclass(frozen=True, kw_only=True)
class TraceSettings:
    """A recorded trace whose requests a bench makes instead of drawn ones."""

    file: str
    """Its path, as the current folder or the workload's folder sees it."""
    format: str | None = None
    """The name of its format. None: the first lines decide."""
    speed: float = 1.0
    """How many times as fast as it was recorded. Lifetimes of entries are not scaled."""
    sample: float = 1.0
    """The share of its keys that is played, above 0 to 1: all requests of a key, or none (SHARDS)."""
    fill_within_s: float = 0.0
    """A write of a key whose last request was a read at most this number of recorded seconds before fills the cache
    after a miss, as the contenders do themselves, and is left out. 0: every write changes its record."""
    start_s: float | None = None
    """Where the part that is played begins, in seconds from the first request. None: after the longest TTL, or in the
    middle of a trace that is too short for that."""

    def __post_init__(self) -> None:
        require(bool(self.file) and "\0" not in self.file, "trace.file", self.file, "the path of a trace")
        require(self.file != "-", "trace.file", self.file, "the path of a file: standard input is read once only")
        require(1e-3 <= self.speed <= 1e6, "trace.speed", self.speed, "0.001 to 1,000,000 times as fast")
        require(1e-9 <= self.sample <= 1, "trace.sample", self.sample, "a share of the keys, above 0 to 1")
        require(0 <= self.fill_within_s <= 3600, "trace.fill_within_s", self.fill_within_s, "0 to 3,600 s")
        start_s = self.start_s
        require(start_s is None or 0 <= start_s <= LONGEST_S, "trace.start_s", start_s, "0 to 1,000,000,000 s")

    @property
    def path(self) -> Path:
        """The file's path."""
        return Path(self.file).expanduser()

    @property
    def name(self) -> str:
        """The file's name, without its folders: a run folder holds no paths of the user's machine."""
        return self.path.name
