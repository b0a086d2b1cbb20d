"""Runs a bench of a web service: cells in random order, round after round, and their files in a run folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stampede.core.errors import BenchFailed, StackError
from stampede.core.files import new_run_folder
from stampede.loadtests.bench.duration_estimate import CELL_OVERHEAD_S, format_duration
from stampede.loadtests.bench.run_bench import close_run
from stampede.loadtests.bench.service.accounts.service_accounts import (
    AccountedServers,
    accounts_of_cell,
    inspect_servers,
    other_clients,
)
from stampede.loadtests.bench.service.accounts.statement_sampler import query_rows
from stampede.loadtests.bench.service.calls.service_load import FIRST_NUMBER, ServiceLoad, draw_calls
from stampede.loadtests.bench.service.calls.service_preflight import check_service
from stampede.loadtests.bench.service.calls.service_target import ServiceTarget
from stampede.loadtests.bench.service.compared_service import compared_services, servers_of
from stampede.loadtests.bench.service.service_config import (
    ServiceBenchConfig,
    ServiceScenario,
    chosen_scenarios,
)
from stampede.loadtests.bench.service.service_run_info import contender_infos, new_cells, run_info
from stampede.loadtests.coordinator.probes.host_counters import meter_rows
from stampede.loadtests.instrumentation.clock import ThreadClock, now_ns
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.instrumentation.recorder import read_batch
from stampede.run_folder.schema import CellInfo
from stampede.run_folder.write import RunWriter
from stampede.stack.provision import open_servers
from stampede.stack.servers import Stack

START_LEAD_NS = 20_000_000
NUMBERS_A_CELL = 1_000_000

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class CalledService:
    """A service that gets the requests of a cell, and the servers behind it."""

    target: ServiceTarget
    servers: AccountedServers


@dataclass(frozen=True, kw_only=True)
class PreparedServices:
    """Everything that the cells of a run need."""

    services: dict[tuple[str, str], CalledService]
    """By scenario and contender."""
    scenarios: list[ServiceScenario]
    stack: Stack | None
    load_ms: dict[str, float]
    """The time of one load of the comparison, by scenario."""


def run_service_bench(
    config: ServiceBenchConfig, say: Say, begun: Callable[[Path], None], suite: Stack | None = None
) -> Path:
    """Run every cell and return the run folder. `begun` gets the folder as soon as it exists.

    `suite`: servers for the comparison; None: they are started here.

    Raises ConfigError before the folder is made; BenchFailed afterwards. The finished cells stay in each case.
    """
    check_service(config.target)
    scenarios, skipped = chosen_scenarios(config)
    for remark in skipped:
        say(remark.what)
    own = inspect_servers(config.postgres_url, config.redis_url)
    found = [*own.remarks, *other_clients(own)]
    for remark in found:
        say(f"{remark.what}: {remark.cost}")
    if not config.target.is_local:
        say(f"requests go over the network to {config.target.base}: response times include it")
    with prepared(config, scenarios, own, suite, say) as services:
        started = datetime.now(UTC)
        folder = new_run_folder(config.runs, "service", started).resolve()
        run = run_info(config, services.scenarios, services.load_ms, own, services.stack, [*found, *skipped])
        run.contenders = contender_infos(config)
        run.cells = new_cells(config, [s.scenario.name for s in scenarios])
        spans_s = {each.scenario.name: each.span_s + CELL_OVERHEAD_S for each in scenarios}
        lasts = format_duration(sum(spans_s[cell.scenario] for cell in run.cells))
        say(f"plan {config.plan}: {len(run.cells):,} cells, about {lasts}")
        writer = RunWriter(folder, run)
        begun(folder)
        run_cells(config, services, writer, say)
    return folder


@contextmanager
def prepared(
    config: ServiceBenchConfig, scenarios: list[ServiceScenario], own: AccountedServers, suite: Stack | None, say: Say
) -> Iterator[PreparedServices]:
    """The services of all cells, with the comparison started."""
    services = {}
    with ExitStack() as opened:
        stack: Stack | None = None
        load_ms: dict[str, float] = {}
        if config.compared_with:
            stack = suite or opened.enter_context(open_servers(config.stack, say=say))
            say(f"the comparison {config.compared_with} runs on {stack.first_line()}")
            targets, load_ms = opened.enter_context(compared_services(config, scenarios, stack, say))
            behind = servers_of(stack)
            for name, target in targets.items():
                services[name, config.served] = CalledService(target=target, servers=behind)
        for each in scenarios:
            for contender in contender_infos(config):
                key = (each.scenario.name, contender.name)
                services.setdefault(key, CalledService(target=config.target, servers=own))
        yield PreparedServices(services=services, scenarios=scenarios, stack=stack, load_ms=load_ms)


def run_cells(config: ServiceBenchConfig, services: PreparedServices, writer: RunWriter, say: Say) -> None:
    """Run the cells one after the other. However this ends, the folder says how."""
    status, why = "failed", ""
    scenarios = {each.scenario.name: each for each in services.scenarios}
    shown = 0
    try:
        for cell in writer.run.cells:
            if cell.round > shown:
                shown = cell.round
                say(f"round {cell.round} of {config.rounds}")
            run_cell(cell, scenarios[cell.scenario], services.services[cell.scenario, cell.contender], writer)
            writer.save()
        status = "finished"
    except KeyboardInterrupt:
        status = "cut"
        raise
    except (StackError, OSError) as lost:
        why = str(lost)
        raise BenchFailed(why) from lost
    finally:
        close_run(writer.folder, status, why)


def run_cell(cell: CellInfo, scenario: ServiceScenario, service: CalledService, writer: RunWriter) -> None:
    """Send the requests of one cell and write its files."""
    calls = draw_calls(scenario.workload, len(service.target.ids), scenario.span_s, cell.seed)
    load = ServiceLoad(service.target, calls, FIRST_NUMBER + cell.id * NUMBERS_A_CELL)
    meter = Meter(ThreadClock())
    with accounts_of_cell(service.servers, cell.id) as accounts:
        before = meter.account()
        set_instants(cell, scenario)
        assert cell.begin_ns is not None
        assert cell.window_start_ns is not None
        assert cell.deadline_ns is not None
        load.run(cell.begin_ns, cell.window_start_ns, cell.deadline_ns)
        after = meter.account()
    accounts.servers += meter_rows(cell.id, "process-0", before, after)
    reads = calls.operations.count("read")
    for row in query_rows(accounts.queries, accounts.mean_ms, reads, cell.window_start_ns):
        load.recorder.keep(row)
    samples = read_batch(load.recorder.take_batch(cell.id, cell.scenario, cell.contender, cell.round))
    writer.add_cell(cell.id, samples, accounts.servers, accounts.timeline)
    cell.status = "done"


def set_instants(cell: CellInfo, scenario: ServiceScenario) -> None:
    """The begin of the cell, soon, and the instants that follow from it."""
    cell.begin_ns = now_ns() + START_LEAD_NS
    cell.window_start_ns = cell.begin_ns + round(scenario.warm_up_s * 1e9)
    cell.window_end_ns = cell.window_start_ns + round(scenario.window_s * 1e9)
    cell.deadline_ns = cell.window_end_ns + round(scenario.drain_s * 1e9)
