"""What a run provokes: Redis killed and hung under load, a cold start, a queue's worker; and what the report tells."""

from dataclasses import replace
from pathlib import Path

import pytest
import redis

from artefact.read import read_run
from loadtests.bench import BenchOrder, plan_cells, prepare_run, run_bench, without_faults
from loadtests.celery_process import CeleryProcess
from loadtests.lineup import line_up, why_missing
from patterns.errors import ConfigError
from reports.frames import Cell
from reports.judge import Judgement, incomparable, judge
from reports.outage.outage import Outage, outages
from reports.queue.refresh_queue import refreshes
from reports.render import page
from scenarios.fault import Fault
from scenarios.plans import PROVOKED, find_plan
from scenarios.scenario import find_scenario
from scenarios.workload import WorkloadFile
from stack.servers import Stack

SHORT = {"redis-killed": 2.8, "redis-hung": 2.8, "cold-start": 1.5, "refresh-queue": 0.5}
"""TTLs that make each cell short: windows are whole numbers of them."""


@pytest.fixture(scope="module")
def provoked(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Judgement:
    """One round of everything that is provoked, the page written, nothing else in the run."""
    order = BenchOrder(
        plan=replace(find_plan("smoke"), scenarios=PROVOKED, experiments=()),
        workload=WorkloadFile(
            common={"records": 2_000},
            by_scenario={name: {"ttl_s": ttl_s, "load_cpu_ms": 0.0} for name, ttl_s in SHORT.items()},
        ),
        runs=tmp_path_factory.mktemp("runs"),
    )
    spec, _ = prepare_run(order, stack, lambda _line: None)
    run_bench(spec, stack, lambda _event: None)
    return judge(read_run(Path(spec.folder)))


def aside(provoked: Judgement) -> Judgement:
    assert provoked.apart is not None
    return provoked.apart


def cells(provoked: Judgement, scenario: str, contender: str) -> list[Cell]:
    return aside(provoked).of(scenario, contender)


def outage(provoked: Judgement, scenario: str, contender: str) -> Outage:
    judged = aside(provoked)
    info = next(s for s in judged.scenarios if s.name == scenario)
    return next(one for one in outages(judged, info) if one.contender.name == contender)


OUTAGES = pytest.mark.parametrize("scenario", ["redis-killed", "redis-hung"])


def test_the_run_comes_to_its_end_whatever_was_broken_in_it(provoked: Judgement) -> None:
    info = provoked.run.info
    assert [(c.scenario, c.contender, c.why) for c in info.cells if c.status != "done"] == []
    assert info.status == "finished"
    assert len(info.cells) == 2 * len(PROVOKED)


@OUTAGES
def test_the_fallback_answers_every_request(provoked: Judgement, scenario: str) -> None:
    (cell,) = cells(provoked, scenario, "cache-aside-fallback")
    assert cell.due["outcome"].isin(["hit", "loaded", "written"]).all()
    assert outage(provoked, scenario, "cache-aside-fallback").of("outage")["loads"].sum() > 0


@OUTAGES
def test_the_articles_version_fails_or_keeps_users_waiting(provoked: Judgement, scenario: str) -> None:
    assert outage(provoked, scenario, "cache-aside").of("outage")["useless"].any()


@OUTAGES
def test_the_fault_stands_on_the_timeline_inside_the_window(provoked: Judgement, scenario: str) -> None:
    for contender in ("cache-aside", "cache-aside-fallback"):
        (cell,) = cells(provoked, scenario, contender)
        one = outage(provoked, scenario, contender)
        assert 0 < one.began_s < one.ended_s < cell.window_s


@OUTAGES
def test_counts_of_a_faulty_cell_are_called_not_comparable_instead_of_wrong(provoked: Judgement, scenario: str) -> None:
    (cell,) = cells(provoked, scenario, "cache-aside")
    assert incomparable(cell) == "not comparable, because a fault was injected"
    assert "counts-differ" not in {doubt.kind.name for doubt in provoked.doubts}


def test_a_cold_cell_begins_without_a_single_entry(provoked: Judgement) -> None:
    (cell,) = cells(provoked, "cold-start", "cache-aside")
    first = cell.reads.sort_values("start_s").drop_duplicates("key")
    assert (first["first_cache_answer"] == "none").sum() > len(first) / 2  # another's fill may come between
    assert first.iloc[0]["first_cache_answer"] == "none"


def test_warming_is_counted_apart_and_spares_readers_its_loads(provoked: Judgement) -> None:
    (warmed,) = cells(provoked, "cold-start", "cache-aside-warmed")
    (plain,) = cells(provoked, "cold-start", "cache-aside")
    loads = warmed.total("process-", "warming.loads")
    assert loads == warmed.total("process-", "warming.records") > 0
    assert warmed.total("process-", "warming_s") > 0
    assert ("process-0", "warming.loads") not in plain.counters
    first = [int((cell.reads.loc[cell.reads["due_s"] < 0.2, "loads"]).sum()) for cell in (warmed, plain)]
    assert first[0] < first[1]


def test_a_queues_tasks_are_told_with_their_delays(provoked: Judgement) -> None:
    judged = aside(provoked)
    info = next(s for s in judged.scenarios if s.name == "refresh-queue")
    found = {one.contender.name: one for one in refreshes(judged, info)}
    queued = found["refresh-ahead-celery"]
    assert len(queued.tasks) > 0
    assert (queued.tasks["begun_after_ms"] > 0).all()
    assert (queued.tasks["done_after_ms"] > queued.tasks["begun_after_ms"]).all()
    assert queued.commands_per_request() > found["refresh-ahead"].commands_per_request()
    (cell,) = queued.cells
    readers = float(cell.rows["loads"].sum())
    assert cell.counters["postgres", "statement.load.calls"] >= readers + len(queued.tasks)


def test_nothing_of_the_queue_is_left_in_redis(provoked: Judgement, redis_url: str) -> None:
    assert provoked.run.done
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(match="stampede-celery:*")) == []


def test_the_page_tells_each_scenario_in_a_section_of_its_own(provoked: Judgement) -> None:
    text = page(provoked)
    for name in PROVOKED:
        assert f'<section id="{name}">' in text
    assert "not comparable, because a fault was injected" in text
    assert "when Redis dies" in text
    assert "% served" in text


def test_the_celery_worker_is_registered_to_die_with_the_run_and_ends_when_told(
    stack: Stack, tmp_path: Path, dataset: int
) -> None:
    assert dataset
    order = BenchOrder(
        plan=replace(find_plan("smoke"), scenarios=("refresh-queue",), experiments=()),
        workload=WorkloadFile(common={"records": 2_000}),
        runs=tmp_path,
    )
    spec, _ = prepare_run(order, stack, lambda _line: None)
    spec.write(tmp_path / "spec.json")
    registered: list[int] = []
    watched = replace(stack, register_child=registered.append)
    worker = CeleryProcess(watched, tmp_path / "spec.json", Path(__file__).parents[2], tmp_path / "log")
    worker.start("refresh-queue", "refresh-ahead-celery")
    assert worker.process is not None
    assert registered == [worker.process.pid]
    assert worker.process.poll() is None
    assert worker.stop() == []
    assert worker.process is None
    assert not Path(f"/proc/{registered[0]}").exists()


def test_an_outage_is_left_out_with_the_reason_where_redis_is_not_ours_to_break(stack: Stack) -> None:
    theirs = replace(stack, redis_switch=None)
    order = BenchOrder(plan=replace(find_plan("smoke"), scenarios=("read-heavy", "redis-hung")))
    kept, remarks = without_faults(order, theirs)
    assert kept.plan.scenarios == ("read-heavy",)
    assert [(r.name, "not started by the suite" in r.what) for r in remarks] == [("redis-hung", True)]
    with pytest.raises(ConfigError, match="servers that the suite started"):
        without_faults(BenchOrder(plan=replace(find_plan("smoke"), scenarios=("redis-hung",))), theirs)


def test_a_contender_without_its_package_says_so_and_how_to_have_it(tmp_path: Path) -> None:
    path = tmp_path / "needy.py"
    path.write_text(
        "from patterns.caching.no_cache import NoCache\n\n\n"
        "class Needy(NoCache):\n    requires = 'nothing_of_that_name'\n"
    )
    assert "not installed: " in why_missing(str(path))
    assert why_missing("cache-aside") == ""


def test_only_those_that_a_scenario_names_and_the_users_own_run_in_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from patterns.caching.no_cache import NoCache\n\n\nclass Mine(NoCache):\n    pass\n")
    entrants = line_up((), (str(path),), reference="cache-aside", twin=True)
    plan = replace(find_plan("standard"), scenarios=("redis-killed", "read-heavy"))
    planned = plan_cells(BenchOrder(plan=plan), entrants)
    ran = {name: {c.contender for c in planned if c.scenario == name} for name in plan.scenarios}
    assert ran["redis-killed"] == {"cache-aside", "cache-aside-fallback", "mine"}
    assert "cache-aside-fallback" not in ran["read-heavy"]
    assert max(c.round for c in planned if c.scenario == "redis-killed") == 3


@pytest.mark.parametrize("wrong", [{"begins_share": -0.1}, {"lasts_share": 0.0}, {"begins_share": 0.7}, {"what": "?"}])
def test_a_fault_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Fault(**{"what": "kill redis", **wrong})  # type: ignore[arg-type]


def test_the_outage_scenarios_can_be_carried_by_the_database_alone() -> None:
    for name in ("redis-killed", "redis-hung"):
        overrides = find_scenario(name).overrides
        assert overrides["rate_per_s"] * overrides["load_cpu_ms"] / 1000 < 0.5
