"""A contender that cannot keep up is never flattered: what was due and not answered in time is counted and said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.reports.analysis.analysis import analyse
from stampede.reports.analysis.server_counts import imbalances
from stampede.reports.output.html_report import render
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.whole_runs.shared_benches import ONE_PROCESS, SharedBench

pytestmark = pytest.mark.slow


def order(_home: Path) -> BenchConfig:
    """Eight threads, each load 400 ms: 20 answers a second, 200 requests a second."""
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
    SharedBench(name="saturated", processes=ONE_PROCESS, order=order, keep=lambda cell: cell.contender == "no-cache"),
)


@pytest.fixture(scope="module")
def saturated(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


def test_what_no_thread_was_free_for_before_the_deadline_never_began_and_is_there_all_the_same(saturated: Run) -> None:
    (cell,) = (c for c in saturated.done if c.contender == "no-cache")
    rows = saturated.samples[saturated.samples["cell"] == cell.id]
    never = rows[rows["start_ns"].isna()]
    assert len(never) > len(rows) / 2
    assert never["end_ns"].isna().all()
    assert set(never["error"].astype(str)) == {"Unanswered"}
    assert int(rows["loads"].sum()) == int(rows["start_ns"].notna().sum())


def test_locust_counts_the_unanswered_too_and_the_books_balance(saturated: Run) -> None:
    for cell in analyse(saturated).cells:
        assert imbalances(cell) == []


def test_the_report_says_how_many_were_answered_and_prints_no_percentile_below_the_deadline(saturated: Run) -> None:
    (cell,) = (c for c in saturated.done if c.contender == "no-cache")
    page = render(saturated.folder).read_text()
    assert "saturated" in page
    assert "&gt; D" in page
    assert cell.status == "done"
