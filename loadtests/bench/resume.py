"""Runs that go on: what a cut run still lacks, and more rounds of a finished one. Either way into the same folder."""

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
"""What may differ between the servers of two sittings."""
MACHINE = ("system", "cpu", "cores", "memory_bytes")


def resume_run(folder: Path, order: BenchConfig, stack: Stack, say: ReportProgress) -> RunConfig:
    """The orders for what a run lacks. `order`: as it was given the first time.

    Raises ConfigError where nothing is missing, or where the run would go on under other circumstances than it began.
    """
    run = read_run(folder)
    require(run.info.status != "finished", "resume", str(folder), "a run that was cut: this one is finished")
    spec, planned = planned_run(order, stack, say)
    differences = unlike(run.info, planned)
    if differences:
        raise ConfigError("resume", str(folder), f"the same run as was begun; {'; '.join(differences)}")
    done = {cell.id for cell in run.done}
    cells = tuple(order_of(cell) for cell in run.info.cells if cell.id not in done)
    require(bool(cells), "resume", str(folder), "a run with cells that are missing")
    say(f"going on with {len(cells)} of {len(run.info.cells)} cells")
    scenarios = tuple(as_calibrated(scenario, run) for scenario in spec.scenarios)
    run.info.cells = [c if c.status == "done" else cell_info(order_of(c)) for c in run.info.cells]
    reopen(folder, run.info)
    return replace(spec, folder=str(folder), cells=cells, scenarios=scenarios)


def recorded_words(folder: Path, *, urls_given: bool) -> list[str]:
    """The words of the command that began a run, behind the program's name. `urls_given`: of servers, for this time.

    Raises ConfigError where the run is finished, where no bench began it, or where it ran on the user's own servers and
    none are given: a run folder holds no password.
    """
    info = read_run(folder).info
    require(info.status != "finished", "resume", str(folder), "a run that was cut: this one is finished")
    words = shlex.split(info.command)
    require(words[:2] == ["stampede", "bench"], "resume", str(folder), "a run that stampede bench began")
    servers = info.metadata.get("servers", {})
    external = isinstance(servers, dict) and servers.get("stack") == "external"
    want = (
        "--postgres and --redis with it, or STAMPEDE_POSTGRES_URL and STAMPEDE_REDIS_URL set: the run was begun on "
        "servers of yours, and a run folder holds no password"
    )
    require(urls_given or not external, "resume", str(folder), want)
    return words[1:]


def order_of(cell: CellInfo) -> CellPlan:
    """As it was given: from the run folder, since a run that has grown holds more cells than its plan."""
    return CellPlan(
        id=cell.id,
        scenario=cell.scenario,
        contender=cell.contender,
        round=cell.round,
        seed=cell.seed,
        predecessor=cell.predecessor,
    )


def as_calibrated(scenario: ScenarioPlan, run: Run) -> ScenarioPlan:
    """With the load that the run was calibrated to when it began: cpu_rows and cpu_laps, so that a load is a load."""
    measured = next(s.measured for s in run.info.scenarios if s.name == scenario.name)
    extra = dict(scenario.statements.get("extra_params") or {})
    known = {name: round(measured[name]) for name in ("cpu_rows", "cpu_laps") if name in measured and name in extra}
    return replace(scenario, statements={**scenario.statements, "extra_params": {**extra, **known}})


def unlike(begun: RunInfo, planned: RunInfo) -> list[str]:
    """In what a run as planned now differs from one that was begun, where it matters; in words. One that has grown
    by rounds is like its plan where it begins as the plan does."""
    found = []
    for name in ("plan", "reference", "seed"):
        found += differing(name, getattr(begun, name), getattr(planned, name))
    found += differing("rounds", min(begun.rounds, planned.rounds), planned.rounds)
    then, now = begun.metadata, planned.metadata
    for name in ("commit", "clean", "python", "packages"):
        found += differing(name, then.get(name), now.get(name))
    machine, here = (metadata.get("machine", {}) for metadata in (then, now))
    found += differing("machine", {n: machine.get(n) for n in MACHINE}, {n: here.get(n) for n in MACHINE})
    found += differing("servers", lasting(then.get("servers", {})), lasting(now.get("servers", {})))
    for old, new in zip(begun.scenarios, planned.scenarios, strict=False):
        for name in ("name", "workload", "window_s", "drain_s", "processes", "flood", "fault", "cold"):
            found += differing(f"{old.name}'s {name}", getattr(old, name), getattr(new, name))
    found += differing("scenarios", [s.name for s in begun.scenarios], [s.name for s in planned.scenarios])
    found += differing("contenders", [c.name for c in begun.contenders], [c.name for c in planned.contenders])
    for mine, other in zip(begun.contenders, planned.contenders, strict=False):
        found += differing(f"{mine.name}'s config", mine.config, other.config)
    cells = [(c.id, c.scenario, c.contender, c.round, c.seed) for c in begun.cells[: len(planned.cells)]]
    found += differing("cells", cells, [(c.id, c.scenario, c.contender, c.round, c.seed) for c in planned.cells])
    return found


def differing(name: str, then: object, now: object) -> list[str]:
    """Nothing, or one line; of two dicts the first entry that differs."""
    if then == now:
        return []
    if isinstance(then, dict) and isinstance(now, dict):
        key = next(k for k in sorted({*then, *now}, key=str) if then.get(k) != now.get(k))
        return [f"{name}.{key} was {then.get(key)!r} and is {now.get(key)!r}"]
    if isinstance(then, list):
        return [f"{name} are not the same"]
    return [f"{name} was {then!r} and is {now!r}"]


def lasting(servers: dict[str, Any]) -> dict[str, Any]:
    """What a server is, without where it listens."""
    return {
        name: lasting(value) if isinstance(value, dict) else value
        for name, value in servers.items()
        if name not in ADDRESSES
    }


def more_rounds(spec: RunConfig, order: BenchConfig, rounds: int) -> RunConfig:
    """The orders for the rounds up to `rounds` that a finished run lacks."""
    folder = Path(spec.folder)
    info = read_run(folder).info
    last = max((cell.id for cell in info.cells), default=0)
    grown = replace(order, plan=replace(order.plan, rounds=rounds))
    fresh = [cell for cell in plan_cells(grown, spec.contender_specs) if cell.round > info.rounds]
    cells = tuple(replace(cell, id=last + number) for number, cell in enumerate(fresh, 1))
    info.cells += [cell_info(cell) for cell in cells]
    info.rounds = rounds
    reopen(folder, info)
    return replace(spec, cells=cells)


def reopen(folder: Path, info: RunInfo) -> None:
    info.status, info.finished_utc = "running", None
    RunWriter(folder, info)


def still_to_ask(folder: Path, plan: Plan) -> Plan:
    """The plan with those experiments only that the run has not done."""
    done = {experiment.name for experiment in read_run(folder).info.experiments if experiment.status == "done"}
    return replace(plan, experiments=tuple(name for name in plan.experiments if name not in done))
