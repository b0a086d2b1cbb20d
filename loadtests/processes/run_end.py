"""Ends the processes of a run, and finds the one line that explains a failure."""

import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stampede.core.errors import RunFolderError
from stampede.run_folder.read import read_run
from stampede.stack.servers import Stack
from stampede.stack.supervisor.supervisor_client import exit_text, last_line

MASTER_ENDS_S = 30.0
"""How long Locust's master may take to exit after it reported the end of the run."""
ENDING_S = 2.0
"""How long to wait for the exit of a failing server or worker before the failure is explained otherwise."""
GRACE_S = 8.0
"""Time between SIGTERM and SIGKILL."""
CUT_GRACE_S = 2.0
"""The same for a run that was stopped or failed."""


def recorded_failure(folder: Path) -> str:
    """The reason for the failure that Locust's master wrote into the run folder; empty if it wrote none."""
    with suppress(RunFolderError):
        return next((r["what"] for r in read_run(folder).info.remarks if r["name"] == "harness"), "")
    return ""


def stop_reason(stack: Stack, folder: Path) -> str:
    """Why the run cannot continue: a server ended, or the run folder is gone; empty if it can."""
    return stack.ended() or ("" if folder.is_dir() else f"{folder}: the run folder is gone")


def how_a_server_ended(stack: Stack) -> str:
    """The result of `Stack.ended`, after waiting up to ENDING_S for a server that is about to end."""
    give_up = time.monotonic() + ENDING_S
    while not (ended := stack.ended()) and time.monotonic() < give_up:
        time.sleep(0.1)
    return ended


def how_a_worker_ended(workers: Sequence[subprocess.Popen[bytes]], within_s: float = 0.0) -> str:
    """Which of Locust's workers ended, and how; empty if none did. `within_s`: how long to wait for an exit."""
    give_up = time.monotonic() + within_s
    while True:
        for number, worker in enumerate(workers):
            if worker.poll() is not None:
                return f"application server {number} ended ({exit_text(worker.returncode)})"
        if time.monotonic() >= give_up:
            return ""
        time.sleep(0.05)


def how_master_ended(master: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait until Locust's master has exited. Empty if it exited normally; else how it ended, and its last log line."""
    try:
        code = master.wait(timeout=MASTER_ENDS_S)
    except subprocess.TimeoutExpired:
        return f"Locust's master did not end within {MASTER_ENDS_S:g} s"
    with suppress(RunFolderError):
        if read_run(folder).info.status == "finished" or (not code and read_run(folder).info.status != "running"):
            return ""
    line = last_line(folder / "locust-master.log")
    detail = "" if line.startswith("$ ") else f"; the last line of its log: {line}"  # "$ …" is its own command
    return f"Locust's master ended ({exit_text(code)}){detail}"


def end_processes(children: Sequence[subprocess.Popen[bytes]], grace_s: float = GRACE_S) -> None:
    """Send SIGTERM, and after `grace_s` SIGKILL. Each process leads its own session."""
    for number, within_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, GRACE_S)):
        alive = [child for child in children if child.poll() is None]
        for child in alive:
            child.send_signal(number)
        give_up = time.monotonic() + within_s
        for child in alive:
            try:
                child.wait(timeout=max(0.0, give_up - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
