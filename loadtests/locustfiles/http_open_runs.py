"""Open arrivals over HTTP: starts one Locust process that makes each call when it is due, cell after cell."""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from stampede.core.errors import BenchFailed
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.locustfiles.http_page import http_locust

ANSWER_WITHIN_S = 120.0
"""How long Locust may take to start, or to reply after the last call of a cell."""
LEAD_NS = 30_000_000
"""Time between a request to Locust and the first call, so that sending the request makes no call late."""

LOCUSTFILE = "http_open_users.py"

Instants = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class HttpCalls:
    """The calls of a cell, in the order of their due times; instants count from the beginning of the cell."""

    due_ns: Instants
    start_ns: Instants
    end_ns: Instants
    status: Instants
    """The HTTP status; 0: no answer."""


class HttpCallers:
    """The users of a running Locust process, and the socket that carries the calls to make and their results."""

    def __init__(self, connection: socket.socket, log: Path) -> None:
        self.requests = connection.makefile("w", encoding="utf-8")
        self.replies = connection.makefile("r", encoding="utf-8")
        self.log = log

    def read_reply(self) -> dict[str, Any]:
        """The next reply. Raises BenchFailed, with the last log line, if Locust ended or does not reply."""
        try:
            line = self.replies.readline()
        except OSError as error:
            raise BenchFailed(f"Locust did not answer in {ANSWER_WITHIN_S:g} s") from error
        if not line:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise BenchFailed(f"Locust ended: {lines[-1] if lines else 'no output'}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def call(self, url: str, due_ns: Instants) -> HttpCalls:
        """Call the URL at those instants from now. Returns when all calls have ended."""
        begin_ns = now_ns() + LEAD_NS
        self.requests.write(json.dumps({"url": url, "due_ns": (due_ns + begin_ns).tolist()}) + "\n")
        self.requests.flush()
        reply = self.read_reply()
        start_ns, end_ns = (np.array(reply[name], dtype=np.int64) - begin_ns for name in ("start_ns", "end_ns"))
        return HttpCalls(
            due_ns=due_ns, start_ns=start_ns, end_ns=end_ns, status=np.array(reply["status"], dtype=np.int64)
        )


@contextmanager
def open_callers(users: int, directory: Path, register_child: Callable[[int], None]) -> Iterator[HttpCallers]:
    """Start Locust and wait until all users are ready; end it when the block ends."""
    near, far = socket.socketpair()
    with near, far, TemporaryDirectory(prefix="callers-", dir=directory) as private:
        near.settimeout(ANSWER_WITHIN_S)
        log = Path(private) / "log"
        with http_locust(
            "http://127.0.0.1", arguments(users, far), directory, log, LOCUSTFILE, [far.fileno()]
        ) as child:
            far.close()
            register_child(child.pid)
            callers = HttpCallers(near, log)
            callers.read_reply()
            yield callers


def arguments(users: int, connection: socket.socket) -> Sequence[str]:
    count = ["--users", str(users), "--spawn-rate", str(users)]
    return ["--headless", *count, "--only-summary", "--calls-fd", str(connection.fileno())]
