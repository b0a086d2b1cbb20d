"""Open arrivals over HTTP: one Locust process that makes calls when they are due, cell after cell."""

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
"""How long Locust may take to start, or beyond a cell's last call to answer for it."""
LEAD_NS = 30_000_000
"""Between an order and its first call, so that none is late because of the order."""

LOCUSTFILE = "http_open_users.py"

Instants = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class HttpCalls:
    """The calls of a cell, in the order in which they were due; instants from the cell's begin."""

    due_ns: Instants
    start_ns: Instants
    end_ns: Instants
    status: Instants
    """HTTP's; 0: nobody answered."""


class Callers:
    """Users of a Locust process that runs, and the socket through which it is told what to call."""

    def __init__(self, line: socket.socket, log: Path) -> None:
        self.orders = line.makefile("w", encoding="utf-8")
        self.answers = line.makefile("r", encoding="utf-8")
        self.log = log

    def hear(self) -> dict[str, Any]:
        """Its next answer. Raises BenchFailed with its last line where it ended or is silent."""
        try:
            line = self.answers.readline()
        except OSError as error:
            raise BenchFailed(f"Locust did not answer in {ANSWER_WITHIN_S:g} s") from error
        if not line:
            words = self.log.read_text(errors="replace").strip().splitlines()
            raise BenchFailed(f"Locust ended: {words[-1] if words else 'no word'}")
        found: dict[str, Any] = json.loads(line)
        return found

    def call(self, url: str, due_ns: Instants) -> HttpCalls:
        """Call the address at those instants from now; once all calls have ended."""
        begin_ns = now_ns() + LEAD_NS
        self.orders.write(json.dumps({"url": url, "due_ns": (due_ns + begin_ns).tolist()}) + "\n")
        self.orders.flush()
        told = self.hear()
        start_ns, end_ns = (np.array(told[name], dtype=np.int64) - begin_ns for name in ("start_ns", "end_ns"))
        return HttpCalls(
            due_ns=due_ns, start_ns=start_ns, end_ns=end_ns, status=np.array(told["status"], dtype=np.int64)
        )


@contextmanager
def open_callers(users: int, directory: Path, register_child: Callable[[int], None]) -> Iterator[Callers]:
    """Locust with so many users, once they are there; ended with the block."""
    near, far = socket.socketpair()
    with near, far, TemporaryDirectory(prefix="callers-", dir=directory) as private:
        near.settimeout(ANSWER_WITHIN_S)
        log = Path(private) / "log"
        with http_locust(
            "http://127.0.0.1", arguments(users, far), directory, log, LOCUSTFILE, [far.fileno()]
        ) as child:
            far.close()
            register_child(child.pid)
            callers = Callers(near, log)
            callers.hear()
            yield callers


def arguments(users: int, line: socket.socket) -> Sequence[str]:
    count = ["--users", str(users), "--spawn-rate", str(users)]
    return ["--headless", *count, "--only-summary", "--orders-fd", str(line.fileno())]
