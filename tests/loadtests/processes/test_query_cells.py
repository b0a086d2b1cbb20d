"""A cell of several queries: each has a contender of its own, with its key type, its TTL and its ids."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psycopg
import pytest
import redis

from stampede.core.errors import HarnessBroken
from stampede.loadtests.appserver.active_cell import ActiveCell
from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.appserver.request_drawing import IDS_CHECKSUM
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.coordinator.kept_entries import EntryStore
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig
from stampede.run_folder.schema import RunInfo
from stampede.scenarios.plans import Plan
from stampede.scenarios.workload import read_workload
from stampede.stack.server_counters import count_remaining_keys
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow

SCENARIO, READ_ONLY = "read-mostly", "read-mostly-ttl-60s"
WORKLOAD = '''
rate_per_s = 2000
ttl_s = 3000
users_per_process = 4

[[query]]
entity = "product"
weight = 3
load = "SELECT sku::text AS sku, title FROM mix.products WHERE sku = %(id)s"
ids = "SELECT sku FROM mix.products ORDER BY n"

[[query]]
name = "baskets"
entity = "basket"
ttl_s = 300
read_share = 0.8
load = "SELECT tenant, day::text AS day, version FROM mix.baskets WHERE tenant = %(tenant)s AND day = %(day)s"
ids = "SELECT tenant, day FROM mix.baskets ORDER BY tenant, day"
update = """UPDATE mix.baskets SET version = version + 1 WHERE tenant = %(tenant)s AND day = %(day)s
    RETURNING tenant, day::text AS day, version"""
version = "version"

[scenario.read-mostly-ttl-60s]
ttl_s = 3000
read_share = 1.0
'''


@dataclass(frozen=True, kw_only=True)
class QueryCells:
    """An application server and the entry store of a run with two queries."""

    config: RunConfig
    run: RunInfo
    app_server: AppServer
    store: EntryStore
    redis: redis.Redis

    def prepare(self, contender: str, scenario: str = SCENARIO) -> ActiveCell:
        """Prepare a cell, with its entries."""
        plan = CellPlan(id=1, scenario=scenario, contender=contender, round=1, seed=3, predecessor=None)
        self.redis.flushdb()
        fill = self.store.fill_for(self.config, plan)
        self.app_server.prepare(plan, fill)
        self.store.arrange(self.config, plan, fill)
        assert self.app_server.cell is not None
        return self.app_server.cell


@pytest.fixture(scope="module")
def cells(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryCells]:
    folder = tmp_path_factory.mktemp("mix")
    (folder / "w.toml").write_text(WORKLOAD)
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA mix")
        connection.execute(
            "CREATE TABLE mix.products AS SELECT n, md5(n::text)::uuid AS sku, 'thing ' || n AS title"
            " FROM generate_series(1, 200) AS n"
        )
        connection.execute(
            "CREATE TABLE mix.baskets AS SELECT tenant, date '2026-01-01' + n AS day, 1 AS version"
            " FROM generate_series(1, 5) AS tenant, generate_series(0, 9) AS n"
        )
        config, run = prepare_run(
            BenchConfig(
                plan=Plan(name="mix", rounds=1, scenarios=(SCENARIO, READ_ONLY)),
                workload=read_workload(folder / "w.toml", frozenset({SCENARIO, READ_ONLY})),
                processes=1,
                runs=folder / "runs",
            ),
            stack,
            lambda _line: None,
        )
        clock = ThreadClock()
        server = AppServer(config, 0, clock)
        with (
            closing(server),
            closing(ServerConnections(config, Meter(clock))) as connections,
            redis.Redis.from_url(stack.redis.url) as client,
        ):
            store = EntryStore(config, connections)
            yield QueryCells(config=config, run=run, app_server=server, store=store, redis=client)
        connection.execute("DROP SCHEMA mix CASCADE")


def test_the_run_lists_the_queries_with_their_positions(cells: QueryCells) -> None:
    scenario = cells.run.scenarios[0]
    found = [(q.name, q.entity, q.share, q.ttl_s, q.first_position, q.records) for q in scenario.queries]
    assert found == [("product", "product", 0.75, 3000, 0, 200), ("baskets", "basket", 0.25, 300, 200, 50)]
    assert scenario.workload["read_share"] == pytest.approx(0.95)
    assert {"load_ms", "load_ms@product", "ids@baskets"} <= scenario.measured.keys()


@pytest.mark.parametrize("contender", ["cache-aside", "versioned-keys", "coalescing-owned", "write-through-versioned"])
def test_entries_have_the_type_and_the_lifetime_of_their_query(cells: QueryCells, contender: str) -> None:
    """Lifetimes are spread over each query's own TTL, so that the cell begins in its steady state."""
    cells.prepare(contender)
    prefix = cells.config.key_prefix
    left_s: dict[str, list[float]] = {"product": [], "basket": []}
    for key in cells.redis.scan_iter(match=f"{prefix}*"):
        entity = key.decode().removeprefix(prefix).partition(":")[0]
        left: Any = cells.redis.pttl(key)
        if left > 0:
            left_s[entity].append(left / 1000)
    assert len(left_s["product"]) > 100
    assert len(left_s["basket"]) > 20
    assert 2000 < max(left_s["product"]) <= 3000
    assert 200 < max(left_s["basket"]) <= 300
    assert np.mean(left_s["product"]) == pytest.approx(1500, rel=0.3)


@pytest.mark.parametrize("scenario", [SCENARIO, READ_ONLY])
def test_an_entry_from_before_the_cell_belongs_to_its_record(cells: QueryCells, scenario: str) -> None:
    """A read of it returns the record of its position without a query: if it was made for the cell, and if it was kept
    and restored, as in a scenario without writes."""
    loads = cells.app_server.meter.counts
    cells.prepare("cache-aside", scenario)
    before = loads["load"]
    cell = cells.prepare("cache-aside", scenario)
    assert (loads["load"] == before) == (scenario == READ_ONLY)
    assert cell.population is not None
    hits = 0
    for position in (0, 1, 200, 201):
        before = loads["load"]
        record, record_id = cell.read(position, cell.query_at(position)), cell.population.record_id(position)
        hits += loads["load"] == before
        assert record is not None
        if position < 200:
            assert record["sku"] == str(record_id)
        else:
            assert (record["tenant"], record["day"]) == (record_id.tenant, record_id.day.isoformat())
    assert hits


def test_requests_are_shared_by_weight_and_only_the_query_that_writes_has_writes(cells: QueryCells) -> None:
    requests = cells.prepare("cache-aside").requests
    positions = np.array(requests.positions)
    writes = np.array([operation == "write" for operation in requests.operations])
    assert np.mean(positions < 200) == pytest.approx(0.75, abs=0.05)
    assert not writes[positions < 200].any()
    assert writes[positions >= 200].mean() == pytest.approx(0.2, abs=0.05)


def test_a_process_that_got_its_ids_in_another_order_ends_the_run(cells: QueryCells) -> None:
    """Its positions would stand for other records, and reads of two records would look like reads of one."""
    cell, scenario = cells.prepare("cache-aside"), cells.config.scenario(SCENARIO)
    assert cell.population is not None
    same = {0: {IDS_CHECKSUM: float(cell.population.checksum), "load": 1.0}}
    cells.store.check_ids(scenario, same)
    assert same == {0: {"load": 1.0}}
    other = replace(cell.population, ids=[*cell.population.ids[1:], cell.population.ids[0]])
    with pytest.raises(HarnessBroken, match=r"in process 1 \(wanted: .* ORDER BY a unique column\)"):
        cells.store.check_ids(scenario, {0: {}, 1: {IDS_CHECKSUM: float(other.checksum)}})


def test_a_write_changes_the_row_of_its_position(cells: QueryCells) -> None:
    cell = cells.prepare("cache-aside")
    record: Any = cell.perform("write", 203, 1)
    assert (record["tenant"], record["day"], record["version"]) == (1, "2026-01-04", 2)
    assert cell.version_columns == [None, "version"]


def test_the_keys_that_remain_are_counted_by_record(cells: QueryCells) -> None:
    """versioned-keys has two keys for each record."""
    cells.prepare("versioned-keys")
    patterns = cells.store.record_patterns(cells.config.scenario(SCENARIO))
    left = count_remaining_keys(cells.redis, cells.config.key_prefix, patterns)
    assert left["left.records"][0] == pytest.approx(left["left.keys"][0] / 2, rel=0.2)


def test_a_baseline_answers_each_query_from_an_entry_of_its_own(cells: QueryCells) -> None:
    cell = cells.prepare("bare-get")
    answers = [cell.read(position, cell.query_at(position)) for position in (5, 203)]
    assert [sorted(answer or {}) for answer in answers] == [["sku", "title"], ["day", "tenant", "version"]]
