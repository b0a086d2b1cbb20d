"""Start and stop the Celery worker process, in the process that may register children, so that it ends with the run."""

import json
import subprocess
import sys
import time
from pathlib import Path

from stampede.core.errors import LoadProcessError
from stampede.core.private_files import empty_file
from stampede.stack.servers import Stack

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
POLL_EVERY_S = 0.01


class WorkerFailed(LoadProcessError):
    """The Celery worker did not start or did not end."""


class CeleryProcess:
    """Starts and stops a Celery worker; at most one runs at a time."""

    def __init__(self, stack: Stack, spec_file: Path, log: Path) -> None:
        self.stack = stack
        self.spec_file = spec_file
        self.log = log
        self.facts = spec_file.with_name("celery-facts")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, scenario: str, contender: str) -> None:
        """Start the worker; return once it takes tasks. Raises WorkerFailed."""
        self.facts.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", "stampede.loadtests.appserver.celery_worker"]
        command += [str(self.spec_file), scenario, contender, str(self.facts)]
        with (self.log if self.log.exists() else empty_file(self.log)).open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.stack.register_child(self.process.pid)
        give_up = time.monotonic() + READY_WITHIN_S
        while not self.facts.exists():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise WorkerFailed(f"the Celery worker did not start: see {self.log}")
            time.sleep(POLL_EVERY_S)

    def stop(self) -> list[tuple[str, int, int, int]]:
        """End the worker. Returns a row for each finished task: the record's key, triggered, begun, done (ns). Raises
        WorkerFailed."""
        if self.process is None:
            return []
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired as late:
            raise WorkerFailed(f"the Celery worker did not end in {STOP_WITHIN_S:.0f} s: see {self.log}") from late
        finally:
            self.kill()
        return [tuple(json.loads(line)) for line in self.facts.read_text().splitlines()[1:]]

    def kill(self) -> None:
        """Kill the worker if it still runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
