"""A stall of 2 s in 10 s, at 100 requests/s with 8 threads, is visible in response times counted from due times."""

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
from tests.loadtests.conftest import CONTENDERS
from tests.loadtests.whole_runs.shared_benches import ONE_PROCESS, SharedBench

pytestmark = pytest.mark.slow

STALL_S, WINDOW_S, RATE_PER_S, THREADS = 2.0, 10.0, 100, 8
SCENARIO_WINDOW_S = 2.0
"""The window of read-mostly."""


def bench_config(_home: Path) -> BenchConfig:
    common = {
        "records": 2_000,
        "rate_per_s": RATE_PER_S,
        "arrivals": "constant",
        "read_share": 1.0,
        "active_records": 20,
        "ttl_s": WINDOW_S / 2,
        "load_cpu_ms": 0.0,
        "load_wait_ms": 1.0,
        "users_per_process": THREADS,
        "rtt_ms": 0.0,
    }
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("read-mostly",), windows=round(WINDOW_S / SCENARIO_WINDOW_S)),
        workload=WorkloadFile(common=common),
        contenders=("no-cache",),
        own_contenders=(str(CONTENDERS / "stalling.py"),),
        reference="no-cache",
        processes=1,
    )


BENCHES = (
    SharedBench(
        name="stalled", processes=ONE_PROCESS, config=bench_config, keep=lambda cell: cell.contender == "stalling"
    ),
)


@pytest.fixture(scope="module")
def stalled(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


@pytest.fixture(scope="module")
def reads(stalled: Run) -> pd.DataFrame:
    (cell,) = (c.id for c in stalled.done if c.contender == "stalling")
    rows = stalled.samples[(stalled.samples["cell"] == cell) & ~stalled.samples["warm_up"]]
    return rows.astype({"due_ns": "int64", "thread_free_ns": "int64", "start_ns": "int64", "end_ns": "int64"})


def test_response_time_p90_is_the_closed_form(reads: pd.DataFrame) -> None:
    """The lower limit is the closed form for a queue that is served at once. The upper limit adds the machine's usual
    response time without a stall, and how far it fell behind the constant service rate of the closed form.

    Other load makes the stall longer than configured and interrupts the service; the samples show both.
    """
    due, ends = reads["due_ns"].to_numpy(), reads["end_ns"].to_numpy()
    stall_s = float((ends - reads["start_ns"].to_numpy()).max() / 1e9)
    found_ms = np.quantile((ends - due) / 1e6, 0.9)
    released = ends[ends - due > 0.75 * STALL_S * 1e9].min()
    queued = np.sort(ends[(due < released) & (ends >= released)])
    mu_per_s = (len(queued) - 1) / ((queued[-1] - queued[0]) / 1e9)
    aside = (due < released - 1.5 * STALL_S * 1e9) | (due > queued[-1])
    usual_ms = np.quantile((ends - due)[aside] / 1e6, 0.99)
    at_mu = queued[0] + np.arange(len(queued)) * 1e9 / mu_per_s
    behind_ms = (queued - at_mu).max() / 1e6
    assert found_ms > 0.99 * closed_form_ms(len(reads), STALL_S, np.inf, 0.9)
    assert found_ms < 1.05 * closed_form_ms(len(reads), stall_s, mu_per_s, 0.9) + usual_ms + behind_ms


def closed_form_ms(requests: int, stall_s: float, mu_per_s: float, share: float) -> float:
    """The quantile of response time if a server stalls once for S seconds at a constant rate r.

    A request due u seconds after the stall began waits S - u, and then until the u * r requests before it are served,
    mu per second. The samples give mu: the rate at which the queue was served after the stall.
    """
    u = (np.arange(RATE_PER_S * stall_s) + 0.5) / RATE_PER_S
    waits_ms = 1e3 * np.maximum(0, stall_s - u + u * RATE_PER_S / mu_per_s)
    all_ms = np.concatenate([waits_ms, np.zeros(requests - len(waits_ms))])
    return float(np.quantile(all_ms, share))


def test_service_times_do_not_show_the_stall(reads: pd.DataFrame) -> None:
    """Each thread's current request stalls, and the others wait for a thread: only due times show their wait."""
    half_ns = STALL_S * 1e9 / 2
    assert 1 <= ((reads["end_ns"] - reads["start_ns"]) > half_ns).sum() <= THREADS
    assert ((reads["end_ns"] - reads["due_ns"]) > half_ns).sum() > 0.9 * RATE_PER_S * STALL_S / 2


def test_the_wait_comes_from_the_queue_and_not_from_the_harness(reads: pd.DataFrame) -> None:
    queue_ms = (reads["start_ns"] - reads["due_ns"]) / 1e6
    own_lag_ms = (reads["start_ns"] - reads[["due_ns", "thread_free_ns"]].max(axis=1)) / 1e6
    assert np.quantile(queue_ms, 0.9) > 500
    assert np.quantile(own_lag_ms, 0.9) < np.quantile(queue_ms, 0.9) / 4


def test_no_request_was_dropped(stalled: Run, reads: pd.DataFrame) -> None:
    assert len(reads) == RATE_PER_S * WINDOW_S
    assert reads["error"].isna().all()
    assert stalled.info.status == "finished"
