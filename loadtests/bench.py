"""A bench from the front: the stack, the data, the calibration, the Locust processes, the progress, the run folder.

The cells themselves are run by the conductor in Locust's master; this process starts it, listens, and cleans up.
"""

import json
import math
import os
import random
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from artefact.read import read_run
from artefact.schema import RunInfo, ScenarioInfo
from artefact.write import RunWriter
from core.errors import BenchFailed, RunFolderError
from core.files import REPO, new_run_folder
from core.network import free_port
from core.private import empty_file
from core.text import Say
from loadtests.calibration import LOOK_S, calibrate_machine, outlook, watch_machine, will_hurt
from loadtests.celery_process import CeleryProcess
from loadtests.circumstances import circumstances
from loadtests.clock import machine_floor_ns
from loadtests.conductor import cell_info
from loadtests.elsewhere import read_address
from loadtests.ending import (
    CUT_GRACE_S,
    ENDING_S,
    GRACE_S,
    close_run,
    end_processes,
    how_a_server_ended,
    how_a_worker_ended,
    how_master_ended,
    recorded_why,
    trouble,
)
from loadtests.experiments.experiment import find_experiment
from loadtests.imports import check_imports, worker_environment
from loadtests.lineup import Entrant, line_up, why_missing
from loadtests.logs import hide_secrets
from loadtests.outage import doings, serve_asked
from loadtests.room import require_room_for_bench
from loadtests.rulers import EDGE_RULERS
from loadtests.spec import CellOrder, ScenarioOrder, Spec
from patterns.catalogue import limiters
from patterns.errors import ConfigError, require
from patterns.serializing.json import Json
from scenarios.plans import WEB, Plan
from scenarios.scenario import Scenario, find_scenario
from scenarios.workload import Workload, WorkloadFile
from stack.calibrate import calibrate, load_alone_ms
from stack.dataset import ensure_dataset
from stack.postgres import connect
from stack.postgres_rights import require_writable
from stack.servers import Remark, Stack
from stack.source import Statements, default_statements, own_statements
from stack.trial import try_own_sql

OURS_RTT_MS = 0.5
"""Simulated distance on servers that we started: one zone."""

OnEvent = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class BenchOrder:
    """What the user asked for."""

    plan: Plan
    workload: WorkloadFile = field(default_factory=WorkloadFile)
    contenders: tuple[str, ...] = ()
    """Which of ours; none: all."""
    own_contenders: tuple[str, ...] = ()
    """Paths of the user's files."""
    reference: str = "cache-aside"
    processes: int = 2
    rtt_ms: float | None = None
    """Overrides the workload's distance."""
    seed: int = 1
    runs: Path = Path("runs")
    command: str = "stampede bench"
    bind: str = ""
    """HOST:PORT where that many workers from other machines are awaited; empty: they are started here."""
    wait_s: float = 120.0
    """How long."""
    may_configure: bool = False
    """Experiments may do to the user's Redis what otherwise only our own is put to."""
    rate_per_s: float | None = None
    """Overrides the workload's in caching scenarios; nan: AUTO_SHARE of what the slowest contender can carry."""

    def __post_init__(self) -> None:
        require(1 <= self.processes <= 64, "processes", self.processes, "1 to 64")
        require(self.rtt_ms is None or 0 <= self.rtt_ms <= 1000, "rtt", self.rtt_ms, "0 to 1,000 ms")
        require(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")


LEAST_REQUESTS = 10
"""Expected in a window: fewer would often be none, and a cell without a request says nothing."""
AUTO_SHARE = 0.5
"""Of what the slowest contender that must keep up can carry: queues stay short below it."""


def offered_rate(text: str | None) -> float | None:
    """A number, or nan for auto. Raises ConfigError."""
    if text is None or text == "auto":
        return None if text is None else math.nan
    try:
        rate_per_s = float(text)
    except ValueError:
        rate_per_s = 0.0
    require(0 < rate_per_s <= 20_000, "rate", text, "requests a second, above 0 to 20,000, or auto")
    return rate_per_s


def carried_per_s(workload: Workload, load_ms: float, processes: int, cores: int) -> float:
    """What a contender that loads on every read can carry: the database's half of the cores, or all threads loading."""
    of_cores = 0.5 * cores * 1e3 / workload.load_cpu_ms if workload.load_cpu_ms else math.inf
    return min(of_cores, processes * workload.users_per_process * 1e3 / load_ms)


def check_order(order: BenchOrder) -> tuple[list[Scenario], list[Workload], list[Entrant]]:
    """Everything that can be found wrong before a server is started. Raises ConfigError."""
    for name in order.plan.experiments:
        find_experiment(name)
    scenarios = [find_scenario(name).limited(order.workload.limits) for name in order.plan.scenarios]
    if not scenarios:
        return [], [], []
    workloads = [order.workload.applied(s.name, s.overrides) for s in scenarios]
    first = workloads[0]
    for workload in workloads:
        for name in ("records", "record_bytes", "sql", "users_per_process"):
            value = getattr(workload, name)
            require(value == getattr(first, name), name, value, "one value for all scenarios")
    for scenario, workload in zip(scenarios, workloads, strict=True):
        check_requests(order, scenario, workload)
    named = {name: None for scenario in scenarios for name in scenario.contenders or () if not why_missing(name)}
    ours = (*order.plan.contenders, *limiters(), *named) if order.plan.contenders else ()
    entrants = line_up(
        order.contenders or ours,
        order.own_contenders,
        reference=order.reference,
        twin=order.plan.twin,
        families={scenario.kind for scenario in scenarios},
    )
    check_imports(order.own_contenders)
    return scenarios, workloads, entrants


def check_requests(order: BenchOrder, scenario: Scenario, workload: Workload) -> None:
    """Raise ConfigError where a window of a caching scenario would see hardly a request."""
    if scenario.flood is not None:
        return
    window_s = scenario.window_ttls * workload.ttl_s * order.plan.windows
    rate_per_s, name = workload.rate_per_s, "rate_per_s"
    if workload.arrivals == "closed":
        rate_per_s, name = workload.closed_rate_per_s(order.processes), "think_s"
    elif order.rate_per_s is not None and not math.isnan(order.rate_per_s):
        rate_per_s, name = order.rate_per_s, "rate"
    want = f"at least {LEAST_REQUESTS} requests in a window of {window_s:g} s ({scenario.name})"
    require(rate_per_s * window_s >= LEAST_REQUESTS, name, f"{rate_per_s:g} requests a second", want)


def prepare_run(order: BenchOrder, stack: Stack, say: Say) -> tuple[Spec, RunInfo]:
    """Data, calibration, orders and a folder for a run on these servers."""
    spec, run = planned_run(order, stack, say)
    if order.bind:
        say(f"waiting {order.wait_s:g} s for {order.processes} workers: stampede worker --master {order.bind}")
    spec = replace(spec, folder=str(new_folder(order, datetime.fromisoformat(run.started_utc))))
    RunWriter(Path(spec.folder), run)
    return spec, run


def planned_run(order: BenchOrder, stack: Stack, say: Say) -> tuple[Spec, RunInfo]:
    """As `prepare_run`, without a folder."""
    watched = watch_machine(LOOK_S)  # before anything of ours makes it busy
    order, skipped = without_faults(order, stack)
    order, equal = without_equal_variants(order, stack)
    skipped += equal
    for remark in skipped:
        say(f"{remark.name}: {remark.what}")
    scenarios, workloads, entrants = check_order(order)
    missing = missing_contenders(scenarios)
    first = workloads[0]
    require_room_for_bench(stack, order.processes, first.users_per_process, entrants)
    if first.sql is None:
        ensure_dataset(
            stack.postgres.url,
            records=first.records,
            record_bytes=first.record_bytes,
            seed=order.seed,
            ours=stack.ours,
            say=say,
        )
    scenario_orders, scenario_infos = [], []
    priced: dict[tuple[float, float], tuple[Statements, dict[str, float]]] = {}
    for scenario, wanted in zip(scenarios, workloads, strict=True):
        workload = replace(wanted, rtt_ms=rtt_of(order, wanted, stack))
        if workload.arrivals == "closed":
            workload = replace(workload, rate_per_s=workload.closed_rate_per_s(order.processes))
        flood = scenario.flood
        if flood is None:
            window_s = scenario.window_ttls * workload.ttl_s * order.plan.windows
            weight = (workload.load_cpu_ms, workload.load_wait_ms)
            if weight not in priced:
                priced[weight] = priced_statements(stack, workload, say, order.workload.file)
            statements, measured = priced[weight][0], dict(priced[weight][1])
        else:
            window_s = flood.window_s * order.plan.flood_windows
            workload = replace(workload, rate_per_s=len(flood.calls(window_s, order.seed)[0]) / window_s)
            statements, measured = unpriced_statements(workload), {}
        if order.rate_per_s is not None and flood is None:
            can = carried_per_s(workload, measured["load_ms"], order.processes, os.cpu_count() or 1)
            rate_per_s = AUTO_SHARE * can if math.isnan(order.rate_per_s) else order.rate_per_s
            workload = replace(workload, rate_per_s=min(20_000.0, round(rate_per_s)))
            measured["carried_per_s"] = can
            say(f"{scenario.name}: {workload.rate_per_s:g} requests/s offered; no-cache can carry about {can:.0f}/s")
        measured |= timer_floor(workload)
        scenario_orders.append(
            ScenarioOrder(
                name=scenario.name,
                workload=workload,
                statements=asdict(statements),
                window_s=window_s,
                warm_up_s=scenario.warm_up_s,
                drain_s=scenario.drain_s,
                distance_ns=round((workload.rtt_ms or 0) * 1e6),
                flood=flood,
                fault=scenario.fault,
                cold=scenario.cold,
                judge_at_rest=scenario.judge_at_rest,
                processes=scenario.processes,
            )
        )
        scenario_infos.append(
            ScenarioInfo(
                name=scenario.name,
                question=scenario.question,
                application=scenario.application,
                expectation=scenario.expectation,
                workload=workload.described(),
                window_s=window_s,
                drain_s=scenario.drain_s,
                processes=min(order.processes, scenario.processes or order.processes),
                judge_at_rest=scenario.judge_at_rest,
                measured=measured,
                kind=scenario.kind,
                flood=None if flood is None else flood.described(),
                fault=None if scenario.fault is None else scenario.fault.described(),
                cold=scenario.cold,
                apart=scenario.apart,
                variant_of=scenario.variant_of,
            )
        )
    cells = [] if order.plan.name == WEB else plan_cells(order, entrants)
    calibration = calibrate_machine(stack, watched, ceiling=order.plan.twin)
    fastest_per_s = max(s.workload.rate_per_s for s in scenario_orders)
    hurts = will_hurt(calibration, rate_per_s=fastest_per_s, processes=order.processes)
    say(outlook(hurts))
    floods = {scenario.name: scenario.flood for scenario in scenarios if scenario.flood is not None}
    started = datetime.now(UTC)
    run = RunInfo(
        plan=order.plan.name,
        rounds=order.plan.rounds,
        reference=order.reference,
        seed=order.seed,
        command=order.command,
        started_utc=started.isoformat(timespec="seconds"),
        scenarios=scenario_infos,
        contenders=[entrant.described(floods) for entrant in entrants],
        cells=[cell_info(cell) for cell in cells],
        experiments=[find_experiment(name).described() for name in order.plan.experiments],
        circumstances={
            **circumstances(REPO),
            "servers": stack.described(),
            "calibration": calibration.described(),
            "outlook": hurts,
        },
        remarks=[asdict(remark) for remark in [*stack.remarks, *skipped, *missing, *remarks_on(first)]],
    )
    spec = Spec(
        folder="",
        postgres_url=stack.postgres.url,
        redis_url=stack.redis.url,
        key_prefix=stack.key_prefix,
        processes=order.processes,
        users_per_process=first.users_per_process,
        seed=order.seed,
        entrants=tuple(entrants),
        scenarios=tuple(scenario_orders),
        cells=tuple(cells),
        bind=order.bind,
        wait_s=order.wait_s,
    )
    return spec, run


def run_bench(spec: Spec, stack: Stack, on_event: OnEvent) -> None:
    """Run every cell. Raises BenchFailed where the harness broke or the folder cannot be written; KeyboardInterrupt
    passes through.

    Either way the folder says what became of the run, and keeps the cells that were finished.
    """
    status, came, why, folder = "failed", 0, "", Path(spec.folder)
    try:
        with locust_processes(spec, stack, web_port=None) as (master, workers, progress):
            for event in events_from(progress, master, workers, lambda: trouble(stack, folder)):
                if event["event"] == "refused":
                    raise ConfigError("expect", event["who"], event["want"])
                came = max(came, event.get("workers", 0))
                if event["event"] == "broken":
                    ended = how_a_worker_ended(workers, ENDING_S) if event["worker_left"] else ""
                    why = why or ended or event["why"]
                on_event(event)
            if spec.bind and came < spec.processes:
                want = f"that many workers at {spec.bind} within {spec.wait_s:g} s: {came or 'none'} came"
                raise ConfigError("expect", spec.processes, want)
            why = why or how_master_ended(master, folder)
            if why:
                raise BenchFailed(why)  # inside the block: its processes are not waited for as at a run's own end
        status = read_run(folder).info.status
    except KeyboardInterrupt:
        status = "cut"
        raise
    except ConfigError:
        if not read_run(folder).done:  # it never began
            shutil.rmtree(folder)
        raise
    except (BenchFailed, RunFolderError, OSError) as failed:
        why = why or str(failed)
    finally:
        status = status if status in ("finished", "cut") else "failed"
        if status == "failed":
            why = how_a_server_ended(stack) or why or recorded_why(folder)
            why = why or f"the harness broke: see {folder / 'locust-master.log'}"
        close_run(folder, status, why if status == "failed" else "")
    if status != "finished":
        raise BenchFailed(why)
    if not read_run(folder).done:
        raise BenchFailed(f"no cell finished: {next((c.why for c in read_run(folder).info.cells if c.why), 'no word')}")


def remarks_on(workload: Workload) -> list[Remark]:
    """What the workload leaves out, and what that costs the report."""
    if workload.arrivals == "closed":
        cost = "a stall hides the requests that it prevented, so response times look better than users would find them"
        return [Remark(name="closed", what="clients are closed: each waits for its answer, then thinks", cost=cost)]
    if workload.versioned:
        return []
    what = "the workload's SQL names no version column"
    return [Remark(name="freshness", what=what, cost="whether a read was stale is not judged")]


def missing_contenders(scenarios: Sequence[Scenario]) -> list[Remark]:
    """A remark for each contender that a scenario names and that cannot run here."""
    names = dict.fromkeys(name for scenario in scenarios for name in scenario.contenders or ())
    cost = "its row stays empty"
    return [Remark(name=name, what=f"{name}: {why}", cost=cost) for name in names if (why := why_missing(name))]


def without_faults(order: BenchOrder, stack: Stack) -> tuple[BenchOrder, list[Remark]]:
    """The order without what would break servers that are not ours to break; a remark for each that is left out."""
    if stack.redis_switch is not None:
        return order, []
    faulty = [name for name in order.plan.scenarios if find_scenario(name).fault is not None]
    kept = tuple(name for name in order.plan.scenarios if name not in faulty)
    if faulty and not kept:
        raise ConfigError("scenario", ", ".join(faulty), "servers that the suite started: it breaks no one else's")
    what = "skipped: it breaks a server, and these were not started by the suite"
    remarks = [Remark(name=name, what=f"{name} {what}", cost="what an outage does is not measured") for name in faulty]
    return (replace(order, plan=replace(order.plan, scenarios=kept)) if faulty else order), remarks


def without_equal_variants(order: BenchOrder, stack: Stack) -> tuple[BenchOrder, list[Remark]]:
    """The order without scenarios that repeat another at a distance, where the two distances are the same; or in fewer
    processes, where there are no more."""
    dropped = []
    remarks = []
    for name in order.plan.scenarios:
        scenario = find_scenario(name)
        if scenario.variant_of in order.plan.scenarios and order.processes <= (scenario.processes or 0):
            dropped.append(name)
            cost = "whether the order of contenders depends on the processes is not seen"
            remarks.append(Remark(name=name, what=f"{name} skipped: {order.processes} for all", cost=cost))
            continue
        if scenario.variant_of not in order.plan.scenarios or "rtt_ms" not in scenario.overrides:
            continue
        both = (scenario, find_scenario(scenario.variant_of))
        near, far = (rtt_of(order, order.workload.applied(s.name, s.overrides), stack) for s in both)
        if near == far:
            dropped.append(name)
            cost = "whether the order of contenders depends on the distance is not seen"
            remarks.append(Remark(name=name, what=f"{name} skipped: one distance for all", cost=cost))
    kept = tuple(name for name in order.plan.scenarios if name not in dropped)
    return replace(order, plan=replace(order.plan, scenarios=kept)), remarks


def rtt_of(order: BenchOrder, workload: Workload, stack: Stack) -> float:
    if order.rtt_ms is not None:
        return order.rtt_ms
    if workload.rtt_ms is not None:
        return workload.rtt_ms
    return OURS_RTT_MS if stack.ours else 0.0


def priced_statements(
    stack: Stack, workload: Workload, say: Say, workload_file: str = ""
) -> tuple[Statements, dict[str, float]]:
    """The workload's SQL, its load costing what was asked, and what one load alone was measured to take."""
    if workload.sql is not None:
        with connect(stack.postgres.url) as connection:
            own = own_statements(workload.sql)
            if own.update or own.create:
                require_writable(connection, stack.postgres.safe_url)
            first = try_own_sql(connection, workload, Json(), workload_file)
        return own, {"load_ms": load_alone_ms(stack.postgres.url, own, first)}
    say(f"calibrating a load of {workload.load_cpu_ms:g} ms CPU and {workload.load_wait_ms:g} ms waiting")
    found = calibrate(stack.postgres.url, cpu_ms=workload.load_cpu_ms, wait_ms=workload.load_wait_ms)
    return default_statements(found.cpu_rows, workload.load_wait_ms, found.cpu_laps), found.measured()


def unpriced_statements(workload: Workload) -> Statements:
    """The statements where nothing is loaded."""
    return default_statements(0, 0) if workload.sql is None else own_statements(workload.sql)


def timer_floor(workload: Workload) -> dict[str, float]:
    """How late the machine itself wakes a thread at this scenario's rate: what our own lateness is held against."""
    late_ns = machine_floor_ns(workload.rate_per_s, waits=200)
    return {
        "timer_floor_p50_ms": late_ns[len(late_ns) // 2] / 1e6,
        "timer_floor_p99_ms": late_ns[len(late_ns) * 99 // 100] / 1e6,
    }


def plan_cells(order: BenchOrder, entrants: Sequence[Entrant]) -> list[CellOrder]:
    """Rounds: in each, every scenario; in each scenario, everyone of its kind once, in random order.

    A plan of more rounds begins with the cells of one of fewer. The no-op runs before the first round, and after the
    last.
    """
    rng = random.Random(order.seed)
    edge = [entrant for entrant in entrants if entrant.name in EDGE_RULERS]
    cells: list[CellOrder] = []
    for round_number in range(1, order.plan.rounds + 1):
        for scenario in order.plan.scenarios:
            seed = rng.randrange(2**31)
            predecessor = None
            own = runners(find_scenario(scenario), entrants)
            chosen = order.plan.only.get(scenario)
            if chosen is not None and not order.contenders:
                own = [e for e in own if e.name in chosen or e.kind != "contender" or e.file is not None]
            if round_number > order.plan.rounds_of(scenario):
                continue
            around = edge if find_scenario(scenario).contenders is None and own and own[0].family == "caching" else []
            before = around if round_number == 1 else []
            after = around if 1 < round_number == order.plan.rounds_of(scenario) else []
            for entrant in [*before, *rng.sample(own, len(own)), *after]:
                cells.append(
                    CellOrder(
                        id=len(cells) + 1,
                        scenario=scenario,
                        contender=entrant.name,
                        round=round_number,
                        seed=seed,
                        predecessor=predecessor,
                    )
                )
                predecessor = entrant.name
    return cells


def runners(scenario: Scenario, entrants: Sequence[Entrant]) -> list[Entrant]:
    """Who runs in a scenario: those that it names and the user's own, or all of its kind but the special ones."""
    own = [entrant for entrant in entrants if entrant.family == scenario.kind]
    if scenario.contenders is None:
        return [entrant for entrant in own if not entrant.special and entrant.name not in EDGE_RULERS]
    return [e for e in own if e.kind == "contender" and (e.name in scenario.contenders or e.file is not None)]


def new_folder(order: BenchOrder, started: datetime) -> Path:
    """runs/<utc>-<plan>, made, as an absolute path. Raises ConfigError where it cannot be made."""
    return new_run_folder(order.runs, order.plan.name, started).resolve()


@contextmanager
def locust_processes(
    spec: Spec, stack: Stack, *, web_port: int | None, base_path: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], list[subprocess.Popen[bytes]], int]]:
    """A master and its workers, each in a session of its own, registered to die with us; ended when the block ends."""
    read_end, write_end = os.pipe()
    near_end, far_end = socket.socketpair()
    celery: CeleryProcess | None = None
    with tempfile.TemporaryDirectory(prefix="orders-", dir=stack.directory) as private:
        spec_file = Path(private) / "spec.json"
        master_spec = replace(spec, progress_fd=write_end, switch_fd=far_end.fileno())
        master_spec.write(spec_file)
        worker_spec = Path(private) / "worker.json"
        spec.write(worker_spec)
        listens = read_address("bind", spec.bind or f"127.0.0.1:{free_port()}")
        users = spec.processes * spec.users_per_process
        ends = ["--master-bind-host", listens.host, "--master-bind-port", str(listens.port), "--stop-timeout", "10"]
        count = ["--users", str(users), "--spawn-rate", str(users), "--expect-workers", str(spec.processes)]
        count += ["--expect-workers-max-wait", str(math.ceil(spec.wait_s))] if spec.bind else []
        page = ["--headless"] if web_port is None else ["--web-host", "127.0.0.1", "--web-port", str(web_port)]
        page += ["--web-base-path", base_path] if base_path else []
        children: list[subprocess.Popen[bytes]] = []
        folder = Path(spec.folder)
        grace_s = GRACE_S if spec.bind else CUT_GRACE_S  # what finished is written: nothing is lost with them
        try:
            inherited = [write_end, far_end.fileno()]
            children.append(
                start_locust(["--master", *ends, *count, *page], spec_file, folder / "locust-master.log", inherited)
            )
            os.close(write_end)
            far_end.close()
            celery = CeleryProcess(stack, worker_spec, REPO, folder / "celery-worker.log")
            serve_asked(
                near_end,
                {
                    **doings(stack),
                    "start celery": celery.start,
                    "stop celery": celery.stop,
                },
            )
            join = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(listens.port)]
            here = 0 if spec.bind else spec.processes
            logs = [folder / f"locust-worker-{process}.log" for process in range(here)]
            children += [start_locust(join, worker_spec, log, []) for log in logs]
            for child in children:
                stack.register_child(child.pid)
            yield children[0], children[1:], read_end
            grace_s = GRACE_S
        finally:
            end_processes(children, grace_s)
            if celery is not None:
                celery.kill()
            hide_secrets(folder.glob("*.log"), spec.postgres_url, spec.redis_url)
            os.close(read_end)
            for end in (near_end, far_end):
                end.close()


def start_locust(
    arguments: Sequence[str], spec_file: Path, log: Path, inherited: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start one Locust process, deaf to the user's own Locust settings (environment and ~/.locust.conf)."""
    command = [sys.executable, "-m", "locust", "-f", str(REPO / "loadtests" / "locustfile.py")]
    command += [*arguments, "--spec", str(spec_file), "--only-summary", "--loglevel", "WARNING"]
    with empty_file(log).open("wb") as output:
        output.write(f"$ {shlex.join(command[3:])}\n".encode())
        output.flush()
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=worker_environment(spec_file.parent),
            cwd=spec_file.parent,
            pass_fds=inherited,
            start_new_session=True,
        )


def events_from(
    progress: int,
    master: subprocess.Popen[bytes],
    workers: Sequence[subprocess.Popen[bytes]],
    trouble: Callable[[], str],
) -> Iterator[Mapping[str, Any]]:
    """What the master tells, until it says that all is over or ends. Raises BenchFailed when a worker ends before, or
    where `trouble` says why the run cannot go on.
    """
    pending = b""
    while True:
        ready, _, _ = select.select([progress], [], [], 0.5)
        if not ready:
            why = trouble() or ("" if master.poll() is not None else how_a_worker_ended(workers))
            if why:
                raise BenchFailed(why)
            continue
        data = os.read(progress, 65536)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["event"] == "over":
                return
            yield event
