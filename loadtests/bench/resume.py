"""Resume a run in its folder: run the missing cells of a cut run, or add rounds to a finished one."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.cell_plan import plan_cells
from stampede.loadtests.bench.run_plan.planning import planned_run
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan, cell_info
from stampede.run_folder.read import Run, read_run
from stampede.run_folder.schema import CellInfo, RunInfo
from stampede.run_folder.write import RunWriter
from stampede.scenarios.plans import Plan
from stampede.stack.servers import Stack

ADDRESSES = frozenset({"url", "port", "why"})
"""Fields of the servers that may differ when a run is resumed."""
MACHINE = ("system", "cpu", "cores", "memory_bytes")
COMPARED = ("name", "workload", "queries", "window_s", "drain_s", "processes", "flood", "fault", "cold", "trace")
"""Fields of a scenario that must be equal when a run is resumed."""


def resume_run(folder: Path, config: BenchConfig, stack: Stack, say: ReportProgress) -> RunConfig:
    """The run configuration for the cells that a run lacks. `config`: as it was given the first time.

    Raises ConfigError if nothing is missing, or if the environment differs from the one in which the run began.
    """
    run = read_run(folder)
    require(run.info.status != "finished", "resume", str(folder), "a run that was cut: this one is finished")
    run_config, planned = planned_run(config, stack, say)
    differences = run_differences(run.info, planned)
    if differences:
        raise ConfigError("resume", str(folder), f"the same run as the one that began; {'; '.join(differences)}")
    done = {cell.id for cell in run.done}
    cells = tuple(cell_plan(cell) for cell in run.info.cells if cell.id not in done)
    require(bool(cells), "resume", str(folder), "a run with cells that are missing")
    say(f"going on with {len(cells)} of {len(run.info.cells)} cells")
    scenarios = tuple(as_calibrated(scenario, run) for scenario in run_config.scenarios)
    run.info.cells = [c if c.status == "done" else cell_info(cell_plan(c)) for c in run.info.cells]
    reopen(folder, run.info)
    return replace(run_config, folder=str(folder.resolve()), cells=cells, scenarios=scenarios)


def recorded_arguments(folder: Path, *, urls_given: bool) -> list[str]:
    """The arguments of the command that began a run. `urls_given`: whether this command names the user's servers.

    Raises ConfigError if the run is finished, if no bench began it, or if it ran on the user's own servers and this
    command does not name them: a run folder holds no password.
    """
    info = read_run(folder).info
    require(info.status != "finished", "resume", str(folder), "a run that was cut: this one is finished")
    words = shlex.split(info.command)
    require(words[:2] == ["stampede", "bench"], "resume", str(folder), "a run that stampede bench began")
    servers = info.metadata.get("servers", {})
    external = isinstance(servers, dict) and servers.get("stack") == "external"
    want = (
        "--postgres and --redis too, or STAMPEDE_POSTGRES_URL and STAMPEDE_REDIS_URL in the environment: the run began "
        "on your own servers, and a run folder holds no password"
    )
    require(urls_given or not external, "resume", str(folder), want)
    return words[1:]


def cell_plan(cell: CellInfo) -> CellPlan:
    """The plan of a cell, from the run folder: a run with added rounds holds more cells than its plan."""
    return CellPlan(
        id=cell.id,
        scenario=cell.scenario,
        contender=cell.contender,
        round=cell.round,
        seed=cell.seed,
        predecessor=cell.predecessor,
    )


def as_calibrated(scenario: ScenarioPlan, run: Run) -> ScenarioPlan:
    """The scenario with cpu_rows and cpu_laps as calibrated when the run began, so that its loads cost the same."""
    measured = next(s.measured for s in run.info.scenarios if s.name == scenario.name)
    statements = scenario.queries[0].statements
    extra = dict(statements.get("extra_params") or {})
    known = {name: round(measured[name]) for name in ("cpu_rows", "cpu_laps") if name in measured and name in extra}
    if not known:
        return scenario
    return scenario.with_statements({**statements, "extra_params": {**extra, **known}})


def run_differences(begun: RunInfo, planned: RunInfo) -> list[str]:
    """What differs between a run as planned now and the run that began, if it matters, in words.

    A run with added rounds equals its plan if it begins as the plan does.
    """
    found = []
    for name in ("plan", "reference", "seed", "serializer"):
        found += difference(name, getattr(begun, name), getattr(planned, name))
    found += difference("rounds", min(begun.rounds, planned.rounds), planned.rounds)
    then, now = begun.metadata, planned.metadata
    for name in ("commit", "clean", "python", "packages"):
        found += difference(name, then.get(name), now.get(name))
    machine, here = (metadata.get("machine", {}) for metadata in (then, now))
    found += difference("machine", {n: machine.get(n) for n in MACHINE}, {n: here.get(n) for n in MACHINE})
    found += difference(
        "servers", without_addresses(then.get("servers", {})), without_addresses(now.get("servers", {}))
    )
    for old, new in zip(begun.scenarios, planned.scenarios, strict=False):
        for name in COMPARED:
            found += difference(f"{old.name}'s {name}", getattr(old, name), getattr(new, name))
    found += difference("scenarios", [s.name for s in begun.scenarios], [s.name for s in planned.scenarios])
    found += difference("contenders", [c.name for c in begun.contenders], [c.name for c in planned.contenders])
    for mine, other in zip(begun.contenders, planned.contenders, strict=False):
        found += difference(f"{mine.name}'s config", mine.config, other.config)
    cells = [(c.id, c.scenario, c.contender, c.round, c.seed) for c in begun.cells[: len(planned.cells)]]
    found += difference("cells", cells, [(c.id, c.scenario, c.contender, c.round, c.seed) for c in planned.cells])
    return found


def difference(name: str, then: object, now: object) -> list[str]:
    """Empty, or one line that names the difference; for two dicts, their first entry that differs.

    Values compare as run.json holds them: a tuple equals the list with the same elements.
    """
    then, now = as_json(then), as_json(now)
    if then == now:
        return []
    if isinstance(then, dict) and isinstance(now, dict):
        key = next(k for k in sorted({*then, *now}, key=str) if then.get(k) != now.get(k))
        return [f"{name}.{key} was {then.get(key)!r} and is {now.get(key)!r}"]
    if isinstance(then, list):
        return [f"{name} are not the same"]
    return [f"{name} was {then!r} and is {now!r}"]


def as_json(value: object) -> Any:
    """The value with tuples as lists, at every level."""
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    return [as_json(each) for each in value] if isinstance(value, list | tuple) else value


def without_addresses(servers: dict[str, Any]) -> dict[str, Any]:
    """The description of servers without their addresses."""
    return {
        name: without_addresses(value) if isinstance(value, dict) else value
        for name, value in servers.items()
        if name not in ADDRESSES
    }


def more_rounds(run_config: RunConfig, config: BenchConfig, rounds: int) -> RunConfig:
    """The run configuration for the rounds up to `rounds` that a finished run lacks."""
    folder = Path(run_config.folder)
    info = read_run(folder).info
    last = max((cell.id for cell in info.cells), default=0)
    grown = replace(config, plan=replace(config.plan, rounds=rounds))
    fresh = [cell for cell in plan_cells(grown, run_config.contender_specs) if cell.round > info.rounds]
    cells = tuple(replace(cell, id=last + number) for number, cell in enumerate(fresh, 1))
    info.cells += [cell_info(cell) for cell in cells]
    info.rounds = rounds
    reopen(folder, info)
    return replace(run_config, cells=cells)


def reopen(folder: Path, info: RunInfo) -> None:
    """Mark the run in this folder as running."""
    info.status, info.finished_utc = "running", None
    RunWriter(folder, info)


def with_remaining_experiments(folder: Path, plan: Plan) -> Plan:
    """The plan with only those experiments that the run has not finished."""
    done = {experiment.name for experiment in read_run(folder).info.experiments if experiment.status == "done"}
    return replace(plan, experiments=tuple(name for name in plan.experiments if name not in done))
