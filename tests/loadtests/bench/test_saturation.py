"""A saturated contender is never shown better than it is: requests that were not answered in time are counted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.reports.analysis.analysis import analyse
from stampede.reports.checks.cell_checks import count_differences
from stampede.reports.output.html_report import render
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.whole_runs.shared_benches import ONE_PROCESS, SharedBench

pytestmark = pytest.mark.slow


def bench_config(_home: Path) -> BenchConfig:
    """Eight threads and loads of 400 ms: 20 answers a second for 300 requests a second."""
    common = {"records": 2_000, "users_per_process": 8}
    stampede = {"load_cpu_ms": 0.0, "load_wait_ms": 400.0, "rtt_ms": 0.0}
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=("stampede",)),
        workload=WorkloadFile(common=common, by_scenario={"stampede": stampede}),
        contenders=("no-cache",),
        reference="no-cache",
        processes=1,
    )


BENCHES = (
    SharedBench(
        name="saturated",
        processes=ONE_PROCESS,
        config=bench_config,
        keep=lambda cell: cell.contender == "no-cache",
    ),
)


@pytest.fixture(scope="module")
def saturated(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


def test_a_request_without_a_free_thread_before_the_deadline_is_recorded_without_a_start(saturated: Run) -> None:
    (cell,) = (c for c in saturated.done if c.contender == "no-cache")
    rows = saturated.samples[saturated.samples["cell"] == cell.id]
    never = rows[rows["start_ns"].isna()]
    assert len(never) > len(rows) / 2
    assert never["end_ns"].isna().all()
    assert set(never["error"].astype(str)) == {"Unanswered"}
    assert int(rows["loads"].sum()) == int(rows["start_ns"].notna().sum())


def test_locust_counts_unanswered_requests_too_and_all_counts_agree(saturated: Run) -> None:
    for cell in analyse(saturated).cells:
        assert count_differences(cell) == []


def test_the_report_shows_saturation_and_a_percentile_only_as_above_the_deadline(saturated: Run) -> None:
    (cell,) = (c for c in saturated.done if c.contender == "no-cache")
    page = render(saturated.folder).read_text()
    assert "saturated" in page
    assert "&gt; D" in page
    assert cell.status == "done"
