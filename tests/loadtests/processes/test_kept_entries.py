"""Cells begin with the contender's own entries, in the steady state of a service that has run for long."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import redis

from stampede.core.text.record_id_text import record_in_key
from stampede.loadtests.appserver.appserver import AppServer
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.coordinator.kept_entries import EntryStore
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig
from stampede.patterns.serialization.json import Json
from stampede.scenarios.plans import Plan
from stampede.scenarios.workload import OwnSql, WorkloadFile
from stampede.stack.server_counters import delete_keys
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow

READ_MOSTLY, AT_0MS, MIXED, READ_ONLY = "read-mostly", "read-mostly-at-0ms", "mixed-writes", "read-mostly-ttl-60s"
RECORDS = 2_500
RECORD_KEY = record_in_key("user", 1)
TTL_S = 3000.0
"""So long that few entries expire between their restoring and their reading here."""
SEED = 77
LATER_MS = 60_000
"""How much later than restored a lifetime may be read on a busy machine."""


@dataclass(frozen=True)
class Cells:
    """One application server and one store on real servers, which prepare cells as the coordinator lets them."""

    config: RunConfig
    app_server: AppServer
    store: EntryStore
    redis: redis.Redis

    def prepare(self, scenario: str, contender: str, seed: int = SEED) -> str:
        """Prepare a cell from an empty cache. Returns what the application server had to read."""
        plan = CellPlan(id=1, scenario=scenario, contender=contender, round=1, seed=seed, predecessor=None)
        delete_keys(self.redis, self.config.key_prefix)
        fill = self.store.fill_for(self.config, plan)
        self.app_server.prepare(plan, fill)
        self.store.arrange(self.config, plan, fill)
        return fill

    def entries(self) -> dict[bytes, tuple[bytes, int]]:
        """Each key's DUMP and PTTL. Without those that expire in this moment."""
        keys = list(self.redis.scan_iter(match=f"{self.config.key_prefix}*", count=1000))
        pipeline = self.redis.pipeline(transaction=False)
        for key in keys:
            pipeline.pttl(key)
            pipeline.dump(key)
        answers = pipeline.execute()
        found = zip(keys, answers[1::2], answers[::2], strict=True)
        return {key: (dump, left) for key, dump, left in found if dump is not None}

    def close(self) -> None:
        self.app_server.abandon()
        self.app_server.close()
        self.store.servers.close()
        self.redis.close()


def open_cells(stack: Stack, runs: Path, redis_url: str = "") -> Cells:
    bench = BenchConfig(
        plan=Plan(name="kept", rounds=1, scenarios=(READ_MOSTLY, AT_0MS, MIXED, READ_ONLY, "cold-start")),
        workload=WorkloadFile(
            common={"records": RECORDS, "ttl_s": TTL_S},
            by_scenario={MIXED: {"ttl_s": TTL_S}, READ_ONLY: {"ttl_s": TTL_S, "read_share": 1.0}},
        ),
        processes=1,
        runs=runs,
    )
    config = prepare_run(bench, stack, lambda _line: None)[0]
    config = replace(config, redis_url=redis_url or config.redis_url)
    clock = ThreadClock()
    return Cells(
        config=config,
        app_server=AppServer(config, 0, clock),
        store=EntryStore(config, ServerConnections(config, Meter(clock))),
        redis=redis.Redis.from_url(stack.redis.url),
    )


@pytest.fixture(scope="module")
def cells(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    opened = open_cells(stack, tmp_path_factory.mktemp("kept"))
    yield opened
    opened.close()


def records(entries: dict[bytes, tuple[bytes, int]]) -> set[int]:
    return {int(found[1]) for key in entries if (found := RECORD_KEY.search(key))}


def test_entries_are_made_once_and_then_put_back(cells: Cells) -> None:
    """The second cell begins with the same bytes, other lifetimes, and no read by the application server."""
    assert cells.prepare(READ_MOSTLY, "cache-aside", seed=1) == "candidates"
    first = cells.entries()
    assert cells.prepare(READ_MOSTLY, "cache-aside", seed=2) == "nothing"
    second = cells.entries()
    assert len(first) > RECORDS / 10
    both = first.keys() & second.keys()
    assert len(both) > 0.5 * max(len(first), len(second))  # presence is drawn for each cell
    assert all(first[key][0] == second[key][0] for key in both)
    assert any(abs(first[key][1] - second[key][1]) > LATER_MS for key in both)


def test_entries_are_those_that_the_contender_makes(cells: Cells) -> None:
    """A restored entry holds the record under the contender's own key."""
    cells.prepare(READ_MOSTLY, "cache-aside")
    key = next(iter(cells.entries()))
    found = RECORD_KEY.search(key)
    assert found is not None
    value: Any = cells.redis.get(key)
    assert Json().loads(value)["id"] == int(found[1])


def test_lifetimes_are_spread_over_the_ttl(cells: Cells) -> None:
    """Without writes, ages are uniform over the TTL, from the first cell on."""
    for seed in (1, 2):
        cells.prepare(READ_ONLY, "cache-aside", seed)
        left_s = np.array([left for _, left in cells.entries().values()]) / 1000
        assert left_s.max() <= TTL_S
        assert abs(left_s.mean() - TTL_S / 2) < 0.1 * TTL_S + LATER_MS / 1000
        assert left_s.std() > 0.2 * TTL_S


def test_the_a_a_copy_and_the_variant_without_an_rtt_use_the_same_entries(cells: Cells) -> None:
    cells.prepare(READ_MOSTLY, "cache-aside")
    original = cells.entries()
    (copy,) = (spec.name for spec in cells.config.contender_specs if spec.copy_of == "cache-aside")
    for scenario, contender in ((READ_MOSTLY, copy), (AT_0MS, "cache-aside")):
        assert cells.prepare(scenario, contender) == "nothing"
        again = cells.entries()
        both = again.keys() & original.keys()
        assert len(both) > 0.9 * max(len(original), len(again))
        assert all(abs(again[key][1] - original[key][1]) < LATER_MS for key in both)


def test_a_contender_that_fills_on_writes_has_the_entries_of_one_that_deletes_and_more(cells: Cells) -> None:
    """All contenders draw the same numbers, so that a higher probability only adds records."""
    cells.prepare(READ_MOSTLY, "cache-aside")
    plain = records(cells.entries())
    cells.prepare(READ_MOSTLY, "write-through")
    filled = records(cells.entries())
    assert len(plain - filled) < 0.02 * len(plain)
    assert len(filled) > len(plain)


def test_each_cell_has_its_own_draw_of_popular_records(cells: Cells) -> None:
    """A popular record matters to the hit rate, so presence is drawn for each cell."""
    drawn = set()
    for seed in range(3):
        cells.prepare(MIXED, "cache-aside", seed)
        drawn.add(frozenset(records(cells.entries())))
    assert len(drawn) > 1


def test_a_key_without_a_ttl_is_put_back_without_one(cells: Cells) -> None:
    for fill in ("candidates", "nothing"):
        assert cells.prepare(MIXED, "versioned-keys") == fill
        lifetimes = {key.endswith(b":version"): left for key, (_, left) in cells.entries().items()}
        assert lifetimes[True] == -1
        assert 0 < lifetimes[False] <= 1000 * TTL_S


def test_a_contender_without_a_cache_reads_one_record(cells: Cells) -> None:
    before = cells.app_server.meter.counts["load"]
    cells.prepare(READ_MOSTLY, "no-cache")
    assert cells.app_server.meter.counts["load"] - before == 1
    assert cells.entries() == {}


def test_cold_cells_and_baselines_have_no_entries_to_make(cells: Cells) -> None:
    assert cells.prepare("cold-start", "cache-aside") == "nothing"
    assert cells.entries() == {}
    assert cells.prepare(READ_MOSTLY, "bare-get") == "nothing"


def test_entries_that_may_be_out_of_date_are_read_again(cells: Cells) -> None:
    """The rows of the user's own SQL change with writes, and entries of the user's own contender may hold a time."""
    plan = CellPlan(id=1, scenario=READ_MOSTLY, contender="cache-aside", round=1, seed=1, predecessor=None)
    scenario = cells.config.scenario(READ_MOSTLY)
    sql = OwnSql(load="SELECT %(id)s AS id", ids="SELECT 1", update="SELECT %(id)s AS id")
    own_rows = replace(scenario, workload=replace(scenario.workload, queries=(sql,)))
    assert cells.store.fill_for(cells.config.with_scenario(own_rows), plan) == "residents"
    read_only = replace(own_rows, workload=replace(own_rows.workload, read_share=1.0))
    assert cells.store.fill_for(cells.config.with_scenario(read_only), plan) == "candidates"
    specs = tuple(replace(spec, file="own.py") for spec in cells.config.contender_specs)
    assert cells.store.fill_for(replace(cells.config, contender_specs=specs), plan) == "residents"


@pytest.mark.parametrize("command", ["dump", "restore"])
def test_without_the_right_to_keep_entries_they_are_read_before_each_cell(
    stack: Stack, tmp_path: Path, command: str
) -> None:
    """A Redis user without DUMP or RESTORE gets the same start, which takes longer."""
    admin = redis.Redis.from_url(stack.redis.url)
    admin.acl_setuser(
        "limited", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"], commands=[f"-{command}"]
    )
    host = urlsplit(stack.redis.url).netloc.rpartition("@")[2]
    opened = open_cells(stack, tmp_path, f"redis://limited:secret@{host}/0")
    try:
        for fill in ("candidates", "residents"):
            assert opened.prepare(READ_MOSTLY, "cache-aside") == fill
            assert opened.store.refused == command.upper()
            left_s = np.array([left for _, left in opened.entries().values()]) / 1000
            assert len(left_s) > RECORDS / 10
            assert left_s.max() <= TTL_S
            assert left_s.std() > 0.2 * TTL_S
    finally:
        opened.close()
        admin.acl_deluser("limited")
