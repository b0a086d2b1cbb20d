"""Closed clients wait for their answer and then think. A stall prevents requests, and the run's remark says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stampede.core.errors import ConfigError
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import Workload, WorkloadFile
from tests.loadtests.conftest import CONTENDERS
from tests.loadtests.whole_runs.shared_benches import ONE_PROCESS, SharedBench

pytestmark = pytest.mark.slow

CLIENTS, THINK_S, WINDOW_S = 8, 0.05, 6.0
STALL_S = 2.0


def bench_config(_home: Path) -> BenchConfig:
    common = {"records": 2_000, "active_records": 20, "arrivals": "closed", "think_s": THINK_S, "ttl_s": WINDOW_S / 2}
    common |= {"load_cpu_ms": 0.0, "load_wait_ms": 1.0, "users_per_process": CLIENTS, "rtt_ms": 0.0, "read_share": 1.0}
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("read-mostly",), experiments=(), windows=round(WINDOW_S / 2)),
        workload=WorkloadFile(common=common),
        contenders=("no-cache",),
        own_contenders=(str(CONTENDERS / "stalling.py"),),
        reference="no-cache",
        processes=1,
    )


BENCHES = (
    SharedBench(
        name="closed", processes=ONE_PROCESS, config=bench_config, keep=lambda cell: cell.contender == "stalling"
    ),
)


@pytest.fixture(scope="module")
def closed(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


def samples_of(run: Run) -> pd.DataFrame:
    (cell,) = run.done
    return run.samples[run.samples["cell"] == cell.id]


def test_every_client_has_one_request_at_a_time(closed: Run) -> None:
    rows = samples_of(closed).sort_values("start_ns")
    assert rows["client"].nunique() == CLIENTS
    for _, own in rows.groupby("client"):
        starts, ends = (own[name].to_numpy(dtype=np.int64) for name in ("start_ns", "end_ns"))
        assert (starts[1:] >= ends[:-1]).all()


def test_locust_counted_every_request_and_none_is_due_after_the_window(closed: Run) -> None:
    for cell in closed.done:
        rows = closed.samples[closed.samples["cell"] == cell.id]
        assert cell.locust_requests == len(rows)
        assert (rows["due_ns"] < cell.window_end_ns).all()


def test_during_a_stall_each_client_sends_at_most_one_request(closed: Run) -> None:
    """In 2 s at 160 a second 320 open requests would have been due; each closed client sends at most one."""
    rows = samples_of(closed)
    stalled_ns = rows.loc[rows["end_ns"] - rows["start_ns"] >= STALL_S * 1e9, "start_ns"].min()
    since_s = (rows["due_ns"] - stalled_ns) / 1e9
    meanwhile = rows[(since_s > 0) & (since_s < STALL_S)]
    assert 1 <= len(meanwhile) <= CLIENTS
    assert meanwhile["client"].is_unique
    assert ((since_s < 0) & (since_s > -STALL_S)).sum() > len(meanwhile)


def test_a_remark_of_the_run_names_what_closed_clients_hide(closed: Run) -> None:
    (remark,) = [r for r in closed.info.remarks if r["name"] == "closed"]
    assert "hides" in remark["cost"]


def test_more_closed_clients_than_the_harness_can_drive_are_refused() -> None:
    with pytest.raises(ConfigError, match="think_s"):
        Workload(arrivals="closed", users_per_process=1000, think_s=0.01).closed_rate_per_s(2)
