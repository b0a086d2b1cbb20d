"""A cut run can be resumed in the environment in which it began, and a finished run can get more rounds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stampede.core.errors import ConfigError
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.resume import difference, more_rounds, resume_run, run_differences, without_addresses
from stampede.loadtests.bench.run_bench import run_bench
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.run_folder.read import read_run
from stampede.scenarios.plans import find_plan
from stampede.scenarios.workload import WorkloadFile
from stampede.stack.servers import Stack

pytestmark = pytest.mark.slow


def bench_config(runs: Path, **common: Any) -> BenchConfig:
    values = {"records": 2_000, "rate_per_s": 100.0, "ttl_s": 0.1, "load_cpu_ms": 0.5, "load_wait_ms": 1.0}
    return BenchConfig(
        plan=replace(find_plan("smoke"), rounds=2, scenarios=("stampede-one-process",), experiments=()),
        workload=WorkloadFile(common={"records": 2_000}, by_scenario={"stampede-one-process": values | common}),
        contenders=("no-cache", "cache-aside"),
        runs=runs,
    )


def quiet(_line: str) -> None:
    pass


def interrupted_in(cell: int) -> Callable[[Mapping[str, Any]], None]:
    """An event handler that raises KeyboardInterrupt when that cell begins."""

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "cell" and event["id"] == cell:
            raise KeyboardInterrupt

    return on_event


@pytest.fixture(scope="module", autouse=True)
def one_commit() -> Iterator[None]:
    """A commit to the checkout during these tests must not change their result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stampede.loadtests.instrumentation.run_metadata.git", lambda *_: "the same")
        yield


@pytest.fixture(scope="module")
def cut(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> tuple[BenchConfig, RunConfig]:
    """A run that was cut in its fourth cell of six."""
    given = bench_config(tmp_path_factory.mktemp("cut"))
    run_config, _ = prepare_run(given, stack, quiet)

    with pytest.raises(KeyboardInterrupt):
        run_bench(run_config, stack, interrupted_in(4))
    return given, run_config


def test_a_resumed_run_runs_only_its_missing_cells(stack: Stack, cut: tuple[BenchConfig, RunConfig]) -> None:
    given, run_config = cut
    folder = Path(run_config.folder)
    before = {cell.id: cell for cell in read_run(folder).done}
    assert before
    assert len(before) < len(run_config.cells)
    with pytest.raises(ConfigError, match=r"rate_per_s was 100\.0 and is 120\.0"):
        resume_run(folder, bench_config(given.runs, rate_per_s=120.0), stack, quiet)
    assert read_run(folder).info.status == "cut"
    rest = resume_run(folder, given, stack, quiet)
    assert {cell.id for cell in rest.cells} == {cell.id for cell in run_config.cells} - before.keys()
    assert rest.scenarios[0].queries == run_config.scenarios[0].queries
    run_bench(rest, stack, lambda _event: None)
    after = read_run(folder)
    assert after.info.status == "finished"
    assert [cell.id for cell in after.done] == [cell.id for cell in run_config.cells]
    assert all(cell == before[cell.id] for cell in after.done if cell.id in before)
    with pytest.raises(ConfigError, match="finished"):
        resume_run(folder, given, stack, quiet)
    grown = more_rounds(run_config, given, 3)
    assert [(cell.id, cell.round) for cell in grown.cells] == [(len(run_config.cells) + n, 3) for n in (1, 2, 3)]
    with pytest.raises(KeyboardInterrupt):
        run_bench(grown, stack, interrupted_in(grown.cells[0].id))
    rest = resume_run(folder, given, stack, quiet)  # with its command, whose plan has two rounds
    assert {cell.id for cell in rest.cells} <= {cell.id for cell in grown.cells}
    run_bench(rest, stack, lambda _event: None)
    final = read_run(folder).info
    assert (final.rounds, final.status) == (3, "finished")
    assert all(cell.status == "done" for cell in final.cells)


def test_if_one_process_serves_a_scenario_the_other_gets_no_requests(cut: tuple[BenchConfig, RunConfig]) -> None:
    run = read_run(Path(cut[1].folder))
    assert [s.processes for s in run.info.scenarios] == [1]
    assert set(run.samples["process"]) == {0}


def test_other_servers_another_commit_and_another_machine_are_named(cut: tuple[BenchConfig, RunConfig]) -> None:
    info = read_run(Path(cut[1].folder)).info
    assert run_differences(info, info) == []
    for name, value in (("commit", "0" * 40), ("python", "2.7"), ("machine", {"cores": 512})):
        other = replace(info, metadata=info.metadata | {name: value})
        (line,) = run_differences(info, other)
        assert line.startswith(name)
    servers = info.metadata["servers"]
    tuned = servers | {"postgres": servers["postgres"] | {"settings": {"work_mem": "1GB"}}}
    assert run_differences(info, replace(info, metadata=info.metadata | {"servers": tuned}))


def test_the_address_of_a_server_may_differ() -> None:
    one, other = ({"redis": {"version": "8", "url": f"redis://127.0.0.1:{port}"}} for port in (1, 2))
    assert without_addresses(one) == without_addresses(other)


def test_values_compare_as_run_json_holds_them() -> None:
    """A tuple of a planned workload equals the list that run.json has in its place; other elements differ."""
    planned = {"queries": [{"accept_changed": ("id",)}]}
    assert difference("workload", {"queries": [{"accept_changed": ["id"]}]}, planned) == []
    assert difference("workload", {"queries": [{"accept_changed": []}]}, planned) != []
