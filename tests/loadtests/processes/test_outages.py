"""Servers are broken in mid-cell for real: what is told is what users saw, and the run comes to its end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.topics.faults.outage_effects import Outage, mending_s, outages
from stampede.reports.topics.faults.outage_section import findings
from stampede.run_folder.read import Run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from tests.loadtests.whole_runs.shared_benches import TWO_PROCESSES, SharedBench

pytestmark = pytest.mark.slow

FALLBACK = "cache-aside-fallback"
SCENARIOS = ("redis-hung", "database-locked")


def order(_home: Path) -> BenchConfig:
    """A cell each of cache-aside and the one with a fallback; Redis hangs and the table is locked, for 0.8 s each."""
    short = {"ttl_s": 1.6, "load_cpu_ms": 0.0}
    return BenchConfig(
        plan=replace(find_plan("smoke"), scenarios=SCENARIOS, experiments=()),
        workload=WorkloadFile(common={"records": 2_000}, by_scenario=dict.fromkeys(SCENARIOS, short)),
        contenders=("cache-aside", FALLBACK),
    )


BENCHES = (SharedBench(name="outages", processes=TWO_PROCESSES, order=order),)


@pytest.fixture(scope="module")
def broken(run_shared: Callable[[SharedBench], Run]) -> Run:
    return run_shared(BENCHES[0])


@pytest.fixture(scope="module")
def aside(broken: Run) -> Analysis:
    told = analyse(broken).apart
    assert told is not None
    return told


def of(aside: Analysis, name: str) -> dict[str, Outage]:
    (scenario,) = (s for s in aside.scenarios if s.name == name)
    return {one.contender.name: one for one in outages(aside, scenario)}


def test_every_cell_saw_its_fault_and_the_run_is_whole(broken: Run) -> None:
    assert broken.info.status == "finished"
    assert {cell.status for cell in broken.info.cells} == {"done"}
    events = broken.timeline[broken.timeline["source"] == "fault"]
    seen = {cell.id: events.loc[events["cell"] == cell.id, "name"].tolist() for cell in broken.done}
    assert len(seen) == 4
    assert all(names == ["began", "ended"] for names in seen.values())


def test_with_a_fallback_every_request_is_answered_while_redis_hangs(aside: Analysis) -> None:
    one = of(aside, "redis-hung")[FALLBACK]
    assert len(one.of("outage")) > 30
    assert not one.due["failed"].any()
    assert (one.due["outcome"] != "unanswered").all()
    assert one.loads_per_s("outage") > one.loads_per_s("before")


def test_what_users_of_the_articles_client_see_of_a_short_hang_is_told_as_waiting(aside: Analysis) -> None:
    """Five seconds a try and eleven tries: nothing fails, requests are answered once Redis is."""
    one = of(aside, "redis-hung")["cache-aside"]
    assert one.failed() == 0
    assert one.sat_out() > 0
    assert one.gives_up_s == 55
    told = findings(aside, next(s for s in aside.scenarios if s.name == "redis-hung")).answer
    assert "none failed" in told
    assert f"{one.sat_out():,} were answered only once Redis was back" in told or not one.late()
    assert "cache-aside's client declares 5,000 ms an answer, 11 tries" in told
    assert f"{FALLBACK}'s client declares 50 ms an answer, 1 try" in told


def test_while_the_table_is_locked_hits_are_answered_and_no_load_is(aside: Analysis) -> None:
    one = of(aside, "database-locked")["cache-aside"]
    during = one.of("outage")
    faults = aside.run.timeline[aside.run.timeline["source"] == "fault"]
    assert ((during["outcome"] == "hit") & (during["end_s"] < one.ended_s)).any()
    for cell in one.cells:
        sent, done = cell.rows.floats("load_start_s"), cell.rows.floats("load_end_s")
        middle_s = (one.began_s + one.ended_s) / 2
        locked = (sent > middle_s) & (sent < one.ended_s)
        unlocked_s = one.ended_s - mending_s(faults[faults["cell"] == cell.info.id])
        assert (done[locked] >= unlocked_s).all()
    told = findings(aside, next(s for s in aside.scenarios if s.name == "database-locked")).answer
    assert "declares" not in told
