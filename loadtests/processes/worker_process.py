"""The command `stampede worker`: one application server for a bench on another machine."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from stampede.core.errors import BenchFailed, ConfigError
from stampede.core.files import PACKAGE
from stampede.core.private_files import empty_file
from stampede.core.text.safe_text import ReportProgress
from stampede.loadtests.processes.remote import HostPort
from stampede.loadtests.processes.run_end import end_processes
from stampede.stack.supervisor.supervisor_client import supervised

CONNECT_WITHIN_S = 2.0
REFUSED_WITHIN_S = 15.0
RETRY_EVERY_S = 0.5


def run_worker(master: HostPort, urls: tuple[str | None, str | None], wait_s: float, say: ReportProgress) -> None:
    """Join the bench, receive its configuration, serve its cells, end with it.

    `urls`: of PostgreSQL and Redis as this machine reaches them; None: as the bench sends them. Raises ConfigError if
    nothing listens at `master` in time, or if this worker cannot take part; BenchFailed if the worker fails.
    """
    await_port(master, wait_s)
    with supervised() as supervisor:
        log = supervisor.directory / "locust-worker.log"
        read_end, write_end = os.pipe()
        try:
            child = start(master, urls, supervisor.directory, log, write_end)
        finally:
            os.close(write_end)
        joined = False
        try:
            supervisor.register_child(child.pid)
            for event in reported_events(read_end):
                if event["event"] == "refused":
                    with suppress(subprocess.TimeoutExpired):  # the bench receives the refusal and ends the worker
                        child.wait(REFUSED_WITHIN_S)
                    raise ConfigError("worker", socket.gethostname(), event["reason"])
                if event["event"] == "waiting":
                    say(f"connected to the bench at {master}")
                if event["event"] == "joined":
                    joined = True
                    say(f"joined as application server {event['process']} (Ctrl-C leaves, and ends the run)")
            code = child.wait()
        finally:
            end_processes([child])
            os.close(read_end)
        if not joined:
            raise ConfigError("master", str(master), "a stampede bench --expect: this one sent no configuration")
        if code:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise BenchFailed(f"the worker ended with code {code}: {lines[-1] if lines else 'no output'}")
        say("the run is over")


def await_port(master: HostPort, wait_s: float) -> None:
    """Wait until the port accepts connections. Raises ConfigError with the last error."""
    until = time.monotonic() + wait_s
    while True:
        try:
            socket.create_connection((master.host, master.port), timeout=CONNECT_WITHIN_S).close()
        except OSError as error:
            if time.monotonic() > until:
                want = f"a stampede bench --expect that listens there within {wait_s:g} s ({error.strerror or error})"
                raise ConfigError("master", str(master), want) from None
            time.sleep(RETRY_EVERY_S)
        else:
            return


def start(
    master: HostPort, urls: tuple[str | None, str | None], private: Path, log: Path, report_fd: int
) -> subprocess.Popen[bytes]:
    """Start Locust without the user's Locust settings. URLs contain passwords, so they are not in its arguments."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    environment |= {"HOME": str(private), "PYTHONUNBUFFERED": "1"}
    environment |= {"STAMPEDE_POSTGRES_URL": urls[0] or "", "STAMPEDE_REDIS_URL": urls[1] or ""}
    command = [
        sys.executable,
        "-P",
        "-m",
        "locust",
        "-f",
        str(PACKAGE / "loadtests" / "locustfiles" / "locustfile.py"),
        "--worker",
    ]
    command += ["--master-host", master.host, "--master-port", str(master.port), "--report-fd", str(report_fd)]
    command += ["--stop-timeout", "10", "--only-summary", "--loglevel", "WARNING"]
    with empty_file(log).open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=private,
            pass_fds=[report_fd],
            start_new_session=True,
        )


def reported_events(read_end: int) -> Iterator[dict[str, Any]]:
    """The events that the process reports, one JSON object a line, until it ends."""
    with open(read_end, encoding="utf-8", closefd=False) as lines:
        for line in lines:
            yield json.loads(line)
