"""One short flood through real Locust processes: built-in limiters, a user's own limiter, and the baseline."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.core.errors import ConfigError
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config
from stampede.reports.analysis.analysis import analyse
from stampede.reports.compare.run_gate import exit_code, gate
from stampede.reports.compare.thresholds import read_thresholds
from stampede.reports.output.html_report import render
from stampede.reports.topics.rate_limiting.limiter_analysis import limiter_results
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.conftest import CONTENDERS, added, commands, counted
from tests.loadtests.whole_runs.shared_benches import TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow

OWN = CONTENDERS / "incr_expire.py"
PLAN = replace(find_plan("smoke"), scenarios=("rate-limit-flood",))


def bench_config(_home: Path) -> BenchConfig:
    return BenchConfig(
        plan=PLAN,
        workload=WorkloadFile(common={"records": 2_000}),
        contenders=("sliding-log", "sliding-window", "fixed-window"),
        own_contenders=(str(OWN),),
    )


BENCHES = (SharedBench(name="flood", processes=TWO_PROCESSES, config=bench_config),)


@pytest.fixture(scope="module")
def flood_run(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


def test_a_flood_runs_the_named_limiters_the_users_own_and_the_baseline(flood_run: Run) -> None:
    names = {cell.contender for cell in flood_run.done}
    assert names == {"sliding-log", "sliding-window", "fixed-window", "incr-expire", "bare-evalsha"}
    assert {c.family for c in flood_run.info.contenders} == {"limiting"}


def test_refusals_are_answers(flood_run: Run) -> None:
    """No request failed, Locust's count equals the samples, and every sample has a decision."""
    samples = flood_run.samples
    assert samples["error"].isna().all()
    assert samples["allowed"].notna().all()
    assert (~samples["allowed"].astype(bool)).any()
    for cell in flood_run.done:
        assert cell.locust_requests == (samples["cell"] == cell.id).sum()


def test_the_simulated_rtt_lies_outside_the_interval_in_which_the_server_decided(flood_run: Run) -> None:
    """Half of it passes before the server gets the call, half after its reply: the interval does not become wider."""
    samples = flood_run.samples
    half_ns = round(flood_run.info.scenarios[0].workload["rtt_ms"] * 1e6) // 2
    assert half_ns > 0
    assert (samples["served_start_ns"] - samples["start_ns"] >= half_ns).all()
    assert (samples["served_end_ns"] > samples["served_start_ns"]).all()
    outside = (samples["end_ns"] - samples["start_ns"]) - (samples["served_end_ns"] - samples["served_start_ns"])
    once = samples["round_trips"] == 1
    assert once.any()
    assert (outside >= samples["simulated_rtt_ns"])[once].all()


def test_redis_counted_the_sent_commands_and_those_of_the_scripts(flood_run: Run) -> None:
    """The counts are equal except for commands in the limiter's script; ZADD runs once for each admitted call."""
    scripted = {c.name: set(c.script_commands) for c in flood_run.info.contenders}
    for cell in flood_run.done:
        ours = added(
            commands(counted(flood_run.servers, cell.id, "process-")),
            commands(counted(flood_run.servers, cell.id, "coordinator")),
        )
        theirs = commands(counted(flood_run.servers, cell.id, "redis"))
        named = scripted[cell.contender]
        assert {n: c for n, c in theirs.items() if n not in named} == {n: c for n, c in ours.items() if n not in named}
        assert all(theirs[name] >= ours.get(name, 0) for name in named if name in theirs)
        if cell.contender == "sliding-log":
            mine = flood_run.samples[flood_run.samples["cell"] == cell.id]
            assert named == {"time", "zremrangebyscore", "zcard", "zrange", "zadd", "pexpire"}
            assert theirs["zadd"] == mine["allowed"].sum()
            assert theirs["time"] - ours.get("time", 0) == theirs["evalsha"] == len(mine)
    assert "counts-differ" not in {warning.kind.name for warning in analyse(flood_run).warnings}


def test_the_analysis_shows_the_known_property_of_each_limiter(flood_run: Run) -> None:
    """The exact log is never certainly above L; a fixed window is, at the edge; the article's limiter starves users."""
    limiting = analyse(flood_run).limiting
    assert limiting is not None
    by_name = {x.info.name: x for x in limiter_results(limiting)}
    log, fixed, article = (by_name[n] for n in ("sliding-log", "fixed-window", "sliding-window"))
    assert log.kept_strict != "broken"
    assert log.wrong.admitted == 0
    assert fixed.kept_strict == "broken"
    assert fixed.kept != "broken"
    assert article.got("steady 1.1 ×", "flood 10 ×") < 0.9 <= log.got("steady 1.1 ×", "flood 10 ×")
    assert by_name["incr-expire"].decisions == log.decisions
    assert log.round_trips == 1
    assert log.sent_per_decision == 1
    assert len(log.key_bytes) > 0


def test_the_report_has_a_section_and_a_csv_of_the_limiters(flood_run: Run) -> None:
    """The page has a section with every limiter and both questions, and a CSV; it needs no caching contender."""
    page = render(flood_run.folder).read_text(encoding="utf-8")
    assert 'id="rate-limit-flood"' in page
    assert "incr-expire" in page
    for question in (
        "Did each limiter keep its contract?",
        "What share of their quota do callers get, by traffic pattern?",
    ):
        assert question in page
    with (flood_run.folder / "limiters.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all(None not in row and None not in row.values() for row in rows)
    assert {row["contender"]: row["contract"] for row in rows}["sliding-log"] == "≤ 8 in any 0.4 s"


def test_the_run_passes_the_gate_against_itself(flood_run: Run) -> None:
    """The article's limiter and the user's own may have broken their bounds in the run."""
    found = gate(flood_run.folder, flood_run.folder, read_thresholds(None))
    assert exit_code(found) == 0


def test_a_limiter_in_a_plan_with_only_caching_scenarios_is_refused() -> None:
    plan = replace(find_plan("smoke"), scenarios=("stampede",))
    with pytest.raises(ConfigError, match="caching"):
        check_bench_config(BenchConfig(plan=plan, own_contenders=(str(OWN),)))
