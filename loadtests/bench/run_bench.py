"""Runs the cells of a bench: starts the Locust processes, takes the master's events, writes how the run ended.

The coordinator in Locust's master runs the cells themselves.
"""

import json
import os
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stampede.core.errors import BenchFailed, ConfigError, RunFolderError, WriteFailed
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.loadtests.processes.locust_processes import locust_processes
from stampede.loadtests.processes.run_end import (
    ENDING_S,
    how_a_server_ended,
    how_a_worker_ended,
    how_master_ended,
    recorded_why,
    trouble,
)
from stampede.run_folder.read import read_run
from stampede.run_folder.write import RunWriter
from stampede.stack.servers import Stack

OnEvent = Callable[[Mapping[str, Any]], None]


def run_bench(spec: RunConfig, stack: Stack, on_event: OnEvent) -> None:
    """Run every cell. Raises BenchFailed where the harness broke or the folder cannot be written; KeyboardInterrupt
    passes through.

    Either way the folder says what became of the run, and keeps the cells that were finished.
    """
    status, why, folder = "failed", "", Path(spec.folder)
    try:
        run_cells(spec, stack, on_event)
        status = read_run(folder).info.status
    except KeyboardInterrupt:
        status = "cut"
        raise
    except ConfigError:
        if not read_run(folder).done:  # it never began
            shutil.rmtree(folder)
        raise
    except (BenchFailed, RunFolderError, OSError) as failed:
        why = str(failed)
    finally:
        status = status if status in ("finished", "cut") else "failed"
        if status == "failed":
            why = how_a_server_ended(stack) or why or recorded_why(folder)
            why = why or f"the harness broke: see {folder / 'locust-master.log'}"
        close_run(folder, status, why if status == "failed" else "")
    if status != "finished":
        raise BenchFailed(why)
    if not read_run(folder).done:
        raise BenchFailed(f"no cell finished: {next((c.why for c in read_run(folder).info.cells if c.why), 'no word')}")


def run_cells(spec: RunConfig, stack: Stack, on_event: OnEvent) -> None:
    """Start the Locust processes and pass the master's events on until it ends.

    Raises BenchFailed with the first reason of a failure, ConfigError where a worker was refused or too few came.
    """
    came, why, folder = 0, "", Path(spec.folder)
    try:
        with locust_processes(spec, stack, web_port=None) as (master, workers, progress):
            for event in events_from(progress, master, workers, lambda: trouble(stack, folder)):
                if event["event"] == "refused":
                    raise ConfigError("expect", event["who"], event["want"])
                came = max(came, event.get("workers", 0))
                if event["event"] == "broken":
                    ended = how_a_worker_ended(workers, ENDING_S) if event["worker_left"] else ""
                    why = why or ended or event["why"]
                on_event(event)
            if spec.bind and came < spec.processes:
                want = f"that many workers at {spec.bind} within {spec.wait_s:g} s: {came or 'none'} came"
                raise ConfigError("expect", spec.processes, want)
            why = why or how_master_ended(master, folder)
            if why:
                raise BenchFailed(why)  # inside the block: its processes get no time to end, as they do after a run
    except (BenchFailed, RunFolderError, OSError) as failed:
        raise BenchFailed(why or str(failed)) from failed


def close_run(folder: Path, status: str, why: str = "") -> None:
    """Write how the run ended, when, and why it failed. A folder that is gone or full stays as it is."""
    with suppress(RunFolderError, WriteFailed):
        run = read_run(folder).info
        run.status = status
        run.finished_utc = datetime.now(UTC).isoformat(timespec="seconds")
        if why:
            run.remarks = [r for r in run.remarks if r["name"] != "harness"]
            run.remarks.append({"name": "harness", "what": why, "cost": "all"})
        RunWriter(folder, run)


def events_from(
    progress: int,
    master: subprocess.Popen[bytes],
    workers: Sequence[subprocess.Popen[bytes]],
    trouble: Callable[[], str],
) -> Iterator[Mapping[str, Any]]:
    """The master's events, until it reports the end of the run or ends itself. Raises BenchFailed when a worker ends
    before, or where `trouble` gives a reason why the run cannot go on.
    """
    pending = b""
    while True:
        ready, _, _ = select.select([progress], [], [], 0.5)
        if not ready:
            why = trouble() or ("" if master.poll() is not None else how_a_worker_ended(workers))
            if why:
                raise BenchFailed(why)
            continue
        data = os.read(progress, 65536)
        if not data:
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["event"] == "over":
                return
            yield event
