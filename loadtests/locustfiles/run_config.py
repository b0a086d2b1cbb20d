"""The configuration of one run: the command writes it as a private JSON file, and every Locust process reads it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from stampede.core.private_files import write_file
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.patterns.serialization.serializer_choice import SerializerChoice
from stampede.run_folder.schema import CellInfo
from stampede.scenarios.faults.fault import Fault
from stampede.scenarios.rate_limiting.flood import Flood
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.source import Statements


@dataclass(frozen=True, kw_only=True)
class QueryPlan:
    """One query of a scenario as it will be run. The article's table has one."""

    statements: dict[str, Any]
    """The fields of stampede.stack.postgres.source.Statements."""
    name: str = "users"
    """Its name in figures."""
    entity: str = "user"
    """The type in the names of its keys."""
    share: float = 1.0
    """Its share of the requests, 0 to 1."""
    read_share: float
    """Reads among its requests, 0 to 1."""
    ttl_s: float
    """Lifetime of its entries, in seconds."""
    accept_changed: tuple[str, ...] = ()
    """The columns that the cache may change."""

    @property
    def version_column(self) -> str | None:
        """The column that holds the version of its records; None: they have none."""
        column: str | None = self.statements.get("version_column")
        return column


@dataclass(frozen=True, kw_only=True)
class ScenarioPlan:
    """A scenario as it will be run."""

    name: str
    workload: Workload
    queries: tuple[QueryPlan, ...]
    """At least one, in the order of their positions."""
    window_s: float
    warm_up_s: float
    drain_s: float
    simulated_rtt_ns: int
    flood: Flood | None = None
    """The callers; only in scenarios of rate limiters."""
    fault: Fault | None = None
    """The fault that is injected in the middle of each cell."""
    cold: bool = False
    """Whether its cells begin with an empty cache."""
    check_after_drain: bool = False
    """Whether every written record is read again after the drain."""
    processes: int | None = None
    """How many of the application servers serve; None: all."""

    @property
    def session(self) -> dict[str, str]:
        """PostgreSQL settings of the sessions that run the statements."""
        settings: dict[str, str] = self.queries[0].statements.get("session") or {}
        return settings

    def with_statements(self, statements: dict[str, Any]) -> "ScenarioPlan":
        """A copy whose one query has these statements."""
        return replace(self, queries=(replace(self.queries[0], statements=statements),))


def query_plans(workload: Workload, statements: Sequence[Statements]) -> tuple[QueryPlan, ...]:
    """The queries of a workload with their statements, in the workload's order."""
    if not workload.queries:
        plan = QueryPlan(statements=asdict(statements[0]), read_share=workload.read_share, ttl_s=workload.ttl_s)
        own = workload.source
        if own is not None:
            plan = replace(plan, name=Path(own.file).stem, entity=own.entity, accept_changed=own.accept_changed)
        return (plan,)
    weights = sum(query.weight for query in workload.queries)
    return tuple(
        QueryPlan(
            statements=asdict(own),
            name=query.name or query.entity,
            entity=query.entity,
            share=query.weight / weights,
            read_share=workload.read_share if query.read_share is None else query.read_share,
            ttl_s=query.ttl_s or workload.ttl_s,
            accept_changed=query.accept_changed,
        )
        for query, own in zip(workload.queries, statements, strict=True)
    )


@dataclass(frozen=True, kw_only=True)
class CellPlan:
    """One cell that will be run."""

    id: int
    scenario: str
    contender: str
    round: int
    seed: int
    """The same for every contender of a scenario and round, so that keys and arrivals are the same."""
    predecessor: str | None


def cell_info(plan: CellPlan) -> CellInfo:
    """A planned cell as the run folder stores it."""
    return CellInfo(
        id=plan.id,
        scenario=plan.scenario,
        contender=plan.contender,
        round=plan.round,
        seed=plan.seed,
        predecessor=plan.predecessor,
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The configuration of the Locust processes of a run."""

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
    serializer: SerializerChoice = field(default_factory=SerializerChoice)
    """What the contenders store records with."""
    progress_fd: int | None = None
    """The file descriptor on which the master reports its progress, one JSON object a line."""
    bind: str = ""
    """HOST:PORT on which the bench waits for remote workers; empty: it starts its workers itself."""
    wait_s: float = 120.0
    """How long to wait for remote workers."""
    switch_fd: int | None = None
    """A socket over which the master requests faults: see stampede.loadtests.coordinator.fault_injection."""

    def scenario(self, name: str) -> ScenarioPlan:
        return next(s for s in self.scenarios if s.name == name)

    def contender_spec(self, name: str) -> ContenderSpec:
        return next(e for e in self.contender_specs if e.name == name)

    def with_scenario(self, scenario: ScenarioPlan) -> "RunConfig":
        """A copy with this scenario, which replaces one of the same name."""
        others = tuple(s for s in self.scenarios if s.name != scenario.name)
        return replace(self, scenarios=(*others, scenario))

    def write(self, path: Path) -> None:
        """Write the configuration. It contains passwords, so only the owner may read the file."""
        write_file(path, json.dumps(asdict(self)).encode())


def read_run_config(path: Path) -> RunConfig:
    """Read what `RunConfig.write` wrote. Raises msgspec.ValidationError for a value of another type."""
    return msgspec.json.decode(path.read_bytes(), type=RunConfig)


def run_config_from_json(data: dict[str, Any]) -> RunConfig:
    """The configuration from its JSON object. Raises msgspec.ValidationError, a ValueError."""
    return msgspec.convert(data, RunConfig)


def read_scenario(data: dict[str, Any]) -> ScenarioPlan:
    """A scenario's plan from its JSON object. Raises msgspec.ValidationError, a ValueError."""
    return msgspec.convert(data, ScenarioPlan)
