"""Faults are injected into real servers in mid-cell: the report states what users experienced, and the run finishes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.topics.faults.outage_effects import OutageEffects, outages, repair_s
from stampede.reports.topics.faults.outage_section import findings
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.whole_runs.shared_benches import TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow

FALLBACK = "cache-aside-fallback"
SCENARIOS = ("redis-hung", "database-locked")


def outage_config(_home: Path) -> BenchConfig:
    """cache-aside and cache-aside-fallback while Redis hangs and while the table is locked, each for 0.8 s."""
    short = {"ttl_s": 1.6, "load_cpu_ms": 0.0}
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=SCENARIOS, experiments=()),
        workload=WorkloadFile(common={"records": 2_000}, by_scenario=dict.fromkeys(SCENARIOS, short)),
        contenders=("cache-aside", FALLBACK),
    )


BENCHES = (SharedBench(name="outages", processes=TWO_PROCESSES, config=outage_config),)


@pytest.fixture(scope="module")
def faulty_run(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


@pytest.fixture(scope="module")
def aside(faulty_run: Run) -> Analysis:
    answer = analyse(faulty_run).separate
    assert answer is not None
    return answer


def of(aside: Analysis, name: str) -> dict[str, OutageEffects]:
    (scenario,) = (s for s in aside.scenarios if s.name == name)
    return {outage.contender.name: outage for outage in outages(aside, scenario)}


def test_every_cell_had_its_fault_and_the_run_is_complete(faulty_run: Run) -> None:
    assert faulty_run.info.status == "finished"
    assert {cell.status for cell in faulty_run.info.cells} == {"done"}
    events = faulty_run.timeline[faulty_run.timeline["source"] == "fault"]
    seen = {cell.id: events.loc[events["cell"] == cell.id, "name"].tolist() for cell in faulty_run.done}
    assert len(seen) == 4
    assert all(names == ["began", "ended"] for names in seen.values())


def test_with_a_fallback_every_request_is_answered_while_redis_hangs(aside: Analysis) -> None:
    outage = of(aside, "redis-hung")[FALLBACK]
    assert len(outage.of("outage")) > 30
    assert not outage.due["failed"].any()
    assert (outage.due["outcome"] != "unanswered").all()
    assert outage.loads_per_s("outage") > outage.loads_per_s("before")


def test_a_short_hang_with_the_articles_client_is_reported_as_waiting(aside: Analysis) -> None:
    """With 5 s per try and eleven tries, no request fails; requests are answered when Redis is back."""
    outage = of(aside, "redis-hung")["cache-aside"]
    assert outage.failed() == 0
    assert outage.sat_out() > 0
    assert outage.gives_up_s == 55
    found = findings(aside, next(s for s in aside.scenarios if s.name == "redis-hung"))
    details = [entry.detail for grid in found.grids for _, entries in grid.rows for entry in entries]
    assert f"{outage.sat_out():,} answered only after Redis was back" in details
    (note,) = found.notes
    assert "cache-aside's client sets a timeout of 5,000 ms per answer, 11 tries" in note
    assert f"{FALLBACK}'s client sets a timeout of 50 ms per answer, 1 try" in note


def test_while_the_table_is_locked_hits_are_answered_and_loads_wait(aside: Analysis) -> None:
    outage = of(aside, "database-locked")["cache-aside"]
    during = outage.of("outage")
    faults = aside.run.timeline[aside.run.timeline["source"] == "fault"]
    assert ((during["outcome"] == "hit") & (during["end_s"] < outage.ended_s)).any()
    for cell in outage.cells:
        sent, done = cell.rows.floats("load_start_s"), cell.rows.floats("load_end_s")
        middle_s = (outage.began_s + outage.ended_s) / 2
        locked = (sent > middle_s) & (sent < outage.ended_s)
        unlocked_s = outage.ended_s - repair_s(faults[faults["cell"] == cell.info.id])
        assert (done[locked] >= unlocked_s).all()
    answer = findings(aside, next(s for s in aside.scenarios if s.name == "database-locked")).answer
    assert "sets a timeout" not in answer
