"""What a scenario is, and where scenarios are found."""

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
"""Folders of scenarios."""
Kind = Literal["caching", "limiting"]
"""Which contenders run in it."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A situation in the life of an application, under which contenders are compared."""

    name: str
    question: str
    """What its charts answer."""
    application: str
    """Where it happens in practice."""
    expectation: str
    """What theory says will be seen."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """The values of the workload that this situation is about."""
    window_ttls: int = 2
    """A cell lasts a whole number of TTLs: one and a half would see two thirds of the true expiries."""
    warm_up_s: float = 0.25
    drain_s: float = 2.0
    """D: how long after the last due time an answer still counts."""
    kind: Kind = "caching"
    flood: Flood | None = None
    """Who calls the limiters, where the scenario is about limiting; the plan says for how many windows."""

    fault: Fault | None = None
    """What breaks in the middle of a cell. Skipped, with the reason, on servers that are not ours to break."""
    cold: bool = False
    """Begin with an empty cache: only a contender that can warm it may, and what that costs it is told."""
    check_after_drain: bool = False
    """After the last request, read every key that was written once more: what is stale then stays so for its TTL."""
    report_separately: bool = False
    """Told in a section of its own, from few rounds: it gives no verdicts and has no part in the answer."""
    variant_of: str = ""
    """The scenario that it repeats under one other condition: what the answer depends on, no answer of its own."""
    processes: int | None = None
    """Of the application servers, how many serve all its requests; the others stay idle. None: all."""
    contenders: tuple[str, ...] | None = None
    """Who runs in it, where it makes sense for some only (the user's own files always do). None: all of its kind."""

    def __post_init__(self) -> None:
        require(self.window_ttls >= 1, "window_ttls", self.window_ttls, "1 or more")
        require(self.processes is None or self.processes >= 1, "processes", self.processes, "1 or more, or all")
        require((self.flood is not None) == (self.kind == "limiting"), "flood", self.flood, "one for limiting only")
        require(self.fault is None or self.kind == "caching", "fault", self.fault, "none, where limiters run")
        require(not self.cold or self.warm_up_s == 0, "warm_up_s", self.warm_up_s, "0 in a scenario that begins cold")

    def limited(self, limits: Mapping[str, Any]) -> "Scenario":
        """The same with the user's limit in its flood; any other as it is. Raises ConfigError."""
        return self if self.flood is None or not limits else replace(self, flood=self.flood.limited(limits))


@cache
def built_in() -> Mapping[str, Scenario]:
    """Every scenario of the project by name: a module of these folders that holds a SCENARIO, or several as SCENARIOS."""
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
"""Scenarios of the user's, by name."""


def add_scenario(scenario: Scenario) -> None:
    """Make a scenario known by its name in this process."""
    ADDED[scenario.name] = scenario


def scenarios() -> Mapping[str, Scenario]:
    """Every scenario by name: the built-in ones and those that were added."""
    return {**built_in(), **ADDED}


def find_scenario(name: str) -> Scenario:
    """The scenario of that name. Raises ConfigError with the names that there are."""
    known = scenarios()
    if name not in known:
        raise ConfigError("scenario", name, f"one of {', '.join(known)}")
    return known[name]
