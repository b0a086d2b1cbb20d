"""What mixed-writes finds out, on the real servers: a broken promise is seen, and nothing is seen that is not there."""

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
"""How many reads without a cache are judged; `make freshness` asks for 100,000."""
RATE_PER_S = 1200.0
MIXED = "mixed-writes"


def mixed_order(_home: Path) -> BenchConfig:
    """A smoke run of mixed-writes with a contender that commits 20 ms after it deleted."""
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=(MIXED,), contenders=(), experiments=()),
        workload=WorkloadFile(common={"records": 2_000}),
        contenders=("cache-aside", "ttl-only", "versioned-keys"),
        own_contenders=(str(CONTENDERS / "deletes_first.py"),),
    )


def uncached_order(_home: Path) -> BenchConfig:
    """As many reads without a cache as are judged, in one cell."""
    own = {"rate_per_s": RATE_PER_S, "load_cpu_ms": 0.0, "load_wait_ms": 1.0, "rtt_ms": 0.0}
    per_window = find_scenario(MIXED).window_ttls * 0.5 * RATE_PER_S * 0.7
    windows = -int(-READS // per_window)
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=(MIXED,), contenders=(), experiments=(), windows=windows),
        workload=WorkloadFile(common={"records": 2_000}, by_scenario={MIXED: own}),
        contenders=("no-cache",),
        reference="no-cache",
    )


def no_bound(cell: CellPlan) -> bool:
    return cell.contender != "bare-get"


BENCHES = (
    SharedBench(name="mixed", processes=TWO_PROCESSES, order=mixed_order, keep=no_bound),
    SharedBench(name="uncached", processes=TWO_PROCESSES, order=uncached_order, keep=no_bound),
)


@pytest.fixture(scope="module")
def mixed(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


@pytest.fixture(scope="module")
def told(mixed: Run) -> Analysis:
    return analyse(mixed)


def share(told: Analysis, contender: str, metric: str = "stale-after-told") -> float:
    return told.figure(MIXED, contender, metric).value


def ttl_s(run: Run) -> float:
    return float(run.info.scenarios[0].workload["ttl_s"])


def of(run: Run, contender: str) -> pd.DataFrame:
    (cell,) = (c.id for c in run.done if c.contender == contender)
    return run.samples[run.samples["cell"] == cell]


def test_a_contender_that_deletes_before_it_commits_is_flagged(told: Analysis) -> None:
    """It stands out from cache-aside, which deletes afterwards, in reads that its writers had been told of."""
    assert share(told, "deletes-first") > 1
    assert share(told, "deletes-first") > 2 * share(told, "cache-aside")
    assert share(told, "deletes-first", "right-10ms") < share(told, "cache-aside", "right-10ms")


def test_entries_that_only_expire_are_stale_and_versioned_keys_are_not(told: Analysis) -> None:
    assert share(told, "ttl-only") > 10
    assert share(told, "versioned-keys") == 0
    rows = of(told.run, "ttl-only")
    longest_ms = ((rows["end_ns"] - rows["start_ns"]) / 1e6).max()  # from a load to its fill, from a GET to its answer
    assert 0 < share(told, "ttl-only", "stale-age-max") < 1e3 * ttl_s(told.run) + 2 * longest_ms


def test_no_read_ever_comes_from_the_future(told: Analysis) -> None:
    for cell in told.cells:
        if cell.judged is not None:
            assert len(cell.judged.reads) > 300
            assert not cell.judged.future.any()
    assert not told.void


def test_what_was_written_is_read_once_more_by_each_process_when_all_is_at_rest(mixed: Run, told: Analysis) -> None:
    for cell in mixed.done:
        rows = mixed.samples[mixed.samples["cell"] == cell.id]
        rest, rows = rows[rows["operation"] == "rest"], rows[rows["operation"] != "rest"]
        assert set(rest["key"]) == set(rows.loc[rows["operation"] == "write", "key"])
        assert len(rest) == 2 * rest["key"].nunique()
        assert rest["start_ns"].min() >= rows["end_ns"].max()
    assert share(told, "versioned-keys", "stale-at-rest") == 0
    if surely_old_at_rest(of(mixed, "ttl-only"), ttl_s(mixed)):  # else rest came later than a TTL
        assert share(told, "ttl-only", "stale-at-rest") > 0


def surely_old_at_rest(rows: pd.DataFrame, ttl_s: float) -> set[int]:
    """Keys whose last fill was loaded before their last write began, and lived until after they were read at rest."""
    loads = rows[(rows["loads"] > 0) & (rows["operation"] == "read")].groupby("key")["load_end_ns"].max()
    writes = rows[rows["operation"] == "write"].groupby("key")["start_ns"].max()
    rests = rows[rows["operation"] == "rest"].groupby("key")["end_ns"].max()
    facts = pd.DataFrame({"load": loads, "write": writes, "rest": rests}).dropna()
    old = facts[(facts["load"] < facts["write"]) & (facts["rest"] < facts["load"] + ttl_s * 1e9)]
    return {int(key) for key in old.index}


def test_the_books_balance_with_reads_at_rest_in_them(mixed: Run, told: Analysis) -> None:
    """They are no requests to Locust, and their commands and loads stand in everybody's account."""
    for cell in mixed.done:
        rows = mixed.samples[mixed.samples["cell"] == cell.id]
        assert cell.locust_requests == int((~rows["operation"].isin(["background", "rest"])).sum())
        ours = added(
            commands(counted(mixed.servers, cell.id, "process")),
            commands(counted(mixed.servers, cell.id, "coordinator")),
        )
        assert ours == commands(counted(mixed.servers, cell.id, "redis"))
    assert "counts-differ" not in {warning.kind.name for warning in told.warnings}


def test_versioned_keys_leave_more_in_redis_than_a_delete(told: Analysis) -> None:
    """A counter a record and an entry for every write of the last TTL: the garbage is measured."""
    assert share(told, "versioned-keys", "keys-left") > 1.5 * share(told, "cache-aside", "keys-left")
    assert share(told, "versioned-keys", "keys-per-record") > 1
    assert share(told, "versioned-keys", "bytes-left") > share(told, "cache-aside", "bytes-left")
    if share(told, "cache-aside", "keys-left"):  # else a TTL went by before anybody looked
        assert share(told, "cache-aside", "keys-per-record") == 1
        assert share(told, "cache-aside", "bytes-left") > 0


def test_no_cache_shows_no_stale_read(run_shared: Callable[[SharedBench], Run]) -> None:
    """Not one of 5,000 reads (`make freshness`: 100,000), though reads and writes of popular records overlap."""
    run = run_shared(BENCHES[1])
    (cell,) = (cell for cell in analyse(run).cells if cell.contender.name == "no-cache")
    found = cell.judged
    assert found is not None
    rows = of(run, "no-cache")
    answered = int(((rows["operation"] == "read") & ~rows["warm_up"] & rows["end_ns"].notna()).sum())
    assert int(found.reads.measured.sum()) == answered > READS / 2  # all that is due, where the machine keeps up
    assert int(found.possible.sum()) > 0
    assert int(found.stale.sum()) == 0
    assert not found.future.any()
