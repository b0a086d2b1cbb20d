"""A bench that plays a recorded trace, from the workload file to the report."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.output.html_report import page
from stampede.reports.output.json_summary import machine_summary
from stampede.reports.output.panels.run_description import workload_text
from stampede.reports.output.report_model import read_report
from stampede.reports.topics.theory import transfer_section
from stampede.run_folder import run_warnings
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import read_workload
from tests.loadtests.whole_runs.shared_benches import TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow

SCENARIO = "read-mostly"
RATE_PER_S = 200


def traced_config(home: Path) -> BenchConfig:
    """A smoke run of a trace in milliseconds: 20 s before the part that is played, in which the rate is lower."""
    rng = np.random.default_rng(5)
    times_ms = np.sort(np.concatenate([rng.integers(0, 20_000, 2000), rng.integers(20_000, 23_000, 3 * RATE_PER_S)]))
    lines = [f"{at},key-{int(300 * rng.random() ** 3)},{'put' if rng.random() < 0.1 else 'get'},500" for at in times_ms]
    (home / "day.csv").write_text("time_ms,key,operation,size\n" + "\n".join(lines) + "\n")
    (home / "traced.toml").write_text('records = 2000\nttl_s = 10\n[trace]\nfile = "day.csv"\nstart_s = 20\n')
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=(SCENARIO,), contenders=(), experiments=()),
        workload=read_workload(home / "traced.toml", frozenset({SCENARIO})),
        contenders=("cache-aside", "refresh-ahead"),
    )


BENCHES = (SharedBench(name="traced", processes=TWO_PROCESSES, config=traced_config),)


@pytest.fixture(scope="module")
def run(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


@pytest.fixture(scope="module")
def analysis(run: Run) -> Analysis:
    return analyse(run)


def test_all_contenders_of_a_round_receive_the_same_requests(run: Run) -> None:
    """And both processes receive some of each key's: a load balancer deals them out in turn."""
    found = []
    for cell in run.done:
        rows = run.samples[(run.samples["cell"] == cell.id) & run.samples["operation"].isin(["read", "write"])]
        rows = rows.astype({"operation": str}).sort_values(["due_ns", "key", "operation"])
        due = (rows["due_ns"] - rows["due_ns"].iloc[0]).tolist()
        found.append((due, rows["key"].tolist(), rows["operation"].tolist()))
        assert rows[rows["key"] == 0]["process"].nunique() == 2
    assert len(found) >= 2
    assert all(each == found[0] for each in found)


def test_the_report_names_the_trace_and_uses_no_zipf_theory(analysis: Analysis) -> None:
    (scenario,) = analysis.scenarios
    text = workload_text(scenario)
    assert "recorded in day.csv, 20 s to 22.25 s, in one part" in text
    assert "Zipf" not in text
    section = transfer_section.section(analysis)
    assert section is not None
    assert section.hits is None
    assert "plays a recorded trace" in section.why_no_hits


def test_the_page_and_the_summary_are_written_without_theory_of_the_trace(run: Run) -> None:
    report = read_report(run.folder)
    text = page(report)
    assert "recorded in day.csv" in text
    assert report.theory is None
    assert SCENARIO in machine_summary(report)


def test_the_hit_rate_is_that_of_a_cache_that_sees_the_trace(run: Run, analysis: Analysis) -> None:
    """Recounted by plain Python from the whole trace: an entry lives for 10 s from its fill, a write deletes it."""
    text = (run.folder.parents[1] / "day.csv").read_text().splitlines()[1:]
    rows = [line.split(",") for line in text]
    first_ms = int(rows[0][0])
    filled: dict[str, float] = {}
    hits = reads = 0
    for at, key, word, _ in rows:
        at_s = (int(at) - first_ms) / 1e3
        if word == "put":
            filled.pop(key, None)
            continue
        counted = 20.25 <= at_s < 22.25
        hit = at_s < filled.get(key, -99.0) + 10
        hits, reads = hits + (hit and counted), reads + counted
        if not hit:
            filled[key] = at_s
    assert analysis.figure(SCENARIO, "cache-aside", "hit-rate").value == pytest.approx(100 * hits / reads, abs=4)


def test_the_offered_rate_of_a_trace_is_not_taken_for_missed(analysis: Analysis) -> None:
    """Each part has its own rate: here the only one has twice that of the trace before it."""
    assert run_warnings.RATE_MISSED not in [warning.kind for warning in analysis.warnings]
