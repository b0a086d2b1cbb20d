"""Serves Locust's page: the user chooses scenario and contender there, and cells run until the test is stopped."""

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stampede.core.errors import ConfigError, RunFolderError, require
from stampede.loadtests.bench.bench_config import BenchConfig
from stampede.loadtests.bench.run_bench import close_run, events_from
from stampede.loadtests.bench.run_plan.planning import prepare_run
from stampede.loadtests.processes.locust_processes import locust_processes
from stampede.loadtests.processes.run_end import stop_reason
from stampede.run_folder.read import read_run
from stampede.stack.servers import Stack


def check_port(port: int) -> None:
    """Raise ConfigError if the port is not free on 127.0.0.1."""
    require(1 <= port <= 65535, "port", port, "1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError("port", port, f"a free port ({error.strerror})") from error


def check_base_path(base_path: str) -> None:
    """Raise ConfigError if the page cannot be served below that path."""
    fits = re.fullmatch(r"(/[\w.-]+)*", base_path) is not None
    require(fits, "base-path", base_path, "a path such as /load, without a slash at its end")


def serve_page(
    bench_config: BenchConfig,
    stack: Stack,
    port: int,
    say: Callable[[str], None],
    base_path: str = "",
    on_begin: Callable[[Path], None] = lambda _folder: None,
) -> Path:
    """Serve Locust's page on 127.0.0.1 until Locust ends. Returns the run folder.

    `on_begin` receives the folder as soon as it exists. KeyboardInterrupt passes through.
    """
    config, _ = prepare_run(bench_config, stack, say)
    folder = Path(config.folder)
    on_begin(folder)
    try:
        with locust_processes(config, stack, web_port=port, base_path=base_path) as (master, workers, progress):
            say(f"Locust's page: http://127.0.0.1:{port}{base_path} (Ctrl-C ends it)")
            for event in events_from(progress, master, workers, lambda: stop_reason(stack, folder)):
                if event["event"] == "done" and event["status"] != "done":
                    say(f"cell {event['id']} {event['status']}: {event['why']}")
    except KeyboardInterrupt:
        say("stopping")
        raise
    finally:
        with suppress(RunFolderError):
            close_run(folder, "finished" if read_run(folder).done else "cut")
    return folder
