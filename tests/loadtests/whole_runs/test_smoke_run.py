"""The counts of a smoke run: every due request is recorded, and the suite's counts equal the servers' exactly."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.conftest import CONTENDERS, added, commands, counted
from tests.loadtests.whole_runs.shared_benches import TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow

UNCOUNTED = "uncounted"
"""A contender whose commands the meters miss; its counts must differ from the server's."""


def bench_config(_home: Path) -> BenchConfig:
    """The caching scenarios of plan smoke with 2,000 users, plus a contender whose commands are not all counted."""
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("read-mostly", "stampede")),
        workload=WorkloadFile(common={"records": 2_000}),
        own_contenders=(str(CONTENDERS / f"{UNCOUNTED}.py"),),
    )


BENCHES = (SharedBench(name="smoke", processes=TWO_PROCESSES, config=bench_config),)


@pytest.fixture(scope="module")
def smoke_run(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


def requests(run: Run, cell: int) -> pd.DataFrame:
    samples = run.samples
    return samples[(samples["cell"] == cell) & (samples["operation"] != "background")]


def cells(run: Run, scenario: str, contender: str) -> list[int]:
    return [c.id for c in run.done if (c.scenario, c.contender) == (scenario, contender)]


def test_every_planned_cell_was_run(smoke_run: Run) -> None:
    assert [(c.id, c.status, c.why) for c in smoke_run.info.cells if c.status != "done"] == []
    assert smoke_run.info.status == "finished"


def test_every_contender_of_a_scenario_got_the_same_requests_at_the_same_times(smoke_run: Run) -> None:
    asked: dict[str, list[object]] = {}
    for cell in smoke_run.done:
        assert cell.begin_ns is not None
        rows = requests(smoke_run, cell.id).sort_values(["due_ns", "process"])
        offsets = (rows["due_ns"] - cell.begin_ns).tolist()
        asked.setdefault(cell.scenario, []).append((offsets, rows["key"].tolist(), rows["operation"].tolist()))
    for scenario, all_asked in asked.items():
        assert all(one == all_asked[0] for one in all_asked), scenario


def test_due_is_answered_plus_failed_plus_unanswered(smoke_run: Run) -> None:
    for cell in smoke_run.done:
        assert cell.deadline_ns is not None
        rows = requests(smoke_run, cell.id)
        ended = rows["end_ns"].notna() & (rows["end_ns"] <= cell.deadline_ns)
        failed = int((ended & rows["error"].notna()).sum())
        answered = int((ended & rows["error"].isna()).sum())
        unanswered = int((~ended).sum())
        assert len(rows) == answered + failed + unanswered
        assert rows[["process", "due_ns"]].drop_duplicates().shape[0] == len(rows)


def test_locust_counted_as_many_requests_as_there_are_samples(smoke_run: Run) -> None:
    for cell in smoke_run.done:
        assert cell.locust_requests == len(requests(smoke_run, cell.id)), cell


def test_both_application_servers_did_their_share(smoke_run: Run) -> None:
    for cell in smoke_run.done:
        shares = requests(smoke_run, cell.id)["process"].value_counts(normalize=True)
        assert set(shares.index) == {0, 1}
        assert shares.min() > 0.3


def test_the_inflight_sampler_counts_as_many_requests_as_the_recorded_times_show(smoke_run: Run) -> None:
    """All but a few samples agree exactly; the exceptions coincide with the end of a request."""
    inflight_samples = smoke_run.timeline[smoke_run.timeline["name"] == "in_the_system"]
    wrong = 0
    for cell in smoke_run.done:
        rows = requests(smoke_run, cell.id)
        rows = rows[rows["operation"] != "rest"]
        for process in (0, 1):
            mine = rows[rows["process"] == process]
            due, end = mine["due_ns"].to_numpy(np.int64), mine["end_ns"].fillna(2**62).to_numpy(np.int64)
            own = inflight_samples[
                (inflight_samples["cell"] == cell.id) & (inflight_samples["source"] == f"process-{process}")
            ]
            assert len(own) > 20, cell
            at_ns = own["t_ns"].to_numpy(np.int64)[:, np.newaxis]
            in_the_system = ((due <= at_ns) & (at_ns < end)).sum(axis=1)
            wrong += int((in_the_system != own["value"].to_numpy()).sum())
    assert wrong <= 0.02 * len(inflight_samples)


def test_the_meters_count_the_same_redis_commands_as_the_server(smoke_run: Run) -> None:
    for cell in smoke_run.done:
        ours = added(
            commands(counted(smoke_run.servers, cell.id, "process")),
            commands(counted(smoke_run.servers, cell.id, "coordinator")),
        )
        theirs = commands(counted(smoke_run.servers, cell.id, "redis"))
        if cell.contender == UNCOUNTED:
            assert theirs["get"] > ours["get"], "the uncounted GET was not detected"
        else:
            assert ours == theirs, cell


def test_the_commands_and_loads_of_the_samples_add_up_to_the_processes_counters(smoke_run: Run) -> None:
    for cell in smoke_run.done:
        rows = smoke_run.samples[smoke_run.samples["cell"] == cell.id]
        ours = counted(smoke_run.servers, cell.id, "process")
        assert int(rows["commands"].sum()) == sum(commands(ours).values())
        assert int(rows["loads"].sum()) == ours.get("load", 0)


def test_the_counted_loads_and_updates_equal_the_calls_in_pg_stat_statements(smoke_run: Run) -> None:
    for cell in smoke_run.done:
        ours = counted(smoke_run.servers, cell.id, "process")
        theirs = counted(smoke_run.servers, cell.id, "postgres")
        for name in ("load", "update", "create"):
            assert ours.get(name, 0) == theirs.get(f"statement.{name}.calls", 0), (cell, name)


def test_loads_wait_inside_the_query_and_yet_read_their_rows(smoke_run: Run) -> None:
    for cell in smoke_run.done:
        theirs = counted(smoke_run.servers, cell.id, "postgres")
        loads = theirs.get("statement.load.calls", 0)
        assert theirs.get("statement.load.blocks_hit", 0) + theirs.get("statement.load.blocks_read", 0) >= loads


def expiries(run: Run, contender: str) -> list[pd.DataFrame]:
    """The loads of the one hot key, grouped by the expiry that caused them: the first read that missed, and all reads
    that began before its end. Later reads find the entry that it filled."""
    (cell,) = cells(run, "stampede", contender)
    rows = run.samples[(run.samples["cell"] == cell) & (run.samples["loads"] > 0)].sort_values("load_start_ns")
    found = []
    while len(rows):
        together = rows["start_ns"] <= rows["end_ns"].iloc[0]
        found.append(rows[together])
        rows = rows[~together]
    return found


def loads_per_expiry(run: Run, contender: str) -> float:
    return float(np.mean([len(loads) for loads in expiries(run, contender)]))


def test_a_contender_that_does_the_same_without_writes_does_not_run(smoke_run: Run) -> None:
    """write-through's reads are cache-aside's: the run names it, and has no cell of it, where nothing is written."""
    same = {s.name: s.same_as for s in smoke_run.info.scenarios}
    assert same == {"read-mostly": {}, "stampede": {"write-through": "cache-aside"}}
    assert cells(smoke_run, "stampede", "write-through") == []


def test_no_cache_loads_once_per_request_in_a_stampede(smoke_run: Run) -> None:
    (cell,) = cells(smoke_run, "stampede", "no-cache")
    rows = requests(smoke_run, cell)
    assert rows["loads"].sum() == len(rows)


def test_in_an_unprotected_stampede_every_read_during_the_first_load_loads_too(smoke_run: Run) -> None:
    """The loads per expiry are one plus the reads that began during the first load. An entry lives for a TTL."""
    (cell,) = cells(smoke_run, "stampede", "cache-aside")
    began = requests(smoke_run, cell)["start_ns"]
    found = expiries(smoke_run, "cache-aside")
    firsts = [loads.iloc[0] for loads in found]
    during = sum(int(began.between(x["load_start_ns"], x["load_end_ns"], inclusive="neither").sum()) for x in firsts)
    whole = sum(int(began.between(x["start_ns"], x["end_ns"]).sum()) for x in firsts)
    assert during > 2 * len(found)
    assert 0.6 * (len(found) + during) < sum(map(len, found)) < 1.6 * whole
    (info,) = (s for s in smoke_run.info.scenarios if s.name == "stampede")
    for before, after in itertools.pairwise(firsts):
        assert after["load_start_ns"] - before["load_end_ns"] > (info.workload["ttl_s"] - 0.01) * 1e9


def test_coalescing_loads_one_at_a_time(smoke_run: Run) -> None:
    """About one load per expiry: a read that missed just before the fill takes the lock after it and loads again."""
    (cell,) = cells(smoke_run, "stampede", "coalescing")
    rows = smoke_run.samples[(smoke_run.samples["cell"] == cell) & (smoke_run.samples["loads"] > 0)]
    rows = rows.sort_values("load_start_ns")
    assert len(rows) > 1
    assert (rows["load_start_ns"].iloc[1:].to_numpy() >= rows["load_end_ns"].iloc[:-1].to_numpy()).all()
    assert loads_per_expiry(smoke_run, "coalescing") < loads_per_expiry(smoke_run, "cache-aside") / 3


def test_cache_aside_loads_exactly_once_per_miss(smoke_run: Run) -> None:
    (cell,) = cells(smoke_run, "read-mostly", "cache-aside")
    rows = requests(smoke_run, cell)
    reads = rows[rows["operation"] == "read"]
    misses = int((reads["first_cache_reply"] == "none").sum())
    assert misses == int(reads["loads"].sum()) == counted(smoke_run.servers, cell, "postgres")["statement.load.calls"]
    assert 0 < misses < len(reads)


def test_every_round_trip_takes_at_least_the_simulated_rtt(smoke_run: Run) -> None:
    rtt_ms = smoke_run.info.scenarios[0].workload["rtt_ms"]
    rows = smoke_run.samples[smoke_run.samples["round_trips"] > 0]
    assert rtt_ms == 0.5
    assert (rows["simulated_rtt_ns"] >= rows["round_trips"] * rtt_ms * 1e6).all()


def test_background_work_has_its_own_rows_and_is_never_counted_for_a_reader(smoke_run: Run) -> None:
    (cell,) = cells(smoke_run, "stampede", "refresh-ahead")
    rows = smoke_run.samples[smoke_run.samples["cell"] == cell]
    background = rows[rows["operation"] == "background"]
    assert len(background) > 0
    assert background["loads"].sum() == len(background)
    hits = rows[(rows["operation"] == "read") & (rows["first_cache_reply"] == "value")]
    assert hits["loads"].sum() == 0


def test_versions_and_commits_of_writes_are_recorded(smoke_run: Run) -> None:
    (cell,) = cells(smoke_run, "read-mostly", "write-through")
    rows = requests(smoke_run, cell)
    writes = rows[rows["operation"] == "write"]
    assert len(writes) > 0
    assert (writes["version_written"] >= 2).all()
    assert (writes["start_ns"] <= writes["commit_start_ns"]).all()
    assert (writes["commit_start_ns"] < writes["commit_end_ns"]).all()
    assert (writes["commit_end_ns"] <= writes["end_ns"]).all()
    assert rows[rows["operation"] == "read"]["version_read"].notna().all()
