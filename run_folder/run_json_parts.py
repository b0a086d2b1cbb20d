"""Checks of the free-form parts of run.json and races.json that reports read. The data stays plain dicts.

A part may contain more than its shape. A field that has a default here may be missing.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from stampede.core.errors import RunFolderError
from stampede.run_folder.json_objects import typed
from stampede.run_folder.schema import CellInfo, Count, RunInfo, ScenarioInfo, Seconds

LONGEST_S = 1e9
MOST_SUBJECTS = 1_000_000
Positive = Annotated[float, Meta(gt=0, le=1e12)]
"""A finite number above 0."""
Share = Annotated[float, Meta(ge=0, le=1)]


class WorkloadShape(Struct):
    """The workload of a scenario that has cells."""

    rate_per_s: Positive
    read_share: Share
    ttl_s: Annotated[float, Meta(gt=0, le=LONGEST_S)]
    users_per_process: Annotated[int, Meta(ge=1, le=1_000_000)]
    key_skew: Annotated[float, Meta(ge=0, le=100)] | None
    load_cpu_ms: Seconds
    load_wait_ms: Seconds
    arrivals: str = "poisson"
    records: Count = 0
    active_records: Count | None = None
    record_bytes: Count = 0
    rtt_ms: Seconds | None = None
    own_sql: bool = False
    versioned: bool = False


class TraceShape(Struct):
    file: str
    format: str
    speed: Positive
    sample: Annotated[float, Meta(gt=0, le=1)]
    start_s: Seconds
    parts: Annotated[int, Meta(ge=1, le=1_000_000)]
    part_s: Positive
    requests: Count
    records: Count
    left_out: Count = 0
    unknown_hits: Share = 0.0
    size_bytes: Seconds | None = None
    coarse: bool = False


class CallerGroupShape(Struct):
    profile: str
    subjects: Annotated[int, Meta(ge=1, le=MOST_SUBJECTS)]


class FloodShape(Struct):
    limit: Annotated[int, Meta(ge=1, lt=2**52)]
    window_s: Annotated[float, Meta(gt=0, le=LONGEST_S)]
    caller_groups: Annotated[list[CallerGroupShape], Meta(min_length=1, max_length=1000)]
    burst: Annotated[int, Meta(ge=1, lt=2**52)] | None = None


class FaultShape(Struct):
    what: str
    begins_share: Share
    lasts_share: Share
    loses_data: bool = False
    server: str = "Redis"


class StrictShape(Struct, tag_field="kind", tag="strict"):
    limit: Annotated[int, Meta(ge=1, lt=2**52)]
    window_s: Annotated[float, Meta(gt=0, le=LONGEST_S)]


class BucketShape(Struct, tag_field="kind", tag="bucket"):
    capacity: Annotated[int, Meta(ge=1, lt=2**52)]
    refill_per_s: Positive


class ClientShape(Struct):
    socket_timeout_s: Annotated[float, Meta(gt=0, le=LONGEST_S)] | None = None
    retries: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class ServerShape(Struct):
    name: str = ""
    version: str = ""
    settings: dict[str, Any] = {}
    allocator: str | None = None


class ServersShape(Struct):
    stack: str = ""
    why: str = ""
    postgres: ServerShape | None = None
    redis: ServerShape | None = None


class MachineShape(Struct):
    system: str = ""
    cpu: str = ""
    cores: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    memory_bytes: Count | None = None


class WorkersShape(Struct):
    machines: list[dict[str, Any]] = []


class MetadataShape(Struct):
    machine: MachineShape = msgspec.field(default_factory=MachineShape)
    python: str = ""
    packages: dict[str, str | None] = {}
    commit: str | None = None
    clean: bool | None = None
    servers: ServersShape = msgspec.field(default_factory=ServersShape)
    workers: WorkersShape = msgspec.field(default_factory=WorkersShape)


class ExploredShape(Struct):
    """A contender of races.json."""

    name: str
    summary: str = ""
    guarantees: list[str] = []
    file: str | None = None


class NamedServerShape(Struct):
    name: str
    version: str


class RacesServersShape(Struct):
    stack: str = ""
    postgres: NamedServerShape | None = None
    redis: NamedServerShape | None = None


class RacesMetadataShape(Struct):
    servers: RacesServersShape = msgspec.field(default_factory=RacesServersShape)


class RemarkShape(Struct):
    name: str
    what: str
    cost: str = ""


def check_races(contenders: list[dict[str, Any]], metadata: dict[str, Any], path: Path) -> None:
    """Raise RunFolderError if a free-form part of races.json does not have its shape."""
    typed(contenders, list[ExploredShape], path, "$.contenders")
    typed(metadata, RacesMetadataShape, path, "$.metadata")


def check_run(run: RunInfo, path: Path) -> None:
    """Raise RunFolderError if a free-form part does not have its shape, or if parts of the run are inconsistent."""
    typed(run.metadata, MetadataShape, path, "$.metadata")
    for number, remark in enumerate(run.remarks):
        typed(remark, RemarkShape, path, f"$.remarks[{number}]")
    in_use = {cell.scenario for cell in run.cells}
    for number, scenario in enumerate(run.scenarios):
        check_scenario(scenario, path, f"$.scenarios[{number}]", in_use=scenario.name in in_use)
    for number, contender in enumerate(run.contenders):
        typed(contender.client, ClientShape, path, f"$.contenders[{number}].client")
        for name, contract in contender.contracts.items():
            shape: Any = StrictShape | BucketShape
            typed(contract, shape, path, f"$.contenders[{number}].contracts.{name}")
    check_unique([s.name for s in run.scenarios], path, "$.scenarios", "name")
    check_unique([c.name for c in run.contenders], path, "$.contenders", "name")
    check_unique([e.name for e in run.experiments], path, "$.experiments", "name")
    check_unique([c.id for c in run.cells], path, "$.cells", "id")
    scenarios = {scenario.name: scenario for scenario in run.scenarios}
    contenders = {contender.name: contender for contender in run.contenders}
    for cell in run.cells:
        if cell.scenario not in scenarios or cell.contender not in contenders:
            raise RunFolderError(path, f"cell {cell.id}: {cell.scenario} × {cell.contender}", "a listed pair")
        check_times(cell, path)
        limiting = scenarios[cell.scenario].flood is not None
        if limiting and cell.scenario not in contenders[cell.contender].contracts:
            raise RunFolderError(
                path, f"{cell.contender} has no contract for {cell.scenario}", "the bound that it guarantees"
            )


def check_scenario(scenario: ScenarioInfo, path: Path, place: str, *, in_use: bool) -> None:
    if in_use:
        typed(scenario.workload, WorkloadShape, path, f"{place}.workload")
        if scenario.window_s <= 0:
            raise RunFolderError(path, f"{place}.window_s is {scenario.window_s:g}", "a window above 0 s")
    shapes: dict[str, type[Struct]] = {"flood": FloodShape, "fault": FaultShape, "trace": TraceShape}
    for name, shape in shapes.items():
        part = getattr(scenario, name)
        if part is not None:
            typed(part, shape, path, f"{place}.{name}")
    if (scenario.kind == "limiting") != (scenario.flood is not None):
        raise RunFolderError(path, f"{place}: kind {scenario.kind!r}", "limiting with a flood, else caching")


def check_unique(names: list[Any], path: Path, place: str, field: str) -> None:
    """Raise RunFolderError if a name occurs twice."""
    seen: dict[Any, int] = {}
    for number, name in enumerate(names):
        if name in seen:
            raise RunFolderError(path, f"{place}[{number}].{field} is {name!r} again", f"each {field} once")
        seen[name] = number


def check_times(cell: CellInfo, path: Path) -> None:
    """Raise RunFolderError if a cell that is done lacks an instant, or if its instants are not in order."""
    if cell.status != "done":
        return
    times = (cell.begin_ns, cell.window_start_ns, cell.window_end_ns, cell.deadline_ns)
    if None in times:
        raise RunFolderError(path, f"cell {cell.id} is done without its times", "begin, window and deadline")
    begin, start, end, deadline = (t or 0 for t in times)
    if not begin <= start < end <= deadline:
        raise RunFolderError(path, f"cell {cell.id}: its times go back", "begin, window and deadline in order")
