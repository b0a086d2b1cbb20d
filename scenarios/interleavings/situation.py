"""The class of all situations, and the list of known situations."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Literal

from stampede.core.errors import ConfigError, require
from stampede.patterns.caching.cache_pattern import FaultModel

Operation = Literal["get", "update", "create", "get-new", "hit"]
"""`get` and `update` concern the one record that exists; `get-new` concerns the record that `create` will insert;
`hit` is a call of one subject at a rate limiter."""


class CacheState(Enum):
    """The contents of the cache when the clients begin."""

    COLD = "the cache is empty"
    WARM = "the entry is fresh"
    AT_LIMIT = "the subject's quota was used up half a window ago"
    AGEING = "the entry is fresh, and 99 % of its TTL is over"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A few clients, each with its operations in order. Every order of the clients' steps is a schedule."""

    name: str
    clients: tuple[tuple[Operation, ...], ...]
    """The operations of each client."""
    start: CacheState = CacheState.COLD
    adversary: FaultModel = FaultModel.NONE
    """The fault that may happen once, at any step of a schedule."""
    skew_s: float = 0.0
    """By how much each client's clock is ahead of the previous client's, in seconds."""
    one_tick: bool = False
    """Whether all calls of a limiter read the same instant, as with a coarse clock. Else no two readings are equal."""
    failing_loads: int = 0
    """How many loads raise, from the first one on."""

    def __post_init__(self) -> None:
        require(1 <= len(self.clients) <= 8, "clients", len(self.clients), "1 to 8")
        require(self.adversary is not FaultModel.OUTAGE, "adversary", self.adversary.name, "a fault that can be a step")
        require(all(self.clients), "clients", self.clients, "one operation or more for each")

    @property
    def operations(self) -> frozenset[Operation]:
        return frozenset(operation for program in self.clients for operation in program)

    @property
    def writes(self) -> bool:
        return bool(self.operations & {"update", "create"})

    @property
    def clocks_agree(self) -> bool:
        """Whether a bound that relies on the application servers' clocks must hold: clocks agree, and time passes."""
        return not self.skew_s and not self.one_tick

    @property
    def limiting(self) -> bool:
        """Whether rate limiters run in it, not caching patterns."""
        return "hit" in self.operations

    def said(self) -> str:
        """One line: each client's operations, the start, the fault model."""
        who = " | ".join(", ".join(program) for program in self.clients)
        more = "" if self.adversary is FaultModel.NONE else f"; once in a schedule: {self.adversary.value}"
        fails = "; the first load raises" if self.failing_loads else ""
        skew = f"; each clock {self.skew_s:g} s ahead of the one before" if self.skew_s else ""
        tick = "; all on one tick of the clock" if self.one_tick else ""
        return f"{who}; {self.start.value}{skew}{tick}{fails}{more}"


@cache
def situations() -> Mapping[str, Situation]:
    """Every situation by name, from the SITUATIONS of the other modules of this folder."""
    package = importlib.import_module("stampede.scenarios.interleavings")
    found: dict[str, Situation] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        module = importlib.import_module(f"stampede.scenarios.interleavings.{info.name}")
        for situation in getattr(module, "SITUATIONS", ()):
            if isinstance(situation, Situation):
                found[situation.name] = situation
    return found


def find_situation(name: str) -> Situation:
    """The situation of that name. Raises ConfigError with the known names."""
    if name not in situations():
        raise ConfigError("situation", name, f"one of {', '.join(situations())}")
    return situations()[name]
