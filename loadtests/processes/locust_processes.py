"""Starts the Locust processes of a run: a master, its workers, and a Celery worker if a contender needs one."""

import math
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from stampede.core.files import PACKAGE
from stampede.core.network import free_port
from stampede.core.private_files import empty_file
from stampede.loadtests.coordinator.celery_process import CeleryProcess
from stampede.loadtests.coordinator.fault_injection import available_faults, serve_requests
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.loadtests.processes.process_logs import hide_secrets
from stampede.loadtests.processes.remote import HostPort, read_address
from stampede.loadtests.processes.run_end import CUT_GRACE_S, GRACE_S, end_processes
from stampede.loadtests.processes.user_imports import worker_environment
from stampede.stack.servers import Stack

LOCUSTFILE = PACKAGE / "loadtests" / "locustfiles" / "locustfile.py"


@contextmanager
def locust_processes(
    config: RunConfig, stack: Stack, *, web_port: int | None, base_path: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], list[subprocess.Popen[bytes]], int]]:
    """Start a master and its workers; end them when the block ends.

    Each leads its own session and is registered with the supervisor, so that it dies with this process. Yields the
    master, the workers, and the file descriptor from which the master's events are read.
    """
    read_end, write_end = os.pipe()
    near_end, far_end = socket.socketpair()
    celery: CeleryProcess | None = None
    with tempfile.TemporaryDirectory(prefix="run-config-", dir=stack.directory) as private:
        master_config, worker_config = Path(private) / "master.json", Path(private) / "worker.json"
        replace(config, progress_fd=write_end, switch_fd=far_end.fileno()).write(master_config)
        config.write(worker_config)
        address = read_address("bind", config.bind or f"127.0.0.1:{free_port()}")
        master_command = master_arguments(config, address, web_port, base_path)
        children: list[subprocess.Popen[bytes]] = []
        folder = Path(config.folder)
        grace_s = GRACE_S if config.bind else CUT_GRACE_S  # finished cells are written already
        try:
            inherited = [write_end, far_end.fileno()]
            children.append(start_locust(master_command, master_config, folder / "locust-master.log", inherited))
            os.close(write_end)
            far_end.close()
            celery = CeleryProcess(stack, worker_config, folder / "celery-worker.log")
            serve_requests(
                near_end, {**available_faults(stack), "start celery": celery.start, "stop celery": celery.stop}
            )
            children += start_workers(config, address, worker_config)
            for child in children:
                stack.register_child(child.pid)
            yield children[0], children[1:], read_end
            grace_s = GRACE_S
        finally:
            end_processes(children, grace_s)
            if celery is not None:
                celery.kill()
            hide_secrets(folder.glob("*.log"), config.postgres_url, config.redis_url)
            os.close(read_end)
            for end in (near_end, far_end):
                end.close()


def master_arguments(config: RunConfig, address: HostPort, web_port: int | None, base_path: str) -> list[str]:
    """The arguments of the master's command. `web_port`: the port of its page; None: no page."""
    users = str(config.processes * config.users_per_process)
    ends = ["--master-bind-host", address.host, "--master-bind-port", str(address.port), "--stop-timeout", "10"]
    count = ["--users", users, "--spawn-rate", users, "--expect-workers", str(config.processes)]
    count += ["--expect-workers-max-wait", str(math.ceil(config.wait_s))] if config.bind else []
    page = ["--headless"] if web_port is None else ["--web-host", "127.0.0.1", "--web-port", str(web_port)]
    page += ["--web-base-path", base_path] if base_path else []
    return ["--master", *ends, *count, *page]


def start_workers(config: RunConfig, address: HostPort, config_file: Path) -> list[subprocess.Popen[bytes]]:
    """Start the workers of this machine; none if the bench waits for workers of other machines."""
    join = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(address.port)]
    local_workers = 0 if config.bind else config.processes
    logs = [Path(config.folder) / f"locust-worker-{process}.log" for process in range(local_workers)]
    return [start_locust(join, config_file, log, []) for log in logs]


def start_locust(
    arguments: Sequence[str], config_file: Path, log: Path, inherited: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start one Locust process that ignores the user's Locust settings (environment and ~/.locust.conf)."""
    command = [sys.executable, "-P", "-m", "locust", "-f", str(LOCUSTFILE)]
    command += [*arguments, "--run-config", str(config_file), "--only-summary", "--loglevel", "WARNING"]
    with empty_file(log).open("wb") as output:
        output.write(f"$ {shlex.join(command[3:])}\n".encode())
        output.flush()
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=worker_environment(config_file.parent),
            cwd=config_file.parent,
            pass_fds=inherited,
            start_new_session=True,
        )
