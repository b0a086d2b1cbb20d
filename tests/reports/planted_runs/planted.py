"""Planted run folders: a small simulation of caches writes them with the RunWriter, including consistent counters.

Nothing was measured. Tests of the report use them because the correct figures are known.
"""

import copy
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from stampede.run_folder.schema import SAMPLES, CellInfo, ContenderInfo, RunInfo, ScenarioInfo
from stampede.run_folder.write import RunWriter

SECOND = 1_000_000_000
MS = 1_000_000
EPOCH = 9_200_000_000_000_123  # beyond what a float counts exactly in nanoseconds
GET_MS = 0.7
Row = dict[str, Any]

CONTENDERS = (
    "no-cache",
    "cache-aside",
    "write-through",
    "refresh-ahead",
    "coalescing",
    "bare-get",
    "cache-aside-again",
)


def contender(name: str) -> ContenderInfo:
    kind = {"bare-get": "baseline", "cache-aside-again": "aa-copy"}.get(name, "contender")
    copy_of = "cache-aside" if kind == "aa-copy" else None
    return ContenderInfo(
        name=name,
        kind=kind,
        summary=f"{name}, planted",
        guarantees=["STALE_AT_MOST_TTL"] if kind == "contender" else [],
        config={},
        client={},
        copy_of=copy_of,
        moving_parts=[f"part {n}" for n in range(CONTENDERS.index(name))]
        if kind == "contender" and name in CONTENDERS
        else None,
    )


def scenario(name: str, **workload: Any) -> ScenarioInfo:
    base = {
        "rate_per_s": 200.0,
        "arrivals": "poisson",
        "read_share": 1.0,
        "records": 1000,
        "active_records": 1,
        "key_skew": 1.2,
        "record_bytes": 500,
        "ttl_s": 0.5,
        "load_cpu_ms": 2.0,
        "load_wait_ms": 38.0,
        "rtt_ms": 0.5,
        "users_per_process": 32,
        "own_sql": False,
        "versioned": True,
    }
    if name == "read-mostly":
        base |= {"rate_per_s": 300.0, "read_share": 0.95, "active_records": None, "ttl_s": 1.0}
        base |= {"load_cpu_ms": 1.0, "load_wait_ms": 4.0}
    return ScenarioInfo(
        name=name,
        question=f"What happens in {name}?",
        application="a planted application",
        expectation="what the simulation does",
        workload=base | workload,
        window_s=2.0,
        drain_s=2.0,
        processes=2,
        measured={
            "load_ms": base["load_cpu_ms"] + base["load_wait_ms"],  # type: ignore[operator]
            "timer_floor_p50_ms": 0.1,
            "timer_floor_p99_ms": 0.3,
        },
    )


def row(due_ns: int, start_ns: int | None, end_ns: int | None, **facts: Any) -> Row:
    """A sample: a read of record 1 that hit, unless the facts say otherwise."""
    base = {
        "process": 0,
        "client": 0,
        "operation": "read",
        "warm_up": False,
        "key": 1,
        "due_ns": due_ns,
        "thread_free_ns": None if start_ns is None else due_ns - MS,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "error": None,
        "found": None if end_ns is None else True,
        "loads": 0,
        "load_start_ns": None,
        "load_end_ns": None,
        "commands": 0 if start_ns is None else 1,
        "round_trips": 0 if start_ns is None else 1,
        "simulated_rtt_ns": 0 if start_ns is None else MS // 2,
        "first_cache_reply": "value" if end_ns is not None else None,
        "version_read": None,
        "version_written": None,
        "commit_start_ns": None,
        "commit_end_ns": None,
        "allowed": None,
    }
    return base | facts


@dataclass
class SimulatedEntry:
    """One key of the simulation: the expiry of its entry, and the fills in progress."""

    valid_until: float = -1.0
    fills: list[float] = field(default_factory=list)
    lock_until: float = -1.0

    def settle(self, t: float, ttl: float) -> None:
        for fill in [f for f in self.fills if f <= t]:
            self.valid_until = max(self.valid_until, fill + ttl)
            self.fills.remove(fill)


def simulate(name: str, info: ScenarioInfo, begin: int, start: int, end: int, rng: np.random.Generator) -> list[Row]:
    """The samples of one cell."""
    w = info.workload
    ttl, load = float(w["ttl_s"]), info.measured["load_ms"] / 1e3
    span = (end - begin) / SECOND
    times = np.sort(rng.uniform(0, span, rng.poisson(w["rate_per_s"] * span)))
    keys = np.ones(len(times), dtype=int) if w["active_records"] == 1 else np.minimum(rng.zipf(1.6, len(times)), 1000)
    caches: dict[int, SimulatedEntry] = {}
    rows: list[Row] = []
    for t, key in zip(times.tolist(), keys.tolist(), strict=True):
        cache = caches.setdefault(key, SimulatedEntry())
        cache.settle(t, ttl)
        get = GET_MS / 1e3 * float(rng.lognormal(0, 0.2))
        loading = load * float(rng.lognormal(0, 0.03))
        due = begin + round(t * SECOND)
        began = due + round(float(rng.lognormal(-2.3, 0.3)) * MS)
        facts: Row = {"warm_up": due < start, "key": key, "process": int(rng.integers(2)), "thread_free_ns": due - MS}
        write = name != "bare-get" and float(rng.random()) >= w["read_share"]
        took, loads = get, 0
        if write:
            facts |= {"operation": "write", "commands": 1, "round_trips": 4, "simulated_rtt_ns": 2 * MS}
            took = 2e-3 + get
            cache.valid_until = t + ttl if name == "write-through" else -1.0
        elif name == "bare-get":
            pass
        elif name == "no-cache":
            took, loads = loading, 1
            facts |= {"commands": 0, "first_cache_reply": None}
        elif cache.valid_until > t:
            if name == "refresh-ahead" and cache.valid_until - t < ttl / 12 and cache.lock_until < t:
                cache.lock_until = t + loading
                cache.fills.append(t + loading)
                at = began + round(get * SECOND)
                took_ns = round(loading * SECOND)
                rows.append(
                    row(at, at, at + took_ns, operation="background", client=-1, warm_up=due < start, key=key)
                    | {"loads": 1, "load_start_ns": at, "load_end_ns": at + took_ns}
                    | {"commands": 1, "first_cache_reply": None}
                )
        elif name == "coalescing" and cache.lock_until > t:
            polls = int(np.ceil((cache.lock_until - t) / 0.1))
            took = polls * 0.1 + get
            facts |= {"commands": 1 + polls, "first_cache_reply": "none", "round_trips": 1 + polls}
            facts |= {"simulated_rtt_ns": (1 + polls) * MS // 2}
        else:
            took, loads = get + loading, 1
            cache.lock_until = t + took
            cache.fills.append(t + took)
            facts |= {"commands": 2, "first_cache_reply": "none"}
        if loads:
            at = began + round((took - loading) * SECOND)
            facts |= {"loads": 1, "load_start_ns": at, "load_end_ns": at + round(loading * SECOND)}
        rows.append(row(due, began, began + round(took * SECOND), **facts))
    return rows


def table(cell: CellInfo, rows: Sequence[Row]) -> pa.Table:
    constants = {"cell": cell.id, "scenario": cell.scenario, "contender": cell.contender, "round": cell.round}
    columns = []
    for f in SAMPLES:
        name = f.name
        values = [constants[name]] * len(rows) if name in constants else [r.get(name) for r in rows]
        if pa.types.is_dictionary(f.type):
            columns.append(pa.array(values, f.type.value_type).dictionary_encode().cast(f.type))
        else:
            columns.append(pa.array(values, f.type))
    return pa.Table.from_arrays(columns, schema=SAMPLES)


def accounts(cell: CellInfo, rows: Sequence[Row], info: ScenarioInfo) -> list[tuple[Any, ...]]:
    """Counters of servers and processes that agree with the samples."""
    loads = sum(r["loads"] for r in rows)
    commands = sum(r["commands"] for r in rows)
    answers = [r["first_cache_reply"] for r in rows]
    found = [
        ("redis", "command.get", 5.0, 5.0 + commands, "calls"),
        ("redis", "stats.keyspace_hits", 100.0, 100.0 + answers.count("value"), "1"),
        ("redis", "stats.keyspace_misses", 7.0, 7.0 + answers.count("none"), "1"),
        ("postgres", "statement.load.calls", 3.0, 3.0 + loads, "calls"),
        ("postgres", "statement.load.exec_ms", 1.0, 1.0 + loads * info.measured["load_ms"], "ms"),
        ("postgres", "cpu_s", 1.0, 1.0 + loads * info.workload["load_cpu_ms"] / 1e3, "s"),
    ]
    for p in (0, 1):
        mine = [r for r in rows if r["process"] == p]
        found += [
            (f"process-{p}", "command.get", 0.0, float(sum(r["commands"] for r in mine)), "calls"),
            (f"process-{p}", "load", 0.0, float(sum(r["loads"] for r in mine)), "calls"),
            (f"process-{p}", "cpu_s", 0.0, 0.2, "s"),
        ]
    return [(cell.id, *entry) for entry in found]


Change = Callable[[CellInfo, list[Row]], list[Row]]


METADATA: dict[str, Any] = {
    "machine": {"system": "Linux", "cpu": "planted", "cores": 4, "memory_bytes": 8 << 30, "python": "3.11.2"},
    "packages": {"redis": "8.1.0"},
    "commit": "0" * 40,
    "clean": True,
    "servers": {
        "stack": "embedded",
        "why": "no Docker engine answers",
        "postgres": {"name": "PostgreSQL", "version": "18.6", "settings": {"jit": "off"}},
        "redis": {"name": "Valkey", "version": "9.1.2", "settings": {"save": ""}, "allocator": "libc"},
    },
    "environment": {},
}


def planted_info(
    *, rounds: int, contenders: Sequence[str], scenarios: list[ScenarioInfo], seed: int, status: str, **run: Any
) -> RunInfo:
    """The run.json of a planted run, before its first cell."""
    return RunInfo(
        plan="planted",
        rounds=rounds,
        reference="cache-aside",
        seed=seed,
        command="stampede bench planted",
        started_utc="2026-01-02T03:04:05Z",
        finished_utc="2026-01-02T03:09:05Z" if status == "finished" else None,
        status=status,
        scenarios=scenarios,
        contenders=[contender(name) for name in contenders],
        metadata=copy.deepcopy(METADATA),
        **run,
    )


def next_cells(info: RunInfo, round_number: int, scenario_name: str, rng: np.random.Generator) -> Iterator[CellInfo]:
    """The cells of a scenario in one round, in random order. Each is added to the run when it is yielded."""
    predecessor = None
    for i in rng.permutation(len(info.contenders)):
        cell = CellInfo(
            id=len(info.cells) + 1,
            scenario=scenario_name,
            contender=info.contenders[i].name,
            round=round_number,
            seed=int(rng.integers(1 << 30)),
            predecessor=predecessor,
        )
        predecessor = cell.contender
        info.cells.append(cell)
        yield cell


def set_times(cell: CellInfo, scenario_info: ScenarioInfo, begin_ns: int, rng: np.random.Generator) -> int:
    """Set the begin, the window and the deadline of a cell. Returns when the next cell begins, in nanoseconds."""
    warm_up_ns = SECOND // 4 + int(rng.integers(0, int(scenario_info.workload["ttl_s"] * SECOND)))
    cell.begin_ns = begin_ns
    cell.window_start_ns = begin_ns + warm_up_ns
    cell.window_end_ns = cell.window_start_ns + int(scenario_info.window_s * SECOND)
    cell.deadline_ns = cell.window_end_ns + int(scenario_info.drain_s * SECOND)
    return cell.deadline_ns + SECOND


def add_planted(
    writer: RunWriter, cell: CellInfo, scenario_info: ScenarioInfo, change: Change, rng: np.random.Generator
) -> None:
    """Simulate a cell and write its samples and counters."""
    assert cell.begin_ns is not None
    assert cell.window_start_ns is not None
    assert cell.window_end_ns is not None
    rows = simulate(cell.contender, scenario_info, cell.begin_ns, cell.window_start_ns, cell.window_end_ns, rng)
    rows = change(cell, rows)
    cell.locust_requests = sum(1 for x in rows if x["operation"] != "background" and x["start_ns"] is not None)
    writer.add_cell(cell.id, table(cell, rows), accounts(cell, rows, scenario_info), [])
    cell.status = "done"


def as_simulated(_cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Change nothing."""
    return rows


SIMULATED: dict[str, Path] = {}
"""Run folders that this process has simulated without changes, by the arguments."""
ORIGINALS = TemporaryDirectory(prefix="planted-")
"""Their parent directory, which exists until the process ends."""


def plant(folder: Path, *, change: Change = as_simulated, **how: Any) -> Path:
    """A run folder. `change` may change the samples of a cell before they are written. `how`: see `simulate_run`.

    An unchanged simulation runs once per process; later calls copy its folder.
    """
    if change is not as_simulated:
        return simulate_run(folder, change=change, **how)
    key = repr(sorted(how.items()))
    if key not in SIMULATED:
        SIMULATED[key] = simulate_run(Path(ORIGINALS.name) / str(len(SIMULATED)), **how)
    return Path(shutil.copytree(SIMULATED[key], folder, dirs_exist_ok=True))


def simulate_run(
    folder: Path,
    *,
    rounds: int = 8,
    contenders: Sequence[str] = CONTENDERS,
    scenarios: Sequence[ScenarioInfo] | None = None,
    seed: int = 1,
    change: Change = as_simulated,
    status: str = "finished",
    unfinished: frozenset[int] = frozenset(),
    **run: Any,
) -> Path:
    """A run folder, simulated from the seed."""
    rng = np.random.default_rng(seed)
    chosen = [scenario("read-mostly"), scenario("stampede")] if scenarios is None else list(scenarios)
    info = planted_info(rounds=rounds, contenders=contenders, scenarios=chosen, seed=seed, status=status, **run)
    writer = RunWriter(folder, info)
    begin_ns = EPOCH
    for round_number in range(1, rounds + 1):
        for scenario_info in chosen:
            for cell in next_cells(info, round_number, scenario_info.name, rng):
                if cell.id not in unfinished:
                    begin_ns = set_times(cell, scenario_info, begin_ns, rng)
                    add_planted(writer, cell, scenario_info, change, rng)
    writer.save()
    return folder
