"""The Locust processes of a run: a master, its workers, and a Celery worker where a contender needs one."""

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
from stampede.loadtests.coordinator.fault_injection import doings, serve_asked
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.loadtests.processes.process_logs import hide_secrets
from stampede.loadtests.processes.remote import Address, read_address
from stampede.loadtests.processes.run_end import CUT_GRACE_S, GRACE_S, end_processes
from stampede.loadtests.processes.user_imports import worker_environment
from stampede.stack.servers import Stack

LOCUSTFILE = PACKAGE / "loadtests" / "locustfiles" / "locustfile.py"


@contextmanager
def locust_processes(
    spec: RunConfig, stack: Stack, *, web_port: int | None, base_path: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], list[subprocess.Popen[bytes]], int]]:
    """A master and its workers, each in a session of its own, registered to die with us; ended when the block ends.

    Yields the master, the workers, and the file descriptor from which the master's events are read.
    """
    read_end, write_end = os.pipe()
    near_end, far_end = socket.socketpair()
    celery: CeleryProcess | None = None
    with tempfile.TemporaryDirectory(prefix="orders-", dir=stack.directory) as private:
        master_spec, worker_spec = Path(private) / "spec.json", Path(private) / "worker.json"
        replace(spec, progress_fd=write_end, switch_fd=far_end.fileno()).write(master_spec)
        spec.write(worker_spec)
        listens = read_address("bind", spec.bind or f"127.0.0.1:{free_port()}")
        master_words = master_arguments(spec, listens, web_port, base_path)
        children: list[subprocess.Popen[bytes]] = []
        folder = Path(spec.folder)
        grace_s = GRACE_S if spec.bind else CUT_GRACE_S  # what finished is written: nothing is lost with them
        try:
            inherited = [write_end, far_end.fileno()]
            children.append(start_locust(master_words, master_spec, folder / "locust-master.log", inherited))
            os.close(write_end)
            far_end.close()
            celery = CeleryProcess(stack, worker_spec, folder / "celery-worker.log")
            serve_asked(near_end, {**doings(stack), "start celery": celery.start, "stop celery": celery.stop})
            children += start_workers(spec, listens, worker_spec)
            for child in children:
                stack.register_child(child.pid)
            yield children[0], children[1:], read_end
            grace_s = GRACE_S
        finally:
            end_processes(children, grace_s)
            if celery is not None:
                celery.kill()
            hide_secrets(folder.glob("*.log"), spec.postgres_url, spec.redis_url)
            os.close(read_end)
            for end in (near_end, far_end):
                end.close()


def master_arguments(spec: RunConfig, listens: Address, web_port: int | None, base_path: str) -> list[str]:
    """The words of the master's command. `web_port`: of its page; None: it has none."""
    users = str(spec.processes * spec.users_per_process)
    ends = ["--master-bind-host", listens.host, "--master-bind-port", str(listens.port), "--stop-timeout", "10"]
    count = ["--users", users, "--spawn-rate", users, "--expect-workers", str(spec.processes)]
    count += ["--expect-workers-max-wait", str(math.ceil(spec.wait_s))] if spec.bind else []
    page = ["--headless"] if web_port is None else ["--web-host", "127.0.0.1", "--web-port", str(web_port)]
    page += ["--web-base-path", base_path] if base_path else []
    return ["--master", *ends, *count, *page]


def start_workers(spec: RunConfig, listens: Address, spec_file: Path) -> list[subprocess.Popen[bytes]]:
    """Start the workers of this machine: none where the bench waits for workers of other machines."""
    join = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(listens.port)]
    here = 0 if spec.bind else spec.processes
    logs = [Path(spec.folder) / f"locust-worker-{process}.log" for process in range(here)]
    return [start_locust(join, spec_file, log, []) for log in logs]


def start_locust(
    arguments: Sequence[str], spec_file: Path, log: Path, inherited: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start one Locust process, deaf to the user's own Locust settings (environment and ~/.locust.conf)."""
    command = [sys.executable, "-P", "-m", "locust", "-f", str(LOCUSTFILE)]
    command += [*arguments, "--spec", str(spec_file), "--only-summary", "--loglevel", "WARNING"]
    with empty_file(log).open("wb") as output:
        output.write(f"$ {shlex.join(command[3:])}\n".encode())
        output.flush()
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=worker_environment(spec_file.parent),
            cwd=spec_file.parent,
            pass_fds=inherited,
            start_new_session=True,
        )
