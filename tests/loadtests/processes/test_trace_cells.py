"""Cells that play a trace of each format on real servers: the same requests, as often as the servers count them."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import redis

from stampede.core.errors import ConfigError
from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.contenders import select_contenders
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.bench.run_plan.trace_plan import TracePlan, plan_trace
from stampede.loadtests.coordinator.kept_entries import EntryStore
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.clock import ThreadClock, now_ns
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.instrumentation.recorder import read_batch
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig
from stampede.run_folder.schema import RunInfo
from stampede.scenarios.plans import Plan
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.workload import read_workload
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow

SCENARIO = "read-mostly"
PLAN = Plan(name="traced", rounds=1, scenarios=(SCENARIO,))
FORMATS = ("csv", "twitter", "meta", "redis-monitor", "access-log")
BEGIN_S = 1_700_000_000


@dataclass(frozen=True, kw_only=True)
class Requested:
    """A request as it is written to a trace of each format."""

    second: int
    key: str
    write: bool


def requests() -> list[Requested]:
    """Twelve seconds of 40 requests to 30 keys, one in ten a write."""
    rng = np.random.default_rng(3)
    return [
        Requested(second=second, key=f"item-{rng.integers(30)}", write=bool(rng.random() < 0.1))
        for second in range(12)
        for _ in range(40)
    ]


def line(form: str, request: Requested) -> str:
    """The request as a line of that format."""
    at, verb = BEGIN_S + request.second, "set" if request.write else "get"
    if form == "csv":
        return f"{at},{request.key},{verb},512"
    if form == "twitter":
        return f"{at},{request.key},8,512,7,{verb},{60 if request.write else 0}"
    if form == "meta":
        return f"{at},{request.key},8,{verb.upper()},1,512,0,0"
    if form == "redis-monitor":
        value = ' "value"' if request.write else ""
        return f'{at}.000000 [0 127.0.0.1:5000] "{verb.upper()}" "{request.key}"{value}'
    minute, second = divmod(20 + request.second, 60)
    method = "PUT" if request.write else "GET"
    return (
        f'10.0.0.1 - - [14/Nov/2023:22:{13 + minute:02}:{second:02} +0000] "{method} /{request.key} HTTP/1.1" 200 512'
    )


HEADERS = {"csv": "time,key,operation,size", "meta": "op_time,key,key_size,op,op_count,size,cache_hits,ttl"}


def write_trace(folder: Path, form: str) -> Path:
    """The workload file of a trace of that format, next to it."""
    lines = [HEADERS[form]] if form in HEADERS else []
    lines += [line(form, request) for request in requests()]
    (folder / f"{form}.trace").write_text("\n".join(lines) + "\n")
    workload = folder / f"{form}.toml"
    workload.write_text(
        f"records = 2000\nttl_s = 4\nload_cpu_ms = 0\nload_wait_ms = 0\nusers_per_process = 8\n\n"
        f'[trace]\nfile = "{form}.trace"\nspeed = 2.0\n'
    )
    return workload


def config_of(workload: Path) -> BenchConfig:
    return BenchConfig(
        plan=PLAN, workload=read_workload(workload, frozenset({SCENARIO})), processes=2, runs=workload.parent / "runs"
    )


@dataclass(frozen=True, kw_only=True)
class TraceCells:
    """Two application servers and the entry store of a run that plays the plain CSV."""

    folder: Path
    config: RunConfig
    run: RunInfo
    app_servers: tuple[AppServer, AppServer]
    store: EntryStore
    redis: redis.Redis
    stack: Stack

    def played(self, contender: str) -> tuple[pa.Table, dict[str, int], dict[str, int]]:
        """Play a cell. Returns its samples, and the Redis commands and SQL statements that the servers counted."""
        plan = CellPlan(id=1, scenario=SCENARIO, contender=contender, round=1, seed=3, predecessor=None)
        self.redis.flushdb()
        fill = self.store.fill_for(self.config, plan)
        for server in self.app_servers:
            server.prepare(plan, fill)
        self.store.arrange(self.config, plan, fill)
        self.redis.config_resetstat()
        with connect(self.stack.postgres.url) as connection:
            connection.execute("SELECT pg_stat_statements_reset()")
        begin_ns = now_ns() + 20_000_000
        for server in self.app_servers:
            server.begin(begin_ns)
        threads = [
            threading.Thread(target=serve, args=(server, client)) for server in self.app_servers for client in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        samples = pa.concat_tables([read_batch(server.finish()[0]) for server in self.app_servers]).unify_dictionaries()
        stats: dict[str, dict[str, int]] = self.redis.info("commandstats")
        commands = {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}
        with connect(self.stack.postgres.url) as connection:
            rows: Any = connection.execute("SELECT query, calls FROM pg_stat_statements").fetchall()
        statements = {
            word: sum(calls for query, calls in rows if query.startswith(word) and "stampede.users" in query)
            for word in ("UPDATE", "SELECT")
        }
        return samples, commands, statements


PlayedCell = tuple[pa.Table, dict[str, int], dict[str, int]]


def serve(server: AppServer, client: int) -> None:
    """A thread of an application server: until all requests of the cell have ended."""
    cell = server.cell
    assert cell is not None
    while not cell.over.is_set():
        server.serve_next(client, lambda _operation, _ms, _error: None)


@pytest.fixture(scope="module")
def cells(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TraceCells]:
    folder = tmp_path_factory.mktemp("traces")
    config, run = prepare_run(config_of(write_trace(folder, "csv")), stack, lambda _line: None)
    clock = ThreadClock()
    with (
        closing(AppServer(config, 0, clock)) as first,
        closing(AppServer(config, 1, clock)) as second,
        closing(ServerConnections(config, Meter(clock))) as connections,
        redis.Redis.from_url(stack.redis.url) as client,
    ):
        yield TraceCells(
            folder=folder,
            config=config,
            run=run,
            app_servers=(first, second),
            store=EntryStore(config, connections),
            redis=client,
            stack=stack,
        )


@pytest.fixture(scope="module")
def cell(cells: TraceCells) -> PlayedCell:
    return cells.played("cache-aside")


def plan_of(workload: Path) -> TracePlan:
    """The part of a trace that a run would play."""
    config, scenario = config_of(workload), find_scenario(SCENARIO)
    specs = select_contenders(("cache-aside",), (), reference="cache-aside", aa_copy=False, families={"caching"})
    workloads = [config.workload.applied(scenario.name, scenario.overrides)]
    return plan_trace(config, [scenario], workloads, specs, lambda _line: None)


@pytest.mark.parametrize("form", FORMATS)
def test_a_trace_of_each_format_plays_the_same_requests(cells: TraceCells, form: str) -> None:
    """Its keys may be hashed from other texts, so positions are compared by how often they are requested."""
    (expected,) = [scenario.trace for scenario in cells.config.scenarios]
    assert expected is not None
    found = plan_of(write_trace(cells.folder, form))
    traffic, info = found.played[SCENARIO].traffic, found.infos[SCENARIO]
    assert info["format"] == form
    assert info["coarse"]
    assert traffic.part(1).due == expected.part(1).due
    assert traffic.part(1).writes == expected.part(1).writes
    assert traffic.counts == expected.counts
    here, there = (each.part(1).keys for each in (traffic, expected))
    assert len(set(zip(here.tolist(), there.tolist(), strict=True))) == len(traffic.requests_of)


def test_the_samples_of_a_cell_equal_the_trace_and_the_counts_of_the_servers(
    cells: TraceCells, cell: PlayedCell
) -> None:
    """Each request was due at its time, concerned its position and did what the trace says. Redis counted a GET for
    each read and a DEL or UNLINK for each write, PostgreSQL an UPDATE for each write and a SELECT for each miss."""
    (scenario,) = cells.config.scenarios
    assert scenario.trace is not None
    part = scenario.trace.part(1)
    samples, commands, statements = cell
    assert samples["error"].null_count == len(samples)
    rows = samples.select(["due_ns", "key", "operation", "process"]).to_pandas().sort_values("due_ns", kind="stable")
    begin_ns = rows["due_ns"].iloc[0] - part.due_ns[0]
    assert (rows["due_ns"] - begin_ns).tolist() == part.due_ns.tolist()
    assert rows["key"].tolist() == part.keys.tolist()
    assert (rows["operation"] == "write").tolist() == part.is_write.tolist()
    assert rows["process"].tolist() == [number % 2 for number in range(len(rows))]
    reads = int((~part.is_write).sum())
    assert commands["get"] == reads
    assert commands.get("del", 0) + commands.get("unlink", 0) == part.is_write.sum()
    assert statements["UPDATE"] == part.is_write.sum()
    loads = int(samples["loads"].to_numpy().sum())
    assert statements["SELECT"] == loads
    assert 0 < loads < reads


def test_a_cell_begins_with_the_entries_that_the_requests_before_it_leave(cells: TraceCells, cell: PlayedCell) -> None:
    """A record that was read within a TTL before the part, and not written since, hits on its first read; one that was
    not, loads: apart from reads within 0.3 s of the instant at which the entry expires."""
    (scenario,) = cells.config.scenarios
    assert scenario.trace is not None
    part = scenario.trace.part(1)
    left = part.left_shares("deletes 0")
    samples = cell[0]
    rows = samples.select(["due_ns", "key", "operation", "loads"]).to_pandas().sort_values("due_ns", kind="stable")
    first = rows.drop_duplicates("key")
    reads = first[first["operation"] == "read"]
    due_s = (reads["due_ns"] - rows["due_ns"].iloc[0]).to_numpy() / 1e9
    expected = left[reads["key"].to_numpy()] * scenario.workload.ttl_s
    clear = np.abs(expected - due_s) > 0.3
    assert ((reads["loads"].to_numpy() == 0) == (expected > due_s))[clear].all()
    assert (expected > due_s).any()


def test_the_run_says_which_part_of_which_trace_was_played(cells: TraceCells) -> None:
    (scenario,) = cells.run.scenarios
    assert scenario.trace is not None
    assert (scenario.trace["file"], scenario.trace["speed"], scenario.trace["sample"]) == ("csv.trace", 2.0, 1.0)
    assert scenario.trace["start_s"] + scenario.trace["part_s"] <= 12
    assert scenario.workload["arrivals"] == "recorded"
    assert scenario.workload["rate_per_s"] == pytest.approx(80, rel=0.25)
    assert scenario.workload["record_bytes"] == 512
    assert any("whole seconds" in remark["what"] for remark in cells.run.remarks)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"records": 10}, "records = 30"),
        ({"rate_per_s": 5}, "the recorded requests decide it"),
        ({"key_skew": 1.0}, "the recorded requests decide it"),
        ({"arrivals": '"constant"'}, "the recorded requests decide it"),
        ({"speed": 0}, "0.001 to 1,000,000"),
        ({"sample": 2}, "a share of the keys"),
        ({"format": '"tape"'}, "trace.format"),
        ({"start_s": 500}, "earlier start_s"),
        ({"speed": 10_000}, "at this speed"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_played_is_refused_in_one_line_that_names_the_field(
    tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    """Before a server starts."""
    workload = write_trace(tmp_path, "csv")
    top, _, table = workload.read_text().partition("[trace]\n")
    for name, value in changed.items():
        if name in ("speed", "sample", "format", "start_s"):
            table = table.replace("speed = 2.0\n", "") + f"{name} = {value}\n"
        else:
            top = (
                top.replace("records = 2000\n", "" if name == "records" else "records = 2000\n") + f"{name} = {value}\n"
            )
    workload.write_text(f"{top}\n[trace]\n{table}")
    with pytest.raises(ConfigError, match=words) as refused:
        plan_of(workload)
    assert "\n" not in str(refused.value)
    assert str(workload) in str(refused.value)


def test_a_trace_of_a_cache_with_fills_after_misses_gets_a_remark(tmp_path: Path) -> None:
    """And one whose writes are independent of its reads gets none, although its few keys are always read before."""

    def remarks(lines: list[str], more: str = "") -> str:
        workload = write_trace(tmp_path, "csv")
        (tmp_path / "csv.trace").write_text("time,key,operation,size\n" + "\n".join(lines) + "\n")
        workload.write_text(workload.read_text() + more)
        return "\n".join(remark.what for remark in plan_of(workload).remarks)

    filled = [f"{n / 20},k{n},get,\n{n / 20 + 0.01},k{n},set,99" for n in range(240)]
    assert "100 % of the writes of the trace follow a read" in remarks(filled)
    assert "left out" in remarks(filled, "fill_within_s = 0.5\n")
    rng = np.random.default_rng(6)
    independent = [f"{n / 40},k{rng.integers(5)},{'set' if rng.random() < 0.2 else 'get'},9" for n in range(480)]
    assert "of the writes" not in remarks(independent)


def test_a_scenario_with_traffic_of_its_own_does_not_play_the_trace(tmp_path: Path) -> None:
    """A run says so for each; a run without any that plays it is refused."""
    config = config_of(write_trace(tmp_path, "csv"))
    chosen = [find_scenario(SCENARIO), find_scenario("stampede")]
    workloads = [config.workload.applied(s.name, s.overrides) for s in chosen]
    config = replace(config, plan=replace(PLAN, scenarios=(SCENARIO, "stampede")))
    found = plan_trace(config, chosen, workloads, [], lambda _line: None)
    assert list(found.played) == [SCENARIO]
    assert found.workloads[1].rate_per_s == workloads[1].rate_per_s
    assert any("stampede: the trace is not played" in remark.what for remark in found.remarks)
    with pytest.raises(ConfigError, match="a scenario that plays it: mixed-writes, read-mostly"):
        plan_trace(config, chosen[1:], workloads[1:], [], lambda _line: None)
