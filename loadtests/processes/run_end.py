"""How a run ends: its processes, and the one line about why it failed."""

import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from stampede.core.errors import RunFolderError
from stampede.run_folder.read import read_run
from stampede.stack.servers import Stack
from stampede.stack.supervisor.supervisor_client import how, last_line

MASTER_ENDS_S = 30.0
"""How long Locust's master may take to end once it has told that all is over."""
ENDING_S = 2.0
"""How long a server or a worker that is about to end may take, until another reason is given for the failure."""
GRACE_S = 8.0
"""How long processes that are asked to end may take, until they are killed."""
CUT_GRACE_S = 2.0
"""The same where the run is cut or has failed."""


def recorded_why(folder: Path) -> str:
    """Why the run failed, as Locust's master has written it; empty: it has not."""
    with suppress(RunFolderError):
        return next((r["what"] for r in read_run(folder).info.remarks if r["name"] == "harness"), "")
    return ""


def trouble(stack: Stack, folder: Path) -> str:
    """Why a run cannot go on, as far as it can be seen from here; empty: it can."""
    return stack.ended() or ("" if folder.is_dir() else f"{folder}: the run folder is gone")


def how_a_server_ended(stack: Stack) -> str:
    """As `Stack.ended`; one that is about to end is given ENDING_S."""
    give_up = time.monotonic() + ENDING_S
    while not (ended := stack.ended()) and time.monotonic() < give_up:
        time.sleep(0.1)
    return ended


def how_a_worker_ended(workers: Sequence[subprocess.Popen[bytes]], within_s: float = 0.0) -> str:
    """Which of Locust's workers ended, and how; empty: none. `within_s`: for one that has left and is about to end."""
    give_up = time.monotonic() + within_s
    while True:
        for number, worker in enumerate(workers):
            if worker.poll() is not None:
                return f"application server {number} ended ({how(worker.returncode)})"
        if time.monotonic() >= give_up:
            return ""
        time.sleep(0.05)


def how_master_ended(master: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait until Locust's master has ended. Empty: as it should; else how, and its last line."""
    try:
        code = master.wait(timeout=MASTER_ENDS_S)
    except subprocess.TimeoutExpired:
        return f"Locust's master did not end within {MASTER_ENDS_S:g} s"
    with suppress(RunFolderError):
        if read_run(folder).info.status == "finished" or (not code and read_run(folder).info.status != "running"):
            return ""
    words = last_line(folder / "locust-master.log")
    said = "" if words.startswith("$ ") else f"; the last line of its log: {words}"  # that is its command
    return f"Locust's master ended ({how(code)}){said}"


def end_processes(children: Sequence[subprocess.Popen[bytes]], grace_s: float = GRACE_S) -> None:
    """Ask them to end, then make them; each leads a session of its own."""
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
