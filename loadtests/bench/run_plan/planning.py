"""Prepares a run: data, calibration, the orders for every Locust process, and the run folder."""

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stampede.core.files import SOURCES, new_run_folder
from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.preflight import LOOK_S, calibrate_machine, outlook, watch_machine, will_hurt
from stampede.loadtests.bench.run_plan.cell_plan import plan_cells
from stampede.loadtests.bench.run_plan.contenders import ContenderSpec
from stampede.loadtests.bench.run_plan.load_pricing import LoadPrices, carried_per_s, timer_floor, unpriced_statements
from stampede.loadtests.bench.run_plan.scenario_selection import (
    check_order,
    drop_unavailable,
    missing_contenders,
    remarks_on,
    rtt_of,
)
from stampede.loadtests.experiments.experiment import find_experiment
from stampede.loadtests.instrumentation.run_metadata import metadata
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan, cell_info
from stampede.loadtests.processes.connections_needed import require_room_for_bench
from stampede.run_folder.schema import RunInfo, ScenarioInfo
from stampede.run_folder.write import RunWriter
from stampede.scenarios.plans import WEB
from stampede.scenarios.scenario import Scenario
from stampede.scenarios.workload import Workload
from stampede.stack.postgres.dataset import ensure_dataset
from stampede.stack.postgres.source import Statements
from stampede.stack.servers import Remark, Stack

AUTO_SHARE = 0.5
"""Of what the slowest contender that must keep up can carry: queues stay short below it."""


def prepare_run(order: BenchConfig, stack: Stack, say: ReportProgress) -> tuple[RunConfig, RunInfo]:
    """Data, calibration, orders and a folder for a run on these servers."""
    spec, run = planned_run(order, stack, say)
    if order.bind:
        say(f"waiting {order.wait_s:g} s for {order.processes} workers: stampede worker --master {order.bind}")
    spec = replace(spec, folder=str(new_folder(order, datetime.fromisoformat(run.started_utc))))
    RunWriter(Path(spec.folder), run)
    return spec, run


def planned_run(order: BenchConfig, stack: Stack, say: ReportProgress) -> tuple[RunConfig, RunInfo]:
    """As `prepare_run`, without a folder."""
    watched = watch_machine(LOOK_S)  # before our own work makes the machine busy
    order, skipped = drop_unavailable(order, stack, say)
    scenarios, workloads, contender_specs = check_order(order)
    missing = missing_contenders(scenarios)
    first = workloads[0]
    require_room_for_bench(stack, order.processes, first.users_per_process, contender_specs)
    ensure_records(order, first, stack, say)
    prices = LoadPrices(stack, order.workload.file, say)
    planned = [
        plan_scenario(order, stack, scenario, workload, prices, say)
        for scenario, workload in zip(scenarios, workloads, strict=True)
    ]
    cells = [] if order.plan.name == WEB else plan_cells(order, contender_specs)
    spec = describe_orders(order, stack, first.users_per_process, contender_specs, [p.orders for p in planned], cells)
    preflight = check_machine(order, stack, watched, spec, say)
    remarks = [*stack.remarks, *skipped, *missing, *remarks_on(first)]
    run = describe_run(order, scenarios, contender_specs, [p.info for p in planned], cells, remarks)
    run.metadata = {**metadata(SOURCES), "servers": stack.as_dict(), **preflight}
    return spec, run


@dataclass(frozen=True, kw_only=True)
class PlannedScenario:
    """A scenario as it will run: the orders for the Locust processes, and its description for the run folder."""

    orders: ScenarioPlan
    info: ScenarioInfo


def ensure_records(order: BenchConfig, workload: Workload, stack: Stack, say: ReportProgress) -> None:
    """Make the table of users as large as the workload says. The user's own SQL reads rows of the user's."""
    if workload.sql is None:
        ensure_dataset(
            stack.postgres.url,
            records=workload.records,
            record_bytes=workload.record_bytes,
            seed=order.seed,
            ours=stack.ours,
            say=say,
        )


def plan_scenario(
    order: BenchConfig, stack: Stack, scenario: Scenario, wanted: Workload, prices: LoadPrices, say: ReportProgress
) -> PlannedScenario:
    """Resolve the workload, size the window, price a load and set the rate of one scenario."""
    workload = resolve_workload(order, wanted, stack)
    window_s = size_window(order, scenario, workload)
    statements, measured = price_load(scenario, workload, prices)
    workload, found = set_rate(order, scenario, workload, window_s, measured, say)
    measured |= found | timer_floor(workload)
    return PlannedScenario(
        orders=scenario_orders(scenario, workload, statements, window_s),
        info=describe_scenario(order, scenario, workload, window_s, measured),
    )


def resolve_workload(order: BenchConfig, wanted: Workload, stack: Stack) -> Workload:
    """The workload with its simulated RTT, and of closed clients with the most that they can ask for."""
    workload = replace(wanted, rtt_ms=rtt_of(order, wanted, stack))
    if workload.arrivals == "closed":
        workload = replace(workload, rate_per_s=workload.closed_rate_per_s(order.processes))
    return workload


def size_window(order: BenchConfig, scenario: Scenario, workload: Workload) -> float:
    """How long a window is, in seconds: a whole number of TTLs, or of a rate limit's windows."""
    if scenario.flood is not None:
        return scenario.flood.window_s * order.plan.flood_windows
    return scenario.window_ttls * workload.ttl_s * order.plan.windows


def price_load(scenario: Scenario, workload: Workload, prices: LoadPrices) -> tuple[Statements, dict[str, float]]:
    """The statements, and what a load was measured to cost. Where rate limiters run, nothing is loaded."""
    return prices.price(workload) if scenario.flood is None else (unpriced_statements(workload), {})


def set_rate(
    order: BenchConfig,
    scenario: Scenario,
    workload: Workload,
    window_s: float,
    measured: dict[str, float],
    say: ReportProgress,
) -> tuple[Workload, dict[str, float]]:
    """The workload at the rate that the run offers, in requests a second, and what that rate was derived from."""
    if scenario.flood is not None:
        calls = scenario.flood.calls(window_s, order.seed)[0]
        return replace(workload, rate_per_s=len(calls) / window_s), {}
    if order.rate_per_s is None:
        return workload, {}
    can = carried_per_s(workload, measured["load_ms"], order.processes, os.cpu_count() or 1)
    rate_per_s = AUTO_SHARE * can if math.isnan(order.rate_per_s) else order.rate_per_s
    workload = replace(workload, rate_per_s=min(20_000.0, round(rate_per_s)))
    say(f"{scenario.name}: {workload.rate_per_s:g} requests/s offered; no-cache can carry about {can:.0f}/s")
    return workload, {"carried_per_s": can}


def scenario_orders(scenario: Scenario, workload: Workload, statements: Statements, window_s: float) -> ScenarioPlan:
    """A scenario as the Locust processes read it."""
    return ScenarioPlan(
        name=scenario.name,
        workload=workload,
        statements=asdict(statements),
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
    order: BenchConfig, scenario: Scenario, workload: Workload, window_s: float, measured: dict[str, float]
) -> ScenarioInfo:
    """A scenario as the run folder stores it."""
    return ScenarioInfo(
        name=scenario.name,
        question=scenario.question,
        application=scenario.application,
        expectation=scenario.expectation,
        workload=workload.as_dict(),
        window_s=window_s,
        drain_s=scenario.drain_s,
        processes=min(order.processes, scenario.processes or order.processes),
        check_after_drain=scenario.check_after_drain,
        measured=measured,
        kind=scenario.kind,
        flood=None if scenario.flood is None else scenario.flood.as_dict(),
        fault=None if scenario.fault is None else scenario.fault.as_dict(),
        cold=scenario.cold,
        report_separately=scenario.report_separately,
        variant_of=scenario.variant_of,
    )


def check_machine(
    order: BenchConfig, stack: Stack, watched: tuple[float, float], spec: RunConfig, say: ReportProgress
) -> dict[str, Any]:
    """Calibrate the machine and say what will distort the figures; both for the run folder."""
    calibration = calibrate_machine(stack, watched, ceiling=order.plan.aa_copy)
    fastest_per_s = max(scenario.workload.rate_per_s for scenario in spec.scenarios)
    hurts = will_hurt(calibration, rate_per_s=fastest_per_s, processes=order.processes)
    say(outlook(hurts))
    return {"calibration": calibration.as_dict(), "outlook": hurts}


def describe_run(
    order: BenchConfig,
    scenarios: Sequence[Scenario],
    contender_specs: Sequence[ContenderSpec],
    infos: list[ScenarioInfo],
    cells: Sequence[CellPlan],
    remarks: Sequence[Remark],
) -> RunInfo:
    """The run as its folder stores it, begun now; its circumstances are added by the caller."""
    floods = {scenario.name: scenario.flood for scenario in scenarios if scenario.flood is not None}
    return RunInfo(
        plan=order.plan.name,
        rounds=order.plan.rounds,
        reference=order.reference,
        seed=order.seed,
        command=order.command,
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        scenarios=infos,
        contenders=[contender_spec.as_dict(floods) for contender_spec in contender_specs],
        cells=[cell_info(cell) for cell in cells],
        experiments=[find_experiment(name).as_dict() for name in order.plan.experiments],
        remarks=[asdict(remark) for remark in remarks],
    )


def describe_orders(
    order: BenchConfig,
    stack: Stack,
    users_per_process: int,
    contender_specs: Sequence[ContenderSpec],
    scenarios: Sequence[ScenarioPlan],
    cells: Sequence[CellPlan],
) -> RunConfig:
    """The orders for the Locust processes, without a folder."""
    return RunConfig(
        folder="",
        postgres_url=stack.postgres.url,
        redis_url=stack.redis.url,
        key_prefix=stack.key_prefix,
        processes=order.processes,
        users_per_process=users_per_process,
        seed=order.seed,
        contender_specs=tuple(contender_specs),
        scenarios=tuple(scenarios),
        cells=tuple(cells),
        bind=order.bind,
        wait_s=order.wait_s,
    )


def new_folder(order: BenchConfig, started: datetime) -> Path:
    """runs/<utc>-<plan>, made, as an absolute path. Raises ConfigError where it cannot be made."""
    return new_run_folder(order.runs, order.plan.name, started).resolve()
