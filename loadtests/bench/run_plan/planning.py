"""Prepare a run: the data, the calibration, the run configuration for the Locust processes, and the run folder."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stampede.core.files import SOURCES, new_run_folder
from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.preflight import (
    WATCH_S,
    calibrate_machine,
    expected_problems,
    problem_line,
    watch_machine,
)
from stampede.loadtests.bench.run_plan.cell_plan import plan_cells, same_reads
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.bench.run_plan.load_pricing import (
    LoadPrices,
    OwnTrial,
    carried_per_s,
    timer_floor,
    unpriced_statements,
)
from stampede.loadtests.bench.run_plan.scenario_selection import (
    check_bench_config,
    drop_unavailable,
    missing_contenders,
    remarks_on,
    remarks_on_entries,
    remarks_on_storage,
    rtt_of,
)
from stampede.loadtests.experiments.experiment import find_experiment
from stampede.loadtests.instrumentation.run_metadata import metadata
from stampede.loadtests.locustfiles.run_config import (
    CellPlan,
    QueryPlan,
    RunConfig,
    ScenarioPlan,
    cell_info,
    query_plans,
)
from stampede.loadtests.processes.connections_needed import require_room_for_bench
from stampede.run_folder.schema import QueryInfo, RunInfo, ScenarioInfo
from stampede.run_folder.write import RunWriter
from stampede.scenarios.plans import WEB
from stampede.scenarios.scenario import Scenario
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.postgres.source import Statements
from stampede.stack.servers import Remark, Stack

AUTO_SHARE = 0.5
"""`--rate auto` offers this share of what the slowest contender can carry: queues stay short below it."""


def prepare_run(config: BenchConfig, stack: Stack, say: ReportProgress) -> tuple[RunConfig, RunInfo]:
    """Make the data, calibrate, and make the run configuration and the folder for a run on these servers."""
    run_config, run = planned_run(config, stack, say)
    if config.bind:
        say(f"waiting up to {config.wait_s:g} s for {config.processes} workers: stampede worker --master {config.bind}")
    run_config = replace(run_config, folder=str(new_folder(config, datetime.fromisoformat(run.started_utc))))
    RunWriter(Path(run_config.folder), run)
    return run_config, run


def planned_run(config: BenchConfig, stack: Stack, say: ReportProgress) -> tuple[RunConfig, RunInfo]:
    """As `prepare_run`, without a folder."""
    watched = watch_machine(WATCH_S)  # first, because the steps below use the CPU
    config, skipped = drop_unavailable(config, stack, say)
    scenarios, workloads, contender_specs = check_bench_config(config)
    missing = missing_contenders(scenarios)
    first = workloads[0]
    require_room_for_bench(stack, config.processes, first.users_per_process, contender_specs)
    ensure_records(config, first, stack, say)
    writes = any(workload.read_share < 1 for workload in workloads)
    trial = OwnTrial(file=config.workload.file, serializer=config.serializer, writes=writes)
    prices = LoadPrices(stack, trial, say)
    planned = [
        plan_scenario(config, stack, scenario, workload, prices, say)
        for scenario, workload in zip(scenarios, workloads, strict=True)
    ]
    for scenario, each in zip(scenarios, planned, strict=True):
        each.info.same_as = same_reads(config, scenario, contender_specs)
    cells = [] if config.plan.name == WEB else plan_cells(config, contender_specs)
    run_config = make_run_config(
        config, stack, first.users_per_process, contender_specs, [p.plan for p in planned], cells
    )
    preflight = check_machine(config, stack, watched, run_config, say)
    remarks = [*stack.remarks, *skipped, *missing, *remarks_on(first), *remarks_on_entries(scenarios, workloads)]
    remarks += remarks_on_storage(config)
    run = describe_run(config, scenarios, contender_specs, [p.info for p in planned], cells, remarks)
    run.accepted_changes = trial.accepted
    run.metadata = {**metadata(SOURCES), "servers": stack.as_dict(), **preflight}
    return run_config, run


@dataclass(frozen=True, kw_only=True)
class PlannedScenario:
    """A scenario as it will run: its plan for the Locust processes, and its description for the run folder."""

    plan: ScenarioPlan
    info: ScenarioInfo


def ensure_records(config: BenchConfig, workload: Workload, stack: Stack, say: ReportProgress) -> None:
    """Make the table of users as large as the workload says. If the user brought SQL, it reads the user's own rows."""
    if not workload.own_sql:
        ensure_dataset(
            stack.postgres.url,
            records=workload.records,
            record_bytes=workload.record_bytes,
            seed=config.seed,
            managed=stack.managed,
            say=say,
        )


def plan_scenario(
    config: BenchConfig, stack: Stack, scenario: Scenario, requested: Workload, prices: LoadPrices, say: ReportProgress
) -> PlannedScenario:
    """Resolve the workload, size the window, price a load and set the rate of one scenario."""
    workload = resolve_workload(config, requested, stack)
    window_s = size_window(config, scenario, workload)
    statements, measured = price_load(scenario, workload, prices)
    workload, found = set_rate(config, scenario, workload, window_s, measured, say)
    measured |= found | timer_floor(workload)
    queries = query_plans(workload, statements)
    return PlannedScenario(
        plan=scenario_plan(scenario, workload, queries, window_s),
        info=describe_scenario(config, scenario, workload, queries, window_s, measured),
    )


def resolve_workload(config: BenchConfig, requested: Workload, stack: Stack) -> Workload:
    """The workload with its simulated RTT and, for closed clients, the highest rate that they can reach."""
    workload = replace(requested, rtt_ms=rtt_of(config, requested, stack))
    if workload.arrivals == "closed":
        workload = replace(workload, rate_per_s=workload.closed_rate_per_s(config.processes))
    return workload


def size_window(config: BenchConfig, scenario: Scenario, workload: Workload) -> float:
    """The length of a window in seconds: the scenario's own, whole TTLs, or whole windows of the rate limit."""
    if scenario.flood is not None:
        return scenario.flood.window_s * config.plan.flood_windows
    return scenario.caching_window_s(workload.ttl_s) * config.plan.windows


def price_load(scenario: Scenario, workload: Workload, prices: LoadPrices) -> tuple[list[Statements], dict[str, float]]:
    """The statements and the measured cost of a load. Scenarios for rate limiters load nothing."""
    return prices.price(workload) if scenario.flood is None else (unpriced_statements(workload), {})


def set_rate(
    config: BenchConfig,
    scenario: Scenario,
    workload: Workload,
    window_s: float,
    measured: dict[str, float],
    say: ReportProgress,
) -> tuple[Workload, dict[str, float]]:
    """The workload at the offered rate, in requests a second, and the figure from which that rate was derived."""
    if scenario.flood is not None:
        calls = scenario.flood.calls(window_s, config.seed)[0]
        return replace(workload, rate_per_s=len(calls) / window_s), {}
    if config.rate_per_s is None:
        return workload, {}
    can = carried_per_s(workload, measured["load_ms"], config.processes, os.cpu_count() or 1)
    rate_per_s = AUTO_SHARE * can if math.isnan(config.rate_per_s) else config.rate_per_s
    workload = replace(workload, rate_per_s=min(20_000.0, round(rate_per_s)))
    say(f"{scenario.name}: {workload.rate_per_s:g} requests/s offered; no-cache can carry about {can:.0f}/s")
    return workload, {"carried_per_s": can}


def scenario_plan(
    scenario: Scenario, workload: Workload, queries: tuple[QueryPlan, ...], window_s: float
) -> ScenarioPlan:
    """A scenario as the Locust processes read it."""
    return ScenarioPlan(
        name=scenario.name,
        workload=workload,
        queries=queries,
        window_s=window_s,
        warm_up_s=scenario.warm_up_s,
        drain_s=scenario.drain_s,
        simulated_rtt_ns=round((workload.rtt_ms or 0) * 1e6),
        flood=scenario.flood,
        fault=scenario.fault,
        cold=scenario.cold,
        check_after_drain=scenario.check_after_drain,
        processes=scenario.processes,
    )


def describe_scenario(
    config: BenchConfig,
    scenario: Scenario,
    workload: Workload,
    queries: tuple[QueryPlan, ...],
    window_s: float,
    measured: dict[str, float],
) -> ScenarioInfo:
    """A scenario as the run folder stores it."""
    return ScenarioInfo(
        name=scenario.name,
        question=scenario.question,
        application=scenario.application,
        expectation=scenario.expectation,
        workload=workload.as_dict(),
        queries=query_infos(queries, workload, measured),
        window_s=window_s,
        drain_s=scenario.drain_s,
        processes=min(config.processes, scenario.processes or config.processes),
        check_after_drain=scenario.check_after_drain,
        measured=measured,
        kind=scenario.kind,
        flood=None if scenario.flood is None else scenario.flood.as_dict(),
        fault=None if scenario.fault is None else scenario.fault.as_dict(),
        cold=scenario.cold,
        report_separately=scenario.report_separately,
        variant_of=scenario.variant_of,
    )


def query_infos(queries: Sequence[QueryPlan], workload: Workload, measured: Mapping[str, float]) -> list[QueryInfo]:
    """The queries of a scenario as the run folder stores them. Empty: there is one, and its figures are the totals."""
    found: list[QueryInfo] = []
    for query in queries if len(queries) > 1 else ():
        first = found[-1].first_position + found[-1].records if found else 0
        found.append(
            QueryInfo(
                name=query.name,
                entity=query.entity,
                share=query.share,
                read_share=query.read_share,
                ttl_s=query.ttl_s,
                first_position=first,
                records=int(min(measured.get(f"ids@{query.name}", 0), workload.active_records or math.inf)),
            )
        )
    return found


def check_machine(
    config: BenchConfig, stack: Stack, watched: tuple[float, float], run_config: RunConfig, say: ReportProgress
) -> dict[str, Any]:
    """Calibrate the machine and print what will distort the figures. Returns both for the run folder."""
    calibration = calibrate_machine(stack, watched, ceiling=config.plan.aa_copy)
    fastest_per_s = max(scenario.workload.rate_per_s for scenario in run_config.scenarios)
    problems = expected_problems(calibration, rate_per_s=fastest_per_s, processes=config.processes)
    say(problem_line(problems))
    return {"calibration": calibration.as_dict(), "outlook": problems}


def describe_run(
    config: BenchConfig,
    scenarios: Sequence[Scenario],
    contender_specs: Sequence[ContenderSpec],
    infos: list[ScenarioInfo],
    cells: Sequence[CellPlan],
    remarks: Sequence[Remark],
) -> RunInfo:
    """The run as its folder stores it, begun now. The caller adds its environment."""
    floods = {scenario.name: scenario.flood for scenario in scenarios if scenario.flood is not None}
    return RunInfo(
        plan=config.plan.name,
        rounds=config.plan.rounds,
        reference=config.reference,
        seed=config.seed,
        command=config.command,
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        scenarios=infos,
        contenders=[contender_spec.as_dict(floods) for contender_spec in contender_specs],
        cells=[cell_info(cell) for cell in cells],
        experiments=[find_experiment(name).as_dict() for name in config.plan.experiments],
        remarks=[asdict(remark) for remark in remarks],
        serializer=config.serializer.name,
        serializer_file=config.serializer.file,
    )


def make_run_config(
    config: BenchConfig,
    stack: Stack,
    users_per_process: int,
    contender_specs: Sequence[ContenderSpec],
    scenarios: Sequence[ScenarioPlan],
    cells: Sequence[CellPlan],
) -> RunConfig:
    """The run configuration for the Locust processes, without a folder."""
    return RunConfig(
        folder="",
        postgres_url=stack.postgres.url,
        redis_url=stack.redis.url,
        key_prefix=stack.key_prefix,
        processes=config.processes,
        users_per_process=users_per_process,
        seed=config.seed,
        contender_specs=tuple(contender_specs),
        scenarios=tuple(scenarios),
        cells=tuple(cells),
        serializer=config.serializer,
        bind=config.bind,
        wait_s=config.wait_s,
    )


def new_folder(config: BenchConfig, started: datetime) -> Path:
    """Make runs/<utc>-<plan>; returns its absolute path. Raises ConfigError if it cannot be made."""
    return new_run_folder(config.runs, config.plan.name, started).resolve()
