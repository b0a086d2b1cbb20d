"""Run the cells of a bench: start the Locust processes, take the master's events, write how the run ended.

The coordinator in Locust's master runs the individual cells.
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
    recorded_failure,
    stop_reason,
)
from stampede.run_folder.read import read_run
from stampede.run_folder.write import RunWriter
from stampede.stack.servers import Stack

OnEvent = Callable[[Mapping[str, Any]], None]


def run_bench(config: RunConfig, stack: Stack, on_event: OnEvent) -> None:
    """Run every cell. Raises BenchFailed if the harness broke or the folder cannot be written; KeyboardInterrupt
    passes through.

    In each case the folder records how the run ended and keeps the finished cells.
    """
    status, why, folder = "failed", "", Path(config.folder)
    try:
        run_cells(config, stack, on_event)
        status = read_run(folder).info.status
    except KeyboardInterrupt:
        status = "cut"
        raise
    except ConfigError:
        if not read_run(folder).done:  # no cell ran: leave no empty folder
            shutil.rmtree(folder)
        raise
    except (BenchFailed, RunFolderError, OSError) as failed:
        why = str(failed)
    finally:
        status = status if status in ("finished", "cut") else "failed"
        if status == "failed":
            why = how_a_server_ended(stack) or why or recorded_failure(folder)
            why = why or f"the harness broke: see {folder / 'locust-master.log'}"
        close_run(folder, status, why if status == "failed" else "")
    if status != "finished":
        raise BenchFailed(why)
    if not read_run(folder).done:
        why = next((cell.why for cell in read_run(folder).info.cells if cell.why), "no reason is recorded")
        raise BenchFailed(f"no cell finished: {why}")


def run_cells(config: RunConfig, stack: Stack, on_event: OnEvent) -> None:
    """Start the Locust processes and pass the master's events on until it ends.

    Raises BenchFailed with the first reason of a failure, ConfigError if a worker was refused or too few joined.
    """
    joined, why, folder = 0, "", Path(config.folder)
    try:
        with locust_processes(config, stack, web_port=None) as (master, workers, progress):
            for event in events_from(progress, master, workers, lambda: stop_reason(stack, folder)):
                if event["event"] == "refused":
                    raise ConfigError("expect", event["who"], event["want"])
                joined = max(joined, event.get("workers", 0))
                if event["event"] == "broken":
                    ended = how_a_worker_ended(workers, ENDING_S) if event["worker_left"] else ""
                    why = why or ended or event["why"]
                on_event(event)
            if config.bind and joined < config.processes:
                want = f"that many workers at {config.bind} within {config.wait_s:g} s: {joined or 'none'} joined"
                raise ConfigError("expect", config.processes, want)
            why = why or how_master_ended(master, folder)
            if why:
                raise BenchFailed(why)  # inside the block, so that its processes are ended at once
    except (BenchFailed, RunFolderError, OSError) as failed:
        raise BenchFailed(why or str(failed)) from failed


def close_run(folder: Path, status: str, why: str = "") -> None:
    """Write how and when the run ended, and why it failed. If the folder is gone or full, nothing is written."""
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
    stop_reason: Callable[[], str],
) -> Iterator[Mapping[str, Any]]:
    """The master's events, until it reports the end of the run or exits.

    Raises BenchFailed if a worker exits before that, or if `trouble` returns a reason why the run cannot continue.
    """
    pending = b""
    while True:
        ready, _, _ = select.select([progress], [], [], 0.5)
        if not ready:
            why = stop_reason() or ("" if master.poll() is not None else how_a_worker_ended(workers))
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
