"""Commands that keep running until Ctrl-C: `stampede web`, `serve`, `worker`, `services` and `monitor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stampede.cli.completion import limiter_names, pattern_names
from stampede.cli.input_checks import check_contender_names, check_own_files, check_runs, check_scenario_names
from stampede.cli.option_types import integer_option, number_option
from stampede.cli.output import print_status, reported_if_interrupted
from stampede.cli.shared_options import (
    LAST_SEED,
    Contenders,
    Processes,
    RedisUrl,
    RunOptions,
    Scenarios,
    ServerOptions,
)
from stampede.cli.started_servers import run_settings, started_servers, wait_until_one_ends

if TYPE_CHECKING:
    from stampede.loadtests.bench.bench_config import BenchConfig


def web(
    server_options: ServerOptions,
    run_options: RunOptions,
    contender: Contenders = None,
    scenario: Scenarios = None,
    processes: Processes = 2,
    port: Annotated[
        int, integer_option(lowest=1, highest=65_535, help="where Locust's page is served, on 127.0.0.1")
    ] = 8089,
    base_path: Annotated[str, typer.Option("--base-path", help="path below which a proxy serves it: /load")] = "",
    http: Annotated[bool, typer.Option("--http", help="users that call the web service of `stampede serve`")] = False,
    host: Annotated[str | None, typer.Option(help="users that call this service over HTTP: http://name:port")] = None,
) -> None:
    """Open Locust's page, with scenario and contender to choose. Ctrl-C ends it."""
    if http or host is not None:
        serve_page_over_http(server_options, host, port)
        return
    from stampede.loadtests.locustfiles.web_ui import check_base_path, check_port, serve_page

    check_port(port)
    check_base_path(base_path)
    check_runs(run_options.runs)
    check_own_files("contender", contender)
    order = web_order(check_scenario_names(scenario), contender, processes, run_options)
    from stampede.reports.output.html_report import render

    with started_servers(server_options) as servers:
        with reported_if_interrupted(render) as begun:
            folder = serve_page(order, servers, port, print_status, base_path, begun)
        print_status(f"report: {render(folder)}")


def web_order(
    chosen: tuple[str, ...], contender: list[str] | None, processes: int, run_options: RunOptions
) -> BenchConfig:
    """What the page lets the user choose from. Raises ConfigError."""
    from stampede.loadtests.bench.bench_config import BenchConfig
    from stampede.loadtests.bench.run_plan.scenario_selection import check_bench_config
    from stampede.scenarios.plans import WEB, Plan
    from stampede.scenarios.scenario import scenarios

    order = BenchConfig(
        plan=Plan(name=WEB, rounds=1, scenarios=chosen or tuple(scenarios()), aa_copy=False, windows=5),
        own_contenders=tuple(contender or ()),
        processes=processes,
        **run_settings(run_options),
    )
    check_bench_config(order)
    return order


def serve_page_over_http(server_options: ServerOptions, host: str | None, port: int) -> None:
    """Serve Locust's page with users that call `host`, or a web service started for them."""
    from stampede.loadtests.locustfiles.http_page import check_host, serve_http_page
    from stampede.loadtests.locustfiles.web_ui import check_port

    check_port(port)
    if host is not None:
        serve_http_page(check_host(host), port, print_status)
        return
    with running_service(server_options, port=8000) as (address, _):
        serve_http_page(address, port, print_status)


@contextmanager
def running_service(
    server_options: ServerOptions, *, records: int = 10_000, seed: int = 1, **settings: Any
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Servers, data and the web service: its address, and a function that waits until one of them ends.

    `settings`: of ServiceSettings. Raises ConfigError; ServerEnded.
    """
    check_own_files("pattern", [settings.get("pattern", "")])
    check_own_files("limiter", [settings.get("limiter", "")])
    check_contender_names([settings[name] for name in ("pattern", "limiter") if name in settings])
    from stampede.loadtests.locustfiles.web_ui import check_port

    check_port(settings["port"])
    from stampede.loadtests.appserver.http_service import ServiceSettings
    from stampede.loadtests.locustfiles.http_page import service_process
    from stampede.loadtests.processes.connections_needed import require_room_for_service
    from stampede.stack.postgres.dataset import ensure_dataset

    ServiceSettings(postgres_url="", redis_url="", key_prefix="", **settings)
    with started_servers(server_options) as servers:
        postgres_url, redis_url = servers.postgres.url, servers.redis.url
        require_room_for_service(servers, settings.get("threads", 16), settings.get("workers", 1))
        ensure_dataset(
            postgres_url, records=records, record_bytes=500, seed=seed, managed=servers.managed, say=print_status
        )
        checked = ServiceSettings(
            postgres_url=postgres_url, redis_url=redis_url, key_prefix=servers.key_prefix, **settings
        )
        with service_process(checked, servers.directory, servers.register_child) as (child, address):
            yield address, lambda: wait_until_one_ends(servers, child)


def serve(
    server_options: ServerOptions,
    pattern: Annotated[
        str, typer.Option(help="a caching pattern by name, or a file of yours", autocompletion=pattern_names)
    ] = "cache-aside",
    limiter: Annotated[
        str, typer.Option(help="a rate limiter by name, or a file of yours", autocompletion=limiter_names)
    ] = "sliding-log",
    limit: Annotated[int, integer_option(lowest=1, highest=10**9, help="calls of a subject in a window")] = 100,
    window: Annotated[float, number_option(lowest=0.01, highest=31 * 86_400, help="the window in seconds")] = 60.0,
    burst: Annotated[
        int | None, integer_option(lowest=1, highest=10**9, help="calls at once, where the limiter is a bucket")
    ] = None,
    ttl: Annotated[
        float, number_option(lowest=0.001, highest=31_536_000, help="lifetime of a cache entry in seconds")
    ] = 3600.0,
    load_wait: Annotated[
        float, number_option(lowest=0, highest=10_000, help="milliseconds that a load waits in the database")
    ] = 4.0,
    records: Annotated[int, integer_option(lowest=1, highest=10_000_000, help="users in the database")] = 10_000,
    threads: Annotated[int, integer_option(lowest=1, highest=256, help="threads a process")] = 16,
    workers: Annotated[int, integer_option(lowest=1, highest=64, help="processes")] = 1,
    port: Annotated[int, integer_option(lowest=1, highest=65_535, help="where it answers, on 127.0.0.1")] = 8000,
    seed: Annotated[int, integer_option(lowest=0, highest=LAST_SEED, help="the same seed gives the same users")] = 1,
) -> None:
    """Serve /users/{id} by a pattern and /limited by a rate limiter, on real threads. Ctrl-C ends it."""
    settings = {"pattern": pattern, "limiter": limiter, "limit": limit, "window_s": window, "burst": burst}
    settings |= {"ttl_s": ttl, "load_wait_ms": load_wait, "threads": threads, "workers": workers, "port": port}
    with running_service(server_options, records=records, seed=seed, **settings) as (address, wait):
        print_status(f"{address}/users/1 by {pattern}, {address}/limited by {limiter} (Ctrl-C ends it)")
        wait()


def worker(
    master: Annotated[str, typer.Option(help="HOST:PORT where stampede bench --expect listens")],
    postgres: Annotated[
        str | None,
        typer.Option(
            "--postgres", envvar="STAMPEDE_POSTGRES_URL", help="URL of PostgreSQL, as this machine reaches it"
        ),
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option("--redis", envvar="STAMPEDE_REDIS_URL", help="URL of Redis, as this machine reaches it"),
    ] = None,
    wait: Annotated[
        float, number_option(lowest=1, highest=86_400, help="seconds to wait until the bench listens there")
    ] = 120.0,
) -> None:
    """Play one application server for a bench on another machine, until its run is over."""
    from stampede.loadtests.processes.remote import read_address
    from stampede.loadtests.processes.worker_process import run_worker

    run_worker(read_address("master", master), (postgres, redis), wait, print_status)


def services(server_options: ServerOptions) -> None:
    """Start PostgreSQL and Redis, print their URLs, keep them until Ctrl-C."""
    with started_servers(server_options) as servers:
        typer.echo(servers.postgres.url)  # with their passwords: it is what this command is for
        typer.echo(servers.redis.url)
        wait_until_one_ends(servers)


def monitor(
    redis: RedisUrl = None,
    every: Annotated[
        float, number_option("--every", lowest=0.1, highest=3600, help="seconds between two samples")
    ] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="print one frame and end")] = False,
) -> None:
    """Watch a Redis server: hit rate, memory, clients, commands, evictions, slow log. Ctrl-C ends it."""
    from stampede.core.errors import require

    require(bool(redis), "redis", redis, "the URL of a Redis server (stampede services starts one)")
    from stampede.stack.redis.redis_monitor import watch

    watch(str(redis), every_s=every, once=once)
