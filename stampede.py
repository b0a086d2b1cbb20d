"""The front door: the command line, which only dispatches. Everything it needs is imported inside the command."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
if os.environ.get("PYTHONPATH", HERE) != HERE and os.path.basename(sys.argv[0]) in ("stampede", "stampede.py"):
    os.environ["PYTHONPATH"] = HERE  # the user's folders may hold modules that are named like ours
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

import shlex
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from core.options import FrontDoor, real, whole
from core.secrets import command_line, without_servers
from core.text import shown

app = typer.Typer(
    cls=FrontDoor,
    name="stampede",
    help="Which caching pattern, limiter and serializer for your workload, and what it costs when things go wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

PlanName = Annotated[str, typer.Option("--plan", help="smoke, quick, standard or full")]
StackName = Annotated[str, typer.Option("--stack", help="auto, embedded, containers or external")]
PostgresUrl = Annotated[
    str | None, typer.Option("--postgres", envvar="STAMPEDE_POSTGRES_URL", help="URL of your own PostgreSQL")
]
RedisUrl = Annotated[str | None, typer.Option("--redis", envvar="STAMPEDE_REDIS_URL", help="URL of your own Redis")]
WorkloadPath = Annotated[Path | None, typer.Option("--workload", help="a TOML file (stampede init writes one)")]
Contenders = Annotated[
    list[str] | None,
    typer.Option("--contender", help="path of your own pattern: runs beside ours. May be repeated"),
]
Only = Annotated[list[str] | None, typer.Option("--only", help="run only these of ours. May be repeated")]
RTT_HELP = "simulated distance in ms a round trip; 0: the bare machine"
Rtt = Annotated[float | None, real("--rtt", lowest=0, highest=1000, help=RTT_HELP)]
MOST_ROUNDS = 1000
LAST_SEED = 2**31 - 1
Seed = Annotated[int, whole(lowest=0, highest=LAST_SEED, help="the same seed gives the same data, keys and arrivals")]
Processes = Annotated[int, whole("--processes", lowest=1, highest=64, help="application servers")]
Yes = Annotated[bool, typer.Option("--yes", help="run although it will last longer than a day")]
Runs = Annotated[Path, typer.Option(help="where run folders go")]
Scenarios = Annotated[list[str] | None, typer.Option("--scenario", help="run only these. May be repeated")]
Experiments = Annotated[
    list[str] | None, typer.Option("--experiment", help="run only this, and no scenario. May be repeated")
]


@app.command()
def bench(
    plan: PlanName = "quick",
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    workload: WorkloadPath = None,
    contender: Contenders = None,
    only: Only = None,
    scenario: Scenarios = None,
    rounds: Annotated[int | None, whole(lowest=1, highest=MOST_ROUNDS, help="rounds, instead of the plan's")] = None,
    reference: Annotated[str, typer.Option(help="what every contender is compared with")] = "cache-aside",
    rtt: Rtt = None,
    processes: Annotated[int, whole("--processes", "--workers", lowest=1, highest=64, help="application servers")] = 2,
    expect: Annotated[
        int | None,
        whole(lowest=1, highest=64, help="wait for so many application servers from other machines (stampede worker)"),
    ] = None,
    bind: Annotated[str | None, typer.Option(help="where they are awaited: HOST:PORT; else 127.0.0.1:5557")] = None,
    wait: Annotated[float, real(lowest=1, highest=86_400, help="seconds that they have to come")] = 120.0,
    seed: Seed = 1,
    runs: Runs = Path("runs"),
    experiment: Experiments = None,
    may_configure: Annotated[
        bool, typer.Option("--may-configure", help="experiments may disturb your own Redis: attach MONITOR to it")
    ] = False,
    rate: Annotated[str | None, typer.Option(help="requests a second; auto: half of what no-cache can carry")] = None,
    until: Annotated[
        str | None, typer.Option(help="add rounds until every interval of read p10 is as narrow: 5%")
    ] = None,
    most_rounds: Annotated[int, whole(lowest=1, highest=MOST_ROUNDS, help="rounds at which --until gives up")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary for machines, as JSON")] = False,
    resume: Annotated[Path | None, typer.Option(help="finish this run folder, as it was begun")] = None,
    races: Annotated[
        bool | None, typer.Option("--races/--no-races", help="explore the schedules of who ran, whatever the plan says")
    ] = None,
    yes: Yes = False,
    as_recorded: Annotated[bool, typer.Option("--as-recorded", hidden=True)] = False,
) -> None:
    """Compare caching patterns on real servers and write a report."""
    from dataclasses import replace

    from artefact.read import read_run
    from loadtests.bench.bench_config import BenchOrder, offered_rate
    from loadtests.bench.planning import prepare_run
    from loadtests.bench.run_bench import run_bench
    from loadtests.elsewhere import bind_address
    from loadtests.estimate import estimate
    from loadtests.experiments.bench import prepare_experiments, run_experiments
    from loadtests.progress import bench_progress
    from loadtests.resume import more_rounds, resume_run, still_to_ask
    from scenarios.plans import find_plan
    from stack.open import open_stack

    with bad_input_in_one_line():
        if resume is not None and not as_recorded:
            raise typer.Exit(bench_as_recorded(resume, postgres, redis))
        check_runs(runs)
        stack_choice(stack)
        width = None if until is None else read_share("until", until)
        chosen = find_plan(plan)
        if scenario or experiment:
            chosen = replace(chosen, scenarios=tuple(scenario or ()), experiments=tuple(experiment or ()))
        if rounds is not None:
            chosen = replace(chosen, rounds=rounds)
        order = BenchOrder(
            plan=chosen,
            workload=read_workload_file(workload),
            contenders=tuple(only or ()),
            own_contenders=tuple(contender or ()),
            reference=reference,
            processes=expect or processes,
            bind=bind_address(expect, bind, external=bool(postgres and redis)),
            wait_s=wait,
            rtt_ms=rtt,
            seed=seed,
            runs=runs,
            command=command_line(sys.argv[1:]),
            may_configure=may_configure,
            rate_per_s=offered_rate(rate),
        )
        try_own_files("contender", contender)
        foreseen = estimate(order)
        foreseen.accepted(yes)
        say(foreseen.said(plan))
        from races.beside import explore_beside  # with what follows, behind the checks: these load for seconds
        from races.console import races_progress
        from reports.console import print_report
        from reports.machine import machine_summary
        from reports.render import render, write_report
        from reports.report import read_report
        from reports.trials import rounds_to_add

        with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
            say(servers.introduction())
            if resume is None:
                spec = prepare_run(order, servers, say)[0] if chosen.scenarios else None
            else:
                spec = resume_run(resume, order, servers, say) if chosen.scenarios else None
                order = replace(order, plan=still_to_ask(resume, order.plan))
            folder = Path(spec.folder) if spec else prepare_experiments(order, servers)
            with reported_if_cut(render) as begun:
                begun(folder)
                while spec:
                    with bench_progress(spec) as on_event:
                        run_bench(spec, servers, on_event)
                    more, why = rounds_to_add(read_run(folder), width, most_rounds)
                    if why:
                        say(why)
                    spec = more_rounds(spec, order, more) if more else None
                run_experiments(folder, order, servers, say)
                if chosen.races if races is None else races:
                    with races_progress() as on_race:
                        explore_beside(folder, servers, on_race, say)
            told = read_report(folder)
            say(f"report: {write_report(told)}")
        if as_json:
            tell(machine_summary(told))
        else:
            print_report(told)


def bench_as_recorded(run: Path, postgres: str | None, redis: str | None) -> int:
    """Give the command that a run was begun with once more, to finish it; the exit code.

    The URLs of the user's own servers are not kept in a run: they are those that are given now.
    """
    from loadtests.resume import recorded_words

    words = without_servers(recorded_words(run, urls_given=bool(postgres and redis)))
    urls = [f"{name}={url}" for name, url in (("--postgres", postgres), ("--redis", redis)) if url]
    again = [*words, *urls, "--resume", str(run), "--as-recorded"]
    return int(typer.main.get_command(app).main(again, prog_name="stampede", standalone_mode=False) or 0)


def read_share(field: str, text: str) -> float:
    """5% or 0.05, as 0.05. Raises ConfigError."""
    from patterns.errors import ConfigError

    try:
        share = float(text.rstrip("% ")) / (100 if text.rstrip().endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0.005 <= share <= 1:
        raise ConfigError(field, text, "a share such as 5%, from 0.5% to 100%")
    return share


@app.command()
def report(
    run: Annotated[Path | None, typer.Argument(help="a run folder; the newest where none is given")] = None,
    runs: Annotated[Path, typer.Option(help="where run folders are")] = Path("runs"),
) -> None:
    """Write a run folder's report anew."""
    from artefact.read import read_run
    from artefact.serializers import PLAN

    with bad_input_in_one_line():
        folder = run or newest(runs)
        recorded = read_run(folder)

        from reports.console import print_report  # behind the check: these load for seconds
        from reports.judge import judge
        from reports.render import write_report
        from reports.report import build_report
        from reports.serializers.render import print_advice, render_serializers

        if recorded.info.plan == PLAN:
            say(f"report: {render_serializers(folder)}")
            print_advice(folder)
        else:
            told = build_report(judge(recorded))
            say(f"report: {write_report(told)}")
            print_report(told)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(help="the run folder that is the base")],
    run_b: Annotated[Path, typer.Argument(help="the run folder that is held against it")],
    force: Annotated[bool, typer.Option("--force", help="compare runs that are not alike, and say so on top")] = False,
    out: Annotated[Path | None, typer.Option(help="folder of the page and its Markdown; else run B's")] = None,
) -> None:
    """Hold run B against run A: better, worse, the same, or cannot tell. Refuses runs that are not alike."""
    from reports.comparing.render import files, print_comparison, render_comparison

    with bad_input_in_one_line():
        both = render_comparison(run_a, run_b, force=force, out=out)
        say(f"comparison: {files(both, out)[0]}")
        print_comparison(both)


@app.command()
def gate(
    run: Annotated[Path, typer.Argument(help="the run folder that is judged")],
    against: Annotated[Path | None, typer.Option(help="the run folder that is the base")] = None,
    max_regression: Annotated[str | None, typer.Option(help="how much worse than the base may be, e.g. 10%")] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="judge this against the base, instead of counts; repeatable")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="a gate.toml with absolute limits")] = None,
    force: Annotated[bool, typer.Option("--force", help="judge against a base that is not alike")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="print what passed, too")] = False,
) -> None:
    """Pass or fail a run, for CI: exit 0 pass, 1 fail, 2 bad input, 3 cannot tell."""
    from dataclasses import replace

    from reports.comparing.gate import exit_code, print_findings
    from reports.comparing.gate import gate as findings_of
    from reports.comparing.thresholds import as_share, metric_named, read_thresholds

    with bad_input_in_one_line():
        thresholds = read_thresholds(config)
        if max_regression is not None:
            thresholds = replace(thresholds, max_regression=as_share(max_regression, "--max-regression"))
        if metric:
            thresholds = replace(thresholds, metrics=tuple(metric_named(name, "--metric") for name in metric))
        findings = findings_of(run, against, thresholds, force=force)
        print_findings(findings, everything=verbose)
        code = exit_code(findings)
    raise typer.Exit(code)


@app.command()
def serializers(
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    serializer: Annotated[
        list[str] | None, typer.Option("--serializer", help="path of your own serializer: beside ours. May be repeated")
    ] = None,
    only: Only = None,
    record: Annotated[list[str] | None, typer.Option("--record", help="only these records. May be repeated")] = None,
    rounds: Annotated[int, whole(lowest=1, highest=MOST_ROUNDS, help="rounds; below 6: ranges, no verdicts")] = 20,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="read pickled bytes back from a server that is not ours")
    ] = False,
    seed: Annotated[int, whole(lowest=0, highest=LAST_SEED, help="the same seed gives the same orders of blocks")] = 1,
    runs: Runs = Path("runs"),
) -> None:
    """Compare serializers: what survives, what it costs, what it weighs; and write a page."""
    from loadtests.serializers.bench import SerializersOrder, run_serializers
    from loadtests.serializers.progress import serializers_progress
    from reports.serializers.render import print_advice, render_serializers
    from stack.open import open_stack

    with bad_input_in_one_line():
        order = SerializersOrder(
            only=tuple(only or ()),
            own=tuple(serializer or ()),
            records=tuple(record or ()),
            rounds=rounds,
            allow_pickle=allow_pickle,
            seed=seed,
            runs=runs,
            command=command_line(sys.argv[1:]),
        )
        check_runs(runs)
        try_own_files("serializer", serializer)
        order.chosen(ours=not (postgres or redis))
        with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
            say(servers.introduction())
            with reported_if_cut(render_serializers) as begun, serializers_progress() as advance:
                folder = run_serializers(order, servers, say, advance, begun)
        page = render_serializers(folder)
        print_advice(folder)
        say(f"report: {page}")


@app.command()
def web(
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    workload: WorkloadPath = None,
    contender: Contenders = None,
    scenario: Scenarios = None,
    rtt: Rtt = None,
    processes: Processes = 2,
    port: Annotated[int, whole(lowest=1, highest=65_535, help="where Locust's page is served, on 127.0.0.1")] = 8089,
    base_path: Annotated[str, typer.Option("--base-path", help="below which path, behind a proxy: /load")] = "",
    seed: Seed = 1,
    runs: Runs = Path("runs"),
    http: Annotated[bool, typer.Option("--http", help="users that call the web service of `stampede serve`")] = False,
    host: Annotated[str | None, typer.Option(help="users that call this service over HTTP: http://name:port")] = None,
) -> None:
    """Open Locust's page, with scenario and contender to choose. Ctrl-C ends it."""
    if http or host is not None:
        web_over_http(stack, postgres, redis, host, port)
        return
    from loadtests.bench.bench_config import BenchOrder
    from loadtests.bench.scenario_selection import check_order
    from loadtests.web import check_base_path, check_port, serve_page
    from reports.render import render
    from scenarios.plans import WEB, Plan
    from scenarios.scenario import scenarios
    from stack.open import open_stack

    with bad_input_in_one_line():
        check_port(port)
        check_base_path(base_path)
        check_runs(runs)
        try_own_files("contender", contender)
        order = BenchOrder(
            plan=Plan(name=WEB, rounds=1, scenarios=tuple(scenario or scenarios()), twin=False, windows=5),
            workload=read_workload_file(workload),
            own_contenders=tuple(contender or ()),
            processes=processes,
            rtt_ms=rtt,
            seed=seed,
            runs=runs,
            command=command_line(sys.argv[1:]),
        )
        check_order(order)
        with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
            say(servers.introduction())
            with reported_if_cut(render) as begun:
                folder = serve_page(order, servers, port, say, base_path, begun)
            say(f"report: {render(folder)}")


def web_over_http(stack: str, postgres: str | None, redis: str | None, host: str | None, port: int) -> None:
    from loadtests.http import check_host, serve_http_page
    from loadtests.web import check_port

    with bad_input_in_one_line():
        check_port(port)
        if host is not None:
            serve_http_page(check_host(host), port, say)
            return
        with running_service(stack, postgres, redis, port=8000) as (address, _):
            serve_http_page(address, port, say)


@contextmanager
def running_service(
    stack: str, postgres: str | None, redis: str | None, *, records: int = 10_000, seed: int = 1, **settings: Any
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Servers, data and the web service over them: its address, and what waits until one of them ends."""
    from loadtests.http import service_process
    from loadtests.room import require_room_for_service
    from loadtests.service import ServiceSettings
    from loadtests.web import check_port
    from stack.dataset import ensure_dataset
    from stack.open import open_stack

    check_port(settings["port"])
    try_own_files("pattern", [settings.get("pattern", "")])
    try_own_files("limiter", [settings.get("limiter", "")])
    ServiceSettings(postgres_url="", redis_url="", key_prefix="", **settings)
    with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
        say(servers.introduction())
        require_room_for_service(servers, settings.get("threads", 16), settings.get("workers", 1))
        ensure_dataset(servers.postgres.url, records=records, record_bytes=500, seed=seed, ours=servers.ours, say=say)
        chosen = ServiceSettings(
            postgres_url=servers.postgres.url, redis_url=servers.redis.url, key_prefix=servers.key_prefix, **settings
        )
        with service_process(chosen, servers.directory, servers.register_child) as (child, address):
            yield address, lambda: wait_until_one_ends(servers, child)


@app.command()
def races(
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    contender: Annotated[
        list[str] | None, typer.Option("--contender", help="a pattern or limiter by name, or a file. May be repeated")
    ] = None,
    situation: Annotated[list[str] | None, typer.Option("--situation", help="only these. May be repeated")] = None,
    replay: Annotated[str | None, typer.Option("--replay", help="play one schedule of one contender by its id")] = None,
    times: Annotated[int, whole(lowest=1, highest=100_000, help="how often to replay")] = 1,
    bound: Annotated[
        int, whole(lowest=1, highest=1_000_000, help="a situation with more schedules is not tried whole")
    ] = 5_000,
    sample: Annotated[int, whole(lowest=0, highest=1_000_000, help="random schedules beyond the bound")] = 500,
    seed: Annotated[int, whole(lowest=0, highest=LAST_SEED, help="the same seed gives the same random schedules")] = 1,
    without_reduction: Annotated[
        bool, typer.Option("--without-reduction", help="try commuting steps in every order too, and compare")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the verdicts to this file")] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Try every order of a few concurrent requests on real servers: which promises break, and how.

    Exit 1: a promise broke, or something was not judged.
    """
    from core.terminal import PlainConsole
    from patterns.catalogue import limiters
    from patterns.errors import require
    from races.card import Bound
    from races.console import print_races, print_replay, races_progress, write_json
    from races.explorer import (
        RacesOrder,
        begun,
        explore_all,
        found,
        held_contenders,
        is_clean,
        keep_explored,
        new_folder,
        replay_on,
    )
    from reports.races.page import render_races
    from scenarios.races.situation import find_situation, situations
    from stack.open import open_stack

    console = PlainConsole()
    with bad_input_in_one_line():
        check_runs(runs)
        try_own_files("contender", contender)
        chosen, opened = found(contender or [*held_contenders(), *limiters()])
        asked = tuple(find_situation(name) for name in situation or situations())
        require(replay is None or len(chosen) == 1, "contender", contender, "one contender, to replay its schedule")
        with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
            say(servers.introduction())
            if replay is not None:
                print_replay(replay_on(servers, chosen[0], replay, times), times, console)
                return
            order = RacesOrder(
                contenders=chosen,
                situations=asked,
                bound=Bound(schedules=bound, random=sample, seed=seed, without_reduction=without_reduction),
                command=command_line(sys.argv[1:]),
                opened=opened,
            )
            info = begun(order, servers)
            try:
                with races_progress() as on_event:
                    explore_all(order, servers, on_event, info)
            except BaseException:
                if keep_explored(order, info):
                    say(f"report: {render_races(info.write(new_folder(runs)).parent)}")
                raise
        print_races(info, console)
        folder = info.write(new_folder(runs)).parent
        say(f"report: {render_races(folder)}")
        if json_file is not None:
            write_json(info, json_file)
    if not is_clean(info):
        raise typer.Exit(1)


@app.command()
def serve(
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    pattern: Annotated[str, typer.Option(help="a caching pattern by name, or a file of yours")] = "cache-aside",
    limiter: Annotated[str, typer.Option(help="a rate limiter by name, or a file of yours")] = "sliding-log",
    limit: Annotated[int, whole(lowest=1, highest=10**9, help="calls of a subject in a window")] = 100,
    window: Annotated[float, real(lowest=0.01, highest=31 * 86_400, help="the window in seconds")] = 60.0,
    burst: Annotated[
        int | None, whole(lowest=1, highest=10**9, help="calls at once, where the limiter is a bucket")
    ] = None,
    ttl: Annotated[float, real(lowest=0.001, highest=31_536_000, help="lifetime of a cache entry in seconds")] = 3600.0,
    load_wait: Annotated[
        float, real(lowest=0, highest=10_000, help="milliseconds that a load waits in the database")
    ] = 4.0,
    records: Annotated[int, whole(lowest=1, highest=10_000_000, help="users in the database")] = 10_000,
    threads: Annotated[int, whole(lowest=1, highest=256, help="threads a process")] = 16,
    workers: Annotated[int, whole(lowest=1, highest=64, help="processes")] = 1,
    port: Annotated[int, whole(lowest=1, highest=65_535, help="where it answers, on 127.0.0.1")] = 8000,
    seed: Annotated[int, whole(lowest=0, highest=LAST_SEED, help="the same seed gives the same users")] = 1,
) -> None:
    """Serve /users/{id} by a pattern and /limited by a rate limiter, on real threads. Ctrl-C ends it."""
    chosen = {"pattern": pattern, "limiter": limiter, "limit": limit, "window_s": window, "burst": burst}
    chosen |= {"ttl_s": ttl, "load_wait_ms": load_wait, "threads": threads, "workers": workers, "port": port}
    with (
        bad_input_in_one_line(),
        running_service(stack, postgres, redis, records=records, seed=seed, **chosen) as (address, wait),
    ):
        say(f"{address}/users/1 by {pattern}, {address}/limited by {limiter} (Ctrl-C ends it)")
        wait()


@app.command()
def worker(
    master: Annotated[str, typer.Option(help="HOST:PORT where stampede bench --expect listens")],
    postgres: Annotated[
        str | None, typer.Option("--postgres", envvar="STAMPEDE_POSTGRES_URL", help="as this machine reaches it")
    ] = None,
    redis: Annotated[
        str | None, typer.Option("--redis", envvar="STAMPEDE_REDIS_URL", help="as this machine reaches it")
    ] = None,
    wait: Annotated[float, real(lowest=1, highest=86_400, help="seconds that the bench has to listen there")] = 120.0,
) -> None:
    """Play one application server for a bench on another machine, until its run is over."""
    from loadtests.elsewhere import read_address
    from loadtests.worker import run_worker

    with bad_input_in_one_line():
        run_worker(read_address("master", master), (postgres, redis), wait, say)


@app.command()
def services(
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
) -> None:
    """Start PostgreSQL and Redis, print their URLs, keep them until Ctrl-C."""
    from stack.open import open_stack

    with (
        bad_input_in_one_line(),
        open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers,
    ):
        say(servers.introduction())
        typer.echo(servers.postgres.url)  # with their passwords: it is what this command is for
        typer.echo(servers.redis.url)
        wait_until_one_ends(servers)


@app.command()
def monitor(
    redis: RedisUrl = None,
    every: Annotated[float, real("--every", lowest=0.1, highest=3600, help="seconds between two looks")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="print one frame and end")] = False,
) -> None:
    """Watch a Redis server: hit rate, memory, clients, commands, evictions, slow log. Ctrl-C ends it."""
    from patterns.errors import require
    from stack.monitor import watch

    with bad_input_in_one_line():
        require(bool(redis), "redis", redis, "the URL of a Redis server (stampede services starts one)")
        watch(str(redis), every_s=every, once=once)


@app.command()
def aa(
    contender: Annotated[str, typer.Option(help="one of ours by name, or a file of yours")] = "cache-aside",
    rounds: Annotated[
        int, whole(lowest=1, highest=MOST_ROUNDS, help="rounds; each block of eight is judged by itself as well")
    ] = 16,
    scenario: Scenarios = None,
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    workload: WorkloadPath = None,
    rtt: Rtt = None,
    seed: Seed = 1,
    runs: Runs = Path("runs"),
    yes: Yes = False,
) -> None:
    """Run one contender as if it were two: how often the tool sees a difference that is none, and its noise floor."""
    from artefact.read import read_run
    from loadtests.trials import BLOCK, aa_order
    from reports.judge import judge
    from reports.render import render
    from reports.trials import aa_lines, aa_rows, relabelled_alarms

    with bad_input_in_one_line():
        order = aa_order(
            contender, rounds, tuple(scenario or ("read-heavy",)), **trial_settings(workload, rtt, seed, runs)
        )
        folder = run_trial(order, stack, postgres, redis, yes)
        judgement = judge(read_run(folder))
        for line in aa_lines(aa_rows(judgement, BLOCK)):
            tell(line)
        for info in judgement.scenarios:
            share = relabelled_alarms(judgement, info.name, min(rounds, BLOCK), 1000, seed)
            tell(f"{info.name}: names dealt anew 1,000 times, {100 * share:.1f} % with an alarm (allowed: 5 %)")
        say(f"report: {render(folder)}")


@app.command()
def selfcheck(
    blocks: Annotated[
        int, whole(lowest=1, highest=MOST_ROUNDS // 8, help="plans of quick's size (eight rounds) that are judged")
    ] = 2,
    scenario: Scenarios = None,
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    workload: WorkloadPath = None,
    rtt: Rtt = None,
    seed: Seed = 1,
    runs: Runs = Path("runs"),
    yes: Yes = False,
) -> None:
    """Run contenders with planted differences: which share of them a plan of quick's size decides, and how."""
    from artefact.read import read_run
    from loadtests.trials import BLOCK, PLANTED, selfcheck_order
    from reports.judge import judge
    from reports.render import render
    from reports.trials import Planted, decisions, tally

    with bad_input_in_one_line():
        order = selfcheck_order(blocks, tuple(scenario or ("read-heavy",)), **trial_settings(workload, rtt, seed, runs))
        folder = run_trial(order, stack, postgres, redis, yes)
        planted = [Planted(contender=p.contender, metric=p.metric, share=p.share) for p in PLANTED]
        for line in tally(decisions(judge(read_run(folder)), planted, BLOCK)):
            tell(line)
        say(f"report: {render(folder)}")


def trial_settings(workload: Path | None, rtt: float | None, seed: int, runs: Path) -> dict[str, Any]:
    """What aa and selfcheck are told alike."""
    command = command_line(sys.argv[1:])
    return {"workload": read_workload_file(workload), "rtt_ms": rtt, "seed": seed, "runs": runs, "command": command}


def run_trial(order: Any, stack: str, postgres: str | None, redis: str | None, yes: bool) -> Path:
    """Run a trial's orders to their end; the run folder."""
    from loadtests.estimate import estimate
    from loadtests.trials import run_whole
    from reports.render import render
    from stack.open import open_stack

    check_runs(order.runs)
    try_own_files("contender", order.own_contenders)
    estimate(order).accepted(yes)
    with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
        say(servers.introduction())
        with reported_if_cut(render) as begun:
            return run_whole(order, servers, say, begun)


@app.command()
def knee(
    objective: Annotated[str, typer.Option(help="a percentile of the response time and its bound")] = "p99<50ms",
    scenario: Annotated[str, typer.Option(help="one caching scenario")] = "read-heavy",
    only: Only = None,
    contender: Contenders = None,
    rounds: Annotated[
        int, whole(lowest=1, highest=MOST_ROUNDS, help="brackets a contender; below 6: a range, no level")
    ] = 6,
    cells: Annotated[int, whole(lowest=2, highest=10_000, help="cells a contender at most")] = 50,
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    workload: WorkloadPath = None,
    rtt: Rtt = None,
    processes: Processes = 2,
    seed: Seed = 1,
    runs: Runs = Path("runs"),
    yes: Yes = False,
) -> None:
    """Find the highest open rate at which each contender meets an objective, and what saturates first."""
    from loadtests.bench.bench_config import BenchOrder
    from loadtests.estimate import knees_estimate
    from loadtests.knee import find_knees, read_objective
    from patterns.errors import require
    from reports.knee import met, one_cell, told, write_knees
    from reports.render import render
    from scenarios.plans import ARTICLE, Plan
    from stack.open import open_stack

    with bad_input_in_one_line():
        wanted = read_objective(objective)
        named = tuple(only or ARTICLE)
        require(bool(named), "only", named, "a contender at least")
        order = BenchOrder(
            plan=Plan(name="knee", rounds=1, scenarios=(scenario,), contenders=named, twin=False),
            workload=read_workload_file(workload),
            contenders=named,
            own_contenders=tuple(contender or ()),
            reference=named[0],
            processes=processes,
            rtt_ms=rtt,
            seed=seed,
            runs=runs,
            command=command_line(sys.argv[1:]),
        )
        check_runs(runs)
        try_own_files("contender", contender)
        knees_estimate(order, cells).accepted(yes)
        with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
            say(servers.introduction())
            with reported_if_cut(render) as begun:
                folder, searches = find_knees(
                    order,
                    servers,
                    lambda run, cell: met(one_cell(run, cell), wanted.share, wanted.within_ms),
                    say,
                    begun,
                    rounds=rounds,
                    most_cells=cells,
                )
        found = {
            name: told(
                folder,
                name,
                [b.knee_per_s for b in s.brackets],
                [b.missed_in for b in s.brackets if b.missed_in is not None],
                s.cells,
            )
            for name, s in searches.items()
        }
        tell(f"{scenario}: the highest rate with {wanted}")
        for knee_of in found.values():
            tell(f"  {knee_of}")
        say(f"written: {write_knees(folder, found, str(wanted))}")


@app.command()
def harness(
    stack: StackName = "auto",
    postgres: PostgresUrl = None,
    redis: RedisUrl = None,
    turns: Annotated[int, whole(lowest=1, highest=1000, help="how often each is measured, in turn")] = 5,
    seconds: Annotated[float, real(lowest=0.5, highest=60, help="of each turn")] = 2.0,
    samples: Annotated[
        int, whole(lowest=1000, highest=10_000_000, help="how many are recorded and handed over")
    ] = 1_000_000,
) -> None:
    """Measure the harness itself: our path beside plain Locust's no-op user, and the price of recording samples."""
    from loadtests.harness import LEAST_RATIO, measure_pace, measure_recording, report
    from stack.dataset import ensure_dataset
    from stack.open import open_stack

    with bad_input_in_one_line():
        with open_stack(stack_choice(stack), postgres_url=postgres, redis_url=redis, say=say) as servers:
            say(servers.introduction())
            ensure_dataset(servers.postgres.url, records=1000, record_bytes=500, seed=1, ours=servers.ours, say=say)
            pace = measure_pace(servers, seconds=seconds, turns=turns)
        for line in report(pace, measure_recording(samples)):
            tell(line)
    if pace.ratio < LEAST_RATIO:
        raise typer.Exit(1)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="the file to write")] = Path("workload.toml"),
) -> None:
    """Write a commented workload file."""
    from patterns.errors import ConfigError
    from scenarios.workload import TEMPLATE

    with bad_input_in_one_line():
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(TEMPLATE)
        except FileExistsError:
            raise ConfigError("path", str(path), "a file that is not there yet") from None
        except OSError as error:
            raise ConfigError("path", str(path), f"a file that can be written ({error.strerror})") from error
        say(f"wrote {path}")


def read_workload_file(path: Path | None):  # type: ignore[no-untyped-def]  # its type is imported inside
    from scenarios.scenario import scenarios
    from scenarios.workload import WorkloadFile, read_workload

    return WorkloadFile() if path is None else read_workload(path, frozenset(scenarios()))


def check_runs(runs: Path) -> None:
    """Raise ConfigError where no folder can be made in `runs`. Makes nothing that stays."""
    import tempfile

    from patterns.errors import ConfigError

    there = next((path for path in (runs, *runs.absolute().parents) if path.exists() or path.is_symlink()), Path("/"))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise ConfigError("runs", str(runs), f"a folder that can be written to ({error.strerror})") from error


def try_own_files(field: str, names: Iterable[str] | None) -> None:
    """Import each of the user's own files once in a process of its own. Raises ConfigError."""
    from patterns.own_file import try_files

    try_files(field, names or ())


def stack_choice(name: str):  # type: ignore[no-untyped-def]  # its type is imported inside
    from patterns.errors import require
    from stack.open import CHOICES

    require(name in CHOICES, "stack", name, f"one of {', '.join(CHOICES)}")
    return name


def newest(runs: Path) -> Path:
    """The newest run folder. Raises RunFolderError where there is none."""
    from artefact.read import RunFolderError

    folders = sorted(path.parent for path in runs.glob("*/run.json"))
    if not folders:
        raise RunFolderError(runs, "no run folder in it", "make bench, or the path of a run folder")
    return folders[-1]


def say(line: str) -> None:
    typer.echo(shown(line), err=True)


def tell(line: str) -> None:
    """Print a result."""
    typer.echo(shown(line))


@contextmanager
def bad_input_in_one_line() -> Iterator[None]:
    """What the user can mend: one line and exit code 2. A broken harness, a server that ended, a full disk: 1. Ctrl-C:
    130; SIGTERM: 143; SIGHUP: 129."""
    from artefact.read import RunFolderError
    from artefact.write import FULL
    from loadtests.signals import exit_code, raised_as_stopped, stopped_line
    from patterns.errors import ConfigError
    from reports.errors import InputError

    try:
        with raised_as_stopped():
            yield
    except (ConfigError, InputError, RunFolderError) as error:
        say("stampede: " + " ".join(str(error).split()))
        raise typer.Exit(2) from None
    except KeyboardInterrupt as stopped:
        say(stopped_line(stopped))
        raise typer.Exit(exit_code(stopped)) from None
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in FULL
        if not full and not {kind.__name__ for kind in type(error).__mro__} & set(ENDED_BY):
            raise
        say("stampede: " + " ".join(str(error).split()))
        raise typer.Exit(1) from None


ENDED_BY = ("BenchFailed", "ExplorerError", "HarnessFailed", "SerializersFailed", "ServerEnded", "WriteFailed")
"""Errors, by name, that say in one line what ended a command."""


@contextmanager
def reported_if_cut(render: Callable[[Path], Path]) -> Iterator[Callable[[Path], None]]:
    """Where the block fails or is stopped, report what was finished in the run folder that it named."""
    from artefact.read import RunFolderError
    from artefact.write import WriteFailed

    folders: list[Path] = []
    try:
        yield folders.append
    except BaseException:
        for folder in folders:
            if folder.is_dir():  # it is not, where nothing began
                try:
                    say(f"report: {render(folder)}")
                except (RunFolderError, WriteFailed) as error:
                    say(f"no report: {error}; later: stampede report {shlex.quote(str(folder))}")
        raise


def wait_until_one_ends(servers: Any, child: Any = None) -> None:
    """Until a signal ends the command. Raises ServerEnded where a server, or the child process, ends before."""
    import time

    from stack.guard import how
    from stack.servers import ServerEnded

    while True:
        ended = servers.ended()
        if not ended and child is not None and child.poll() is not None:
            ended = f"the service ended ({how(child.returncode)})"
        if ended:
            raise ServerEnded(ended)
        time.sleep(0.5)


def main() -> None:
    from loadtests.signals import end_at_once

    end_at_once(say)
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    try:
        app()
    except Exception:  # noqa: BLE001 - a fault of ours: its traceback may quote a URL
        say(traceback.format_exc())
        sys.exit(1)


if __name__ == "__main__":
    main()
