"""The orders for one run: what the front door decides and every Locust process reads, as a private JSON file."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from stampede.core.private_files import write_file
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.run_folder.schema import CellInfo
from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.scenarios.workload import Workload


@dataclass(frozen=True, kw_only=True)
class ScenarioPlan:
    """A scenario as it will be run."""

    name: str
    workload: Workload
    statements: dict[str, Any]
    """The fields of stampede.stack.postgres.source.Statements."""
    window_s: float
    warm_up_s: float
    drain_s: float
    simulated_rtt_ns: int
    flood: Flood | None = None
    """Who calls, where rate limiters run in it."""
    fault: Fault | None = None
    """What breaks in the middle of its cells."""
    cold: bool = False
    """Whether its cells begin with an empty cache."""
    check_after_drain: bool = False
    """Whether what was written is read once more after the last request."""
    processes: int | None = None
    """How many of the application servers serve; None: all."""


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """One cell that will be run."""

    id: int
    scenario: str
    contender: str
    round: int
    seed: int
    """The same for every contender of a scenario and round: same keys, same arrivals."""
    predecessor: str | None


def cell_info(order: CellPlan) -> CellInfo:
    """A planned cell as the run folder stores it."""
    return CellInfo(
        id=order.id,
        scenario=order.scenario,
        contender=order.contender,
        round=order.round,
        seed=order.seed,
        predecessor=order.predecessor,
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that the Locust processes need to know."""

    folder: str
    postgres_url: str
    redis_url: str
    key_prefix: str
    processes: int
    users_per_process: int
    seed: int
    contender_specs: tuple[ContenderSpec, ...]
    scenarios: tuple[ScenarioPlan, ...]
    cells: tuple[CellPlan, ...]
    progress_fd: int | None = None
    """Where the master tells how far it is, a JSON object a line."""
    bind: str = ""
    """HOST:PORT where workers from other machines are awaited; empty: they are started here."""
    wait_s: float = 120.0
    """How long."""
    switch_fd: int | None = None
    """A socket over which the master has a server of ours broken and mended: see stampede.loadtests.coordinator.fault_injection."""

    def scenario(self, name: str) -> ScenarioPlan:
        return next(s for s in self.scenarios if s.name == name)

    def contender_spec(self, name: str) -> ContenderSpec:
        return next(e for e in self.contender_specs if e.name == name)

    def with_scenario(self, scenario: ScenarioPlan) -> "RunConfig":
        """The orders with this scenario, instead of one of its name where there is one."""
        others = tuple(s for s in self.scenarios if s.name != scenario.name)
        return replace(self, scenarios=(*others, scenario))

    def write(self, path: Path) -> None:
        """Write the orders; they hold passwords, so only the owner may read them."""
        write_file(path, json.dumps(asdict(self)).encode())


def read_spec(path: Path) -> RunConfig:
    """The orders that `Spec.write` wrote. Raises msgspec.ValidationError for a value of another type."""
    return msgspec.json.decode(path.read_bytes(), type=RunConfig)


def spec_of(data: dict[str, Any]) -> RunConfig:
    """The orders out of their JSON's object. Raises msgspec.ValidationError, a ValueError."""
    return msgspec.convert(data, RunConfig)


def read_scenario(data: dict[str, Any]) -> ScenarioPlan:
    """A scenario's order out of its JSON's object. Raises as `spec_of` does."""
    return msgspec.convert(data, ScenarioPlan)
