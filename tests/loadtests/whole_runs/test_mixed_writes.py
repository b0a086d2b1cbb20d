"""Scenario mixed-writes on real servers: it detects stale reads, and reports none if there are none."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.locustfiles.run_config import CellPlan
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.conftest import CONTENDERS, added, commands, counted
from tests.loadtests.whole_runs.shared_benches import TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow

READS = int(os.environ.get("STAMPEDE_FRESHNESS_READS", "5000"))
"""The number of reads without a cache that are judged; `make freshness` sets 100,000."""
RATE_PER_S = 1200.0
MIXED = "mixed-writes"


def mixed_config(_home: Path) -> BenchConfig:
    """A smoke run of mixed-writes with a contender that commits 20 ms after it deletes."""
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=(MIXED,), contenders=(), experiments=()),
        workload=WorkloadFile(common={"records": 2_000}),
        contenders=("cache-aside", "ttl-only", "versioned-keys"),
        own_contenders=(str(CONTENDERS / "deletes_first.py"),),
    )


def uncached_config(_home: Path) -> BenchConfig:
    """All judged reads without a cache, in one cell."""
    own = {"rate_per_s": RATE_PER_S, "load_cpu_ms": 0.0, "load_wait_ms": 1.0, "rtt_ms": 0.0}
    per_window = find_scenario(MIXED).window_ttls * 0.5 * RATE_PER_S * 0.7
    windows = -int(-READS // per_window)
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=(MIXED,), contenders=(), experiments=(), windows=windows),
        workload=WorkloadFile(common={"records": 2_000}, by_scenario={MIXED: own}),
        contenders=("no-cache",),
        reference="no-cache",
    )


def is_no_baseline(cell: CellPlan) -> bool:
    return cell.contender != "bare-get"


BENCHES = (
    SharedBench(name="mixed", processes=TWO_PROCESSES, config=mixed_config, keep=is_no_baseline),
    SharedBench(name="uncached", processes=TWO_PROCESSES, config=uncached_config, keep=is_no_baseline),
)


@pytest.fixture(scope="module")
def mixed(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


@pytest.fixture(scope="module")
def analysis(mixed: Run) -> Analysis:
    return analyse(mixed)


def figure(analysis: Analysis, contender: str, metric: str = "stale-after-told") -> float:  # quoted
    return analysis.figure(MIXED, contender, metric).value


def ttl_s(run: Run) -> float:
    return float(run.info.scenarios[0].workload["ttl_s"])


def samples_of(run: Run, contender: str) -> pd.DataFrame:
    (cell,) = (c.id for c in run.done if c.contender == contender)
    return run.samples[run.samples["cell"] == cell]


def test_a_contender_that_deletes_before_it_commits_is_flagged(analysis: Analysis) -> None:
    """It has more reads that are stale after acknowledgement than cache-aside, which deletes after the commit."""
    assert figure(analysis, "deletes-first") > 1
    assert figure(analysis, "deletes-first") > 2 * figure(analysis, "cache-aside")
    assert figure(analysis, "deletes-first", "right-10ms") < figure(analysis, "cache-aside", "right-10ms")


def test_entries_that_only_expire_are_stale_and_versioned_keys_are_not(analysis: Analysis) -> None:
    assert figure(analysis, "ttl-only") > 10
    assert figure(analysis, "versioned-keys") == 0
    rows = samples_of(analysis.run, "ttl-only")
    longest_ms = (
        (rows["end_ns"] - rows["start_ns"]) / 1e6
    ).max()  # the time from a load to its fill, and from a GET to its answer
    assert 0 < figure(analysis, "ttl-only", "stale-age-max") < 1e3 * ttl_s(analysis.run) + 2 * longest_ms


def test_no_read_ever_comes_from_the_future(analysis: Analysis) -> None:
    for cell in analysis.cells:
        if cell.judged is not None:
            assert len(cell.judged.reads) > 300
            assert not cell.judged.future.any()
    assert not analysis.void


def test_each_process_reads_the_written_keys_once_more_after_the_drain(mixed: Run, analysis: Analysis) -> None:
    for cell in mixed.done:
        rows = mixed.samples[mixed.samples["cell"] == cell.id]
        rest, rows = rows[rows["operation"] == "rest"], rows[rows["operation"] != "rest"]
        assert set(rest["key"]) == set(rows.loc[rows["operation"] == "write", "key"])
        assert len(rest) == 2 * rest["key"].nunique()
        assert rest["start_ns"].min() >= rows["end_ns"].max()
    assert figure(analysis, "versioned-keys", "stale-at-rest") == 0
    if surely_stale_after_drain(samples_of(mixed, "ttl-only"), ttl_s(mixed)):  # else the drain took more than a TTL
        assert figure(analysis, "ttl-only", "stale-at-rest") > 0


def surely_stale_after_drain(rows: pd.DataFrame, ttl_s: float) -> set[int]:
    """Keys whose last fill was loaded before their last write began, and expired after the read that followed the
    drain."""
    loads = rows[(rows["loads"] > 0) & (rows["operation"] == "read")].groupby("key")["load_end_ns"].max()
    writes = rows[rows["operation"] == "write"].groupby("key")["start_ns"].max()
    last_reads = rows[rows["operation"] == "rest"].groupby("key")["end_ns"].max()
    facts = pd.DataFrame({"load": loads, "write": writes, "rest": last_reads}).dropna()
    old = facts[(facts["load"] < facts["write"]) & (facts["rest"] < facts["load"] + ttl_s * 1e9)]
    return {int(key) for key in old.index}


def test_the_counts_agree_with_the_reads_after_the_drain_included(mixed: Run, analysis: Analysis) -> None:
    """Locust does not count these reads as requests; all other counters include their commands and loads."""
    for cell in mixed.done:
        rows = mixed.samples[mixed.samples["cell"] == cell.id]
        assert cell.locust_requests == int((~rows["operation"].isin(["background", "rest"])).sum())
        ours = added(
            commands(counted(mixed.servers, cell.id, "process")),
            commands(counted(mixed.servers, cell.id, "coordinator")),
        )
        assert ours == commands(counted(mixed.servers, cell.id, "redis"))
    assert "counts-differ" not in {warning.kind.name for warning in analysis.warnings}


def test_versioned_keys_leave_more_in_redis_than_a_delete(analysis: Analysis) -> None:
    """They leave a counter for each record and an entry for each write of the last TTL; the run measures both."""
    assert figure(analysis, "versioned-keys", "keys-left") > 1.5 * figure(analysis, "cache-aside", "keys-left")
    assert figure(analysis, "versioned-keys", "keys-per-record") > 1
    assert figure(analysis, "versioned-keys", "bytes-left") > figure(analysis, "cache-aside", "bytes-left")
    if figure(analysis, "cache-aside", "keys-left"):  # else all entries expired before they were counted
        assert figure(analysis, "cache-aside", "keys-per-record") == 1
        assert figure(analysis, "cache-aside", "bytes-left") > 0


def test_no_cache_shows_no_stale_read(run_shared: Callable[[SharedBench], Run]) -> None:
    """None of 5,000 reads is stale (`make freshness`: 100,000), although reads and writes of popular keys overlap."""
    run = run_shared(BENCHES[1])
    (cell,) = (cell for cell in analyse(run).cells if cell.contender.name == "no-cache")
    found = cell.judged
    assert found is not None
    rows = samples_of(run, "no-cache")
    answered = int(((rows["operation"] == "read") & ~rows["warm_up"] & rows["end_ns"].notna()).sum())
    assert int(found.reads.measured.sum()) == answered > READS / 2  # all due reads, if the machine keeps up
    assert int(found.possible.sum()) > 0
    assert int(found.stale.sum()) == 0
    assert not found.future.any()
