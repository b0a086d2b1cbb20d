"""The class of all scenarios, and the list of known scenarios."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from stampede.core.errors import ConfigError, require
from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.rate_limiting.flood import Flood

FOLDERS = ("caching", "rate_limiting", "faults")
"""The folders that contain scenarios."""
Kind = Literal["caching", "limiting"]
"""Which contenders run in a scenario: caching patterns or rate limiters."""
KINDS: tuple[Kind, ...] = ("caching", "limiting")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A situation of an application in which contenders are compared: a workload, and sometimes a fault."""

    name: str
    """Lower-case letters, digits and hyphens."""
    question: str
    """The question that its charts answer."""
    application: str
    """Where the situation occurs in practice."""
    expectation: str
    """The result that theory predicts."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """The values of the workload that define the situation. All others come from the user's workload."""
    window_ttls: int = 2
    """The length of a cell's window in TTLs: a whole number, so that every cell contains equally many expiries."""
    window_s: float | None = None
    """The length of a cell's window in seconds, for a TTL that is much longer than a window. None: in TTLs."""
    warm_up_s: float = 0.25
    """How long requests run before the window, in seconds."""
    drain_s: float = 2.0
    """D: how long a cell waits for answers after its last request was due, in seconds."""
    kind: Kind = "caching"
    """Which contenders run: caching patterns or rate limiters."""
    flood: Flood | None = None
    """The callers of the rate limiters, if the kind is limiting. The plan sets the number of windows."""
    fault: Fault | None = None
    """A fault in the middle of a cell. The scenario is skipped, with a reason, on servers of the user."""
    cold: bool = False
    """Start with an empty cache. Only contenders that support warm-up may fill it; the report shows the cost."""
    check_after_drain: bool = False
    """After the last request, read every written key once more. An entry that is stale then stays stale for its TTL."""
    report_separately: bool = False
    """Report it in a separate section, from few rounds and without verdicts. The answer does not use it."""
    variant_of: str = ""
    """The scenario that it repeats under one other condition. It shows what the answer depends on."""
    plays_trace: bool = False
    """Whether its requests are those of the user's trace, if there is one: their times, keys and operations. The other
    values of the workload stay as they are."""
    processes: int | None = None
    """How many application servers receive requests; the others stay idle. None: all."""
    contenders: tuple[str, ...] | None = None
    """The built-in contenders that run in it. The user's own files always run. None: all of its kind."""

    def __post_init__(self) -> None:
        require(is_count(self.window_ttls), "window_ttls", self.window_ttls, "a whole number, 1 or more")
        require(self.window_s is None or 0 < self.window_s <= 3600, "window_s", self.window_s, "above 0, at most 3,600")
        counted = self.processes is None or is_count(self.processes)
        require(counted, "processes", self.processes, "a whole number, 1 or more; or None for all")
        require(
            (self.flood is not None) == (self.kind == "limiting"),
            "flood",
            self.flood,
            "a Flood if the kind is limiting, else None",
        )
        require(self.fault is None or self.kind == "caching", "fault", self.fault, "None if the kind is limiting")
        require(
            not self.plays_trace or (self.kind == "caching" and not self.cold and self.fault is None),
            "plays_trace",
            self.plays_trace,
            "False for rate limiters, for a cold cache and with a fault",
        )
        require(not self.cold or self.warm_up_s == 0, "warm_up_s", self.warm_up_s, "0 if cold is True")

    def caching_window_s(self, ttl_s: float) -> float:
        """The length of a cell's window in seconds, if it has caching contenders and entries live that long."""
        return self.window_ttls * ttl_s if self.window_s is None else self.window_s

    def limited(self, limits: Mapping[str, Any]) -> "Scenario":
        """The scenario with the user's limits in its flood. Raises ConfigError."""
        return self if self.flood is None or not limits else replace(self, flood=self.flood.limited(limits))


def is_count(value: object) -> bool:
    """Whether the value is a whole number, 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


@cache
def built_in() -> Mapping[str, Scenario]:
    """The project's scenarios by name: each SCENARIO, and each item of SCENARIOS, in the modules of FOLDERS."""
    found = {}
    folders = [importlib.import_module(f"stampede.scenarios.{folder}") for folder in FOLDERS]
    modules = [(info.name, folder.__name__) for folder in folders for info in pkgutil.iter_modules(folder.__path__)]
    for name, folder in sorted(modules):
        module = importlib.import_module(f"{folder}.{name}")
        for scenario in (getattr(module, "SCENARIO", None), *getattr(module, "SCENARIOS", ())):
            if isinstance(scenario, Scenario):
                found[scenario.name] = scenario
    return found


ADDED: dict[str, Scenario] = {}
"""The user's scenarios by name."""


def add_scenario(scenario: Scenario) -> None:
    """Make a scenario available by its name in this process."""
    ADDED[scenario.name] = scenario


def scenarios() -> Mapping[str, Scenario]:
    """Every scenario by name: the project's and the user's."""
    return {**built_in(), **ADDED}


def find_scenario(name: str) -> Scenario:
    """The scenario of that name. Raises ConfigError with the known names."""
    known = scenarios()
    if name not in known:
        raise ConfigError("scenario", name, f"one of {', '.join(known)}, or a path to a .py file")
    return known[name]
