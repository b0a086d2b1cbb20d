"""`stampede bench`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stampede.cli.completion import contender_names, plan_names, serializer_names
from stampede.cli.input_checks import (
    check_contender_names,
    check_own_files,
    check_runs,
    check_scenario_names,
    checked_stack,
    read_share,
)
from stampede.cli.option_types import integer_option, number_option
from stampede.cli.output import print_result, print_status, rare_collections, reported_if_interrupted
from stampede.cli.shared_options import (
    MOST_ROUNDS,
    Contenders,
    Experiments,
    Only,
    RunOptions,
    Scenarios,
    ServerOptions,
    Yes,
    with_option_groups,
)
from stampede.cli.started_servers import run_settings, started_servers

if TYPE_CHECKING:
    from stampede.loadtests.bench.bench_config import BenchConfig
    from stampede.loadtests.locustfiles.run_config import RunConfig
    from stampede.reports.output.report_model import Report
    from stampede.scenarios.plans import Plan
    from stampede.scenarios.workload import WorkloadFile
    from stampede.stack.servers import Stack


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What runs, and how often."""

    plan: Annotated[str, typer.Option("--plan", help="smoke, quick, standard or full", autocompletion=plan_names)] = (
        "quick"
    )
    contender: Contenders = None
    only: Only = None
    scenario: Scenarios = None
    experiment: Experiments = None
    rounds: Annotated[
        int | None, integer_option(lowest=1, highest=MOST_ROUNDS, help="rounds, instead of the plan's")
    ] = None
    reference: Annotated[
        str, typer.Option(help="what every contender is compared with", autocompletion=contender_names)
    ] = "cache-aside"
    until: Annotated[
        str | None, typer.Option(help="add rounds until every interval of read p10 is this narrow, such as 5%")
    ] = None
    most_rounds: Annotated[
        int, integer_option(lowest=1, highest=MOST_ROUNDS, help="rounds at which --until gives up")
    ] = 40
    races: Annotated[
        bool | None,
        typer.Option(
            "--races/--no-races",
            help="explore the schedules of the contenders (stampede races) or not, whatever the plan says",
        ),
    ] = None

    def build(self) -> Plan:
        """The plan of that name with the user's changes. Raises ConfigError."""
        from stampede.scenarios.plans import find_plan

        plan = find_plan(self.plan)
        if self.scenario or self.experiment:
            scenarios = check_scenario_names(self.scenario)
            plan = replace(plan, scenarios=scenarios, experiments=tuple(self.experiment or ()))
        if self.rounds is not None:
            plan = replace(plan, rounds=self.rounds)
        return plan if self.races is None else replace(plan, races=self.races)


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """Which processes send requests, and how many."""

    processes: Annotated[
        int, integer_option("--processes", "--workers", lowest=1, highest=64, help="application servers")
    ] = 2
    expect: Annotated[
        int | None,
        integer_option(
            lowest=1,
            highest=64,
            help="wait for this number of application servers from other machines (stampede worker)",
        ),
    ] = None
    bind: Annotated[str | None, typer.Option(help="HOST:PORT at which --expect waits; else 127.0.0.1:5557")] = None
    wait: Annotated[float, number_option(lowest=1, highest=86_400, help="seconds that --expect waits")] = 120.0
    rate: Annotated[str | None, typer.Option(help="requests a second; auto: half of what no-cache can carry")] = None
    may_configure: Annotated[
        bool, typer.Option("--may-configure", help="experiments may disturb your own Redis: attach MONITOR to it")
    ] = False


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """How records are loaded, and what stores them."""

    source: Annotated[
        str | None,
        typer.Option(help="path of your own loader (stampede new source writes one), in place of SQL"),
    ] = None
    serializer: Annotated[
        str,
        typer.Option(
            help="what records are stored with: a name, also compressed (json+zstd), or the path of your own file",
            autocompletion=serializer_names,
        ),
    ] = "json"
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="read pickled bytes back from a Redis that Stampede did not start")
    ] = False

    def build(self, workload: WorkloadFile, *, managed: bool) -> dict[str, Any]:
        """The fields of a BenchConfig that these options give. `managed`: Stampede starts the servers. Raises
        ConfigError."""
        from stampede.patterns.serialization.serializer_choice import choose_serializer

        chosen = choose_serializer(self.serializer, managed=managed, allow_pickle=self.allow_pickle)
        if self.source is None:
            return {"workload": workload, "serializer": chosen}
        from stampede.loadtests.bench.run_plan.own_source import with_source

        return {"workload": with_source(workload, self.source), "serializer": chosen}


def bench(
    plan_options: PlanOptions,
    server_options: ServerOptions,
    run_options: RunOptions,
    load_options: LoadOptions,
    record_options: RecordOptions,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary for machines, as JSON")] = False,
    resume: Annotated[Path | None, typer.Option(help="finish this run folder, as it was begun")] = None,
    yes: Yes = False,
    as_recorded: Annotated[bool, typer.Option("--as-recorded", hidden=True)] = False,
) -> None:
    """Compare caching patterns on real servers and write a report."""
    if resume is not None and not as_recorded:
        raise typer.Exit(resume_as_recorded(resume, server_options))
    check_runs(run_options.runs)
    checked_stack(server_options.stack)
    width = None if plan_options.until is None else read_share("until", plan_options.until)
    order = bench_order(plan_options, server_options, run_options, load_options, record_options)
    from stampede.loadtests.bench.duration_estimate import estimate

    expected = estimate(order)
    expected.require_accepted(yes)
    print_status(expected.summary(plan_options.plan))
    report = run_to_end(order, server_options, resume, width, plan_options.most_rounds)
    from stampede.reports.output.json_summary import machine_summary
    from stampede.reports.output.report_console import print_report

    if as_json:
        print_status(f"report: {report.folder / 'report.html'}")
        print_result(machine_summary(report))
    else:
        print_report(report)


def resume_as_recorded(run: Path, server_options: ServerOptions) -> int:
    """Run the command that began a run again, to finish it; its exit code.

    A run folder keeps no URL of the user's own servers: those are used that are given now.
    """
    from stampede.core.text.redaction import without_servers
    from stampede.loadtests.bench.resume import recorded_arguments

    postgres, redis = server_options.postgres, server_options.redis
    _, *arguments = without_servers(recorded_arguments(run, urls_given=bool(postgres and redis)))
    urls = [f"{name}={url}" for name, url in (("--postgres", postgres), ("--redis", redis)) if url]
    arguments += [*urls, "--resume", str(run), "--as-recorded"]
    application = typer.Typer()
    application.command()(with_option_groups(bench))
    command = typer.main.get_command(application)
    return int(command.main(arguments, prog_name="stampede bench", standalone_mode=False) or 0)


def bench_order(
    plan_options: PlanOptions,
    server_options: ServerOptions,
    run_options: RunOptions,
    load_options: LoadOptions,
    record_options: RecordOptions,
) -> BenchConfig:
    """The run that the options ask for. Raises ConfigError."""
    plan = plan_options.build()
    check_own_files("contender", plan_options.contender)
    check_own_files("source", [record_options.source] if record_options.source else None)
    check_own_files("serializer", [record_options.serializer])
    settings = run_settings(run_options)
    check_contender_names([*(plan_options.only or ()), *(plan_options.contender or ())])
    settings |= record_options.build(settings["workload"], managed=not server_options.redis)
    from stampede.loadtests.bench.bench_config import BenchConfig, offered_rate
    from stampede.loadtests.processes.remote import bind_address

    external = bool(server_options.postgres and server_options.redis)
    return BenchConfig(
        plan=plan,
        contenders=tuple(plan_options.only or ()),
        own_contenders=tuple(plan_options.contender or ()),
        reference=plan_options.reference,
        processes=load_options.expect or load_options.processes,
        bind=bind_address(load_options.expect, load_options.bind, external=external),
        wait_s=load_options.wait,
        may_configure=load_options.may_configure,
        rate_per_s=offered_rate(load_options.rate),
        **settings,
    )


def run_to_end(
    order: BenchConfig, server_options: ServerOptions, resume: Path | None, width: float | None, most_rounds: int
) -> Report:
    """Run the order, or what is missing of the run folder `resume`, and write the report.

    `width`: add rounds, up to `most_rounds`, until the intervals are as narrow as this share. None: add none.
    """
    from stampede.loadtests.experiments.run_experiments import run_experiments
    from stampede.reports.output.html_report import render, write_report
    from stampede.reports.output.report_model import read_report

    with started_servers(server_options) as servers:
        spec, order, folder = prepared(order, servers, resume)
        with reported_if_interrupted(render) as begun:
            begun(folder)
            if spec is not None:
                run_rounds(spec, order, servers, width, most_rounds)
            run_experiments(folder, order, servers, print_status)
            if order.plan.races:
                explore_races(folder, servers)
        with rare_collections():
            report = read_report(folder)
            write_report(report)
    return report


def prepared(order: BenchConfig, servers: Stack, resume: Path | None) -> tuple[RunConfig | None, BenchConfig, Path]:
    """The cells to run (None: only experiments), the order with the experiments to run, and the run folder."""
    from stampede.loadtests.bench.resume import resume_run, with_remaining_experiments
    from stampede.loadtests.bench.run_plan.planning import prepare_run
    from stampede.loadtests.experiments.run_experiments import prepare_experiments

    spec = None
    if order.plan.scenarios:
        if resume is None:
            spec = prepare_run(order, servers, print_status)[0]
        else:
            spec = resume_run(resume, order, servers, print_status)
    if resume is not None:
        order = replace(order, plan=with_remaining_experiments(resume, order.plan))
    return spec, order, Path(spec.folder) if spec is not None else prepare_experiments(order, servers)


def run_rounds(spec: RunConfig, order: BenchConfig, servers: Stack, width: float | None, most_rounds: int) -> None:
    """Run the cells, and further rounds until the intervals are narrow enough."""
    from stampede.loadtests.bench.progress import bench_progress
    from stampede.loadtests.bench.resume import more_rounds
    from stampede.loadtests.bench.run_bench import run_bench
    from stampede.reports.topics.selftests.selftest_result import rounds_to_add
    from stampede.run_folder.read import read_run

    folder = Path(spec.folder)
    rounds = 1
    while rounds:
        with bench_progress(spec) as on_event:
            run_bench(spec, servers, on_event)
        rounds, why = rounds_to_add(read_run(folder), width, most_rounds)
        if why:
            print_status(why)
        if rounds:
            spec = more_rounds(spec, order, rounds)


def explore_races(folder: Path, servers: Stack) -> None:
    """Explore the schedules of the contenders that ran, and add the verdicts to the run folder."""
    from stampede.races.after_bench import explore_after_bench
    from stampede.races.races_console import races_progress

    with races_progress() as on_event:
        explore_after_bench(folder, servers, on_event, print_status)
