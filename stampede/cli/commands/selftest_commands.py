"""Commands that test the measurement itself: `stampede aa`, `selftest`, `knee` and `overhead`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stampede.cli.completion import contender_names, scenario_names
from stampede.cli.input_checks import check_contender_names, check_own_files, check_runs, check_scenario_names
from stampede.cli.option_types import integer_option, number_option
from stampede.cli.output import print_result, print_status, reported_if_interrupted
from stampede.cli.shared_options import (
    MOST_ROUNDS,
    Contenders,
    Only,
    Processes,
    RunOptions,
    Scenarios,
    ServerOptions,
    Yes,
)
from stampede.cli.started_servers import run_settings, started_servers

if TYPE_CHECKING:
    from stampede.loadtests.bench.bench_config import BenchConfig
    from stampede.loadtests.selftests.capacity import Objective, Search
    from stampede.reports.topics.selftests.capacity_result import Knee


def aa(
    server_options: ServerOptions,
    run_options: RunOptions,
    contender: Annotated[
        str, typer.Option(help="a built-in contender by name, or a file of yours", autocompletion=contender_names)
    ] = "cache-aside",
    rounds: Annotated[
        int, integer_option(lowest=1, highest=MOST_ROUNDS, help="rounds; each block of eight is also judged separately")
    ] = 16,
    scenario: Scenarios = None,
    yes: Yes = False,
) -> None:
    """Run an A/A test, one contender under two names: print the rate of false alarms and the noise floor."""
    check_runs(run_options.runs)
    check_own_files("contender", [contender])
    check_contender_names([contender])
    check_scenario_names(scenario)
    settings = run_settings(run_options)
    from stampede.loadtests.selftests.selftest_runs import BLOCK, aa_config

    config = aa_config(contender, rounds, tuple(scenario or ("read-mostly",)), **settings)
    folder = run_trial(config, server_options, yes)
    from stampede.reports.analysis.analysis import analyse
    from stampede.reports.output.html_report import render
    from stampede.reports.topics.selftests.selftest_result import aa_lines, aa_rows, relabelled_alarms
    from stampede.run_folder.read import read_run

    analysis = analyse(read_run(folder))
    for line in aa_lines(aa_rows(analysis, BLOCK)):
        print_result(line)
    for info in analysis.scenarios:
        share = relabelled_alarms(analysis, info.name, min(rounds, BLOCK), 1000, run_options.seed)
        print_result(f"{info.name}: names reshuffled 1,000 times, {100 * share:.1f} % with an alarm (allowed: 5 %)")
    print_status(f"report: {render(folder)}")


def selftest(
    server_options: ServerOptions,
    run_options: RunOptions,
    blocks: Annotated[
        int,
        integer_option(lowest=1, highest=MOST_ROUNDS // 8, help="blocks of eight rounds, each judged like plan quick"),
    ] = 2,
    scenario: Scenarios = None,
    yes: Yes = False,
) -> None:
    """Run contenders with known differences, and decide planted worlds: print the share that is found and decided."""
    check_runs(run_options.runs)
    check_scenario_names(scenario)
    settings = run_settings(run_options)
    from stampede.loadtests.selftests.selftest_runs import BLOCK, KNOWN_FAULTS, selftest_config

    folder = run_trial(selftest_config(blocks, tuple(scenario or ("read-mostly",)), **settings), server_options, yes)
    from stampede.reports.analysis.analysis import analyse
    from stampede.reports.output.html_report import render
    from stampede.reports.topics.selftests.answer_selftest import SIMULATED_RUNS, WORLDS, decided, world_line
    from stampede.reports.topics.selftests.selftest_result import Planted, decisions, tally
    from stampede.run_folder.read import read_run

    for world in WORLDS:
        print_result(world_line(decided(world, SIMULATED_RUNS)))
    expected = [Planted(contender=p.contender, metric=p.metric, share=p.share) for p in KNOWN_FAULTS]
    for line in tally(decisions(analyse(read_run(folder)), expected, BLOCK)):
        print_result(line)
    print_status(f"report: {render(folder)}")


def run_trial(config: BenchConfig, server_options: ServerOptions, yes: bool) -> Path:
    """Run every cell. Returns the run folder."""
    from stampede.loadtests.bench.duration_estimate import estimate
    from stampede.loadtests.selftests.selftest_runs import run_whole

    estimate(config).require_accepted(yes)
    from stampede.reports.output.html_report import render

    with started_servers(server_options) as servers, reported_if_interrupted(render) as begun:
        return run_whole(config, servers, print_status, begun)


def knee(
    server_options: ServerOptions,
    run_options: RunOptions,
    objective: Annotated[str, typer.Option(help="a percentile of the response time and its bound")] = "p99<50ms",
    scenario: Annotated[str, typer.Option(help="one caching scenario", autocompletion=scenario_names)] = "read-mostly",
    only: Only = None,
    contender: Contenders = None,
    rounds: Annotated[
        int,
        integer_option(
            lowest=1, highest=MOST_ROUNDS, help="brackets per contender; below 6: a range without a confidence level"
        ),
    ] = 6,
    cells: Annotated[int, integer_option(lowest=2, highest=10_000, help="at most this many cells per contender")] = 50,
    processes: Processes = 2,
    yes: Yes = False,
) -> None:
    """Find the highest open rate at which each contender meets an objective, and what saturates first."""
    check_runs(run_options.runs)
    from stampede.loadtests.bench.duration_estimate import estimate_knees
    from stampede.loadtests.selftests.capacity import read_objective

    goal = read_objective(objective)
    config = knee_config(scenario, only, contender, processes, run_options)
    check_own_files("contender", contender)
    estimate_knees(config, cells).require_accepted(yes)
    folder, searches = search_knees(config, server_options, goal, rounds, cells)
    from stampede.core.text.terminal import PlainConsole
    from stampede.reports.topics.selftests.capacity_result import print_knees, write_knees

    found = {name: knee_of(folder, name, search) for name, search in searches.items()}
    print_status(f"written: {write_knees(folder, found, str(goal))}")
    print_knees(list(found.values()), scenario, str(goal), PlainConsole())


def knee_config(
    scenario: str, only: list[str] | None, contender: list[str] | None, processes: int, run_options: RunOptions
) -> BenchConfig:
    """The configuration of a knee search: one scenario, whose rate the search sets. Raises ConfigError."""
    from stampede.loadtests.bench.bench_config import BenchConfig
    from stampede.scenarios.plans import ARTICLE_PATTERNS, Plan

    named = tuple(only or ARTICLE_PATTERNS)
    return BenchConfig(
        plan=Plan(name="knee", rounds=1, scenarios=(scenario,), contenders=named, aa_copy=False),
        contenders=named,
        own_contenders=tuple(contender or ()),
        reference=named[0],
        processes=processes,
        **run_settings(run_options),
    )


def search_knees(
    config: BenchConfig, server_options: ServerOptions, goal: Objective, rounds: int, cells: int
) -> tuple[Path, dict[str, Search]]:
    """Search the knee of each contender. Returns the run folder and the searches by contender."""
    from stampede.loadtests.selftests.capacity import find_knees
    from stampede.reports.output.html_report import render
    from stampede.reports.topics.selftests.capacity_result import met, one_cell

    def is_met(run: Path, cell: int) -> bool:
        return met(one_cell(run, cell), goal.share, goal.within_ms)

    with started_servers(server_options) as servers, reported_if_interrupted(render) as begun:
        return find_knees(config, servers, is_met, print_status, begun, rounds=rounds, max_cells=cells)


def knee_of(folder: Path, contender: str, search: Search) -> Knee:
    """The knee of a contender from its brackets."""
    from stampede.reports.topics.selftests.capacity_result import knee_result

    knees_per_s = [bracket.knee_per_s for bracket in search.brackets]
    missed = [bracket.missed_in for bracket in search.brackets if bracket.missed_in is not None]
    return knee_result(folder, contender, knees_per_s, missed, search.cells)


def overhead(
    server_options: ServerOptions,
    turns: Annotated[int, integer_option(lowest=1, highest=1000, help="how often each is measured, alternately")] = 5,
    seconds: Annotated[float, number_option(lowest=0.5, highest=60, help="seconds of each measurement")] = 2.0,
    samples: Annotated[
        int, integer_option(lowest=1000, highest=10_000_000, help="how many samples are recorded in the second test")
    ] = 1_000_000,
) -> None:
    """Measure the overhead of the harness: its rate compared with plain Locust's, and the cost of recording samples.

    Exit 1: the harness reaches too small a share of plain Locust's rate.
    """
    from stampede.loadtests.selftests.overhead import MIN_RATIO, measure_overhead, measure_recording, report
    from stampede.stack.postgres.dataset import ensure_dataset

    with started_servers(server_options) as servers:
        ensure_dataset(
            servers.postgres.url, records=1000, record_bytes=500, seed=1, managed=servers.managed, say=print_status
        )
        measured = measure_overhead(servers, seconds=seconds, turns=turns)
    for line in report(measured, measure_recording(samples)):
        print_result(line)
    if measured.ratio < MIN_RATIO:
        raise typer.Exit(1)
